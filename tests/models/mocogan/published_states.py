"""State dicts under the published names, their layers' numbers and shapes written out by hand."""

import numpy as np

GENERATOR_16 = {  # 16 pixels, 2 filters, a code of 5 content, 2 categories, 3 motion
    "recurrent.weight_ih": (9, 3),
    "recurrent.weight_hh": (9, 3),
    "recurrent.bias_ih": (9,),
    "recurrent.bias_hh": (9,),
    "main.0.weight": (10, 4, 4, 4),
    "main.1": 4,
    "main.3.weight": (4, 2, 4, 4),
    "main.4": 2,
    "main.6.weight": (2, 3, 4, 4),
}
IMAGE_16 = {
    "main.1.weight": (2, 3, 4, 4),
    "main.4.weight": (4, 2, 4, 4),
    "main.5": 4,
    "main.7.weight": (1, 4, 4, 4),
}
VIDEO_16 = {
    "main.1.weight": (2, 3, 4, 4, 4),
    "main.4.weight": (4, 2, 4, 4, 4),
    "main.5": 4,
    "main.7.weight": (3, 4, 4, 4, 4),
}
PATCH_IMAGE_16 = {"main.1.weight": (2, 3, 4, 4), "main.4.weight": (1, 2, 4, 4)}
PATCH_VIDEO_16 = {"main.1.weight": (2, 3, 4, 4, 4), "main.3.weight": (1, 2, 4, 4, 4)}


def state(shapes, **changed):
    """Random arrays of the shapes; a layer with one number is a normalization of as many channels.

    ``changed`` gives other shapes, with "_" for "." in the names.
    """
    rng, arrays = np.random.default_rng(0), {}
    shapes = shapes | {name.replace("_", ".", 2): shape for name, shape in changed.items()}
    for name, shape in shapes.items():
        if isinstance(shape, int):
            for part in ("weight", "bias", "running_mean", "running_var"):
                arrays[f"{name}.{part}"] = rng.uniform(0.5, 1, shape).astype(np.float32)
        else:
            arrays[name] = rng.normal(0, 0.2, shape).astype(np.float32)
    return arrays
