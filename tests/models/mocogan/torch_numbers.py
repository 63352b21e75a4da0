"""Makes numbers.npz: what networks of the published layout compute in PyTorch, from weights of our random streams.

    PYTHONPATH=. python tests/models/mocogan/torch_numbers.py

numbers.npz was made with PyTorch 2.13 on a CPU; tests read it, and need no PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mocogan_chainer.models.mocogan import published
from tests.models.mocogan import numbered
from tests.models.mocogan.test_published_with_torch import discriminator, generator

MODULES = {
    "generator": lambda: generator(4, 21, 5),
    "image_discriminator": lambda: discriminator(2, (4, 8, 16, 32), "full", 1, False),
    "patch_image_discriminator": lambda: discriminator(2, (4, 8, 16), "patch", 1, True),
    "video_discriminator": lambda: discriminator(3, (4, 8, 16, 32), "full", 7, False),
    "patch_video_discriminator": lambda: discriminator(3, (4, 8, 16), "patch", 1, False),
}


def filled(name):
    """A module with the weights of our network of that name."""
    module = MODULES[name]()
    arrays = published.dump(numbered.network(name))
    module.load_state_dict({key: torch.from_numpy(np.array(array)) for key, array in arrays.items()})
    return module


def videos(module):
    """The generator's, frame by frame as the published code calls it."""
    z_content, category, h, e = (torch.from_numpy(a) for a in numbered.codes())
    fixed, frames = torch.cat([z_content, torch.eye(6)[category.long()]], 1), []
    for step in e:
        h = module.recurrent(step, h)
        frames.append(torch.cat([fixed, h], 1))
    n, length = len(z_content), len(frames)
    x = module.main(torch.stack(frames, 1).flatten(0, 1)[:, :, None, None])
    return x.unflatten(0, (n, length)).transpose(1, 2)


def of_generator():
    module = filled("generator")
    with torch.no_grad():
        found = {"eval": videos(module.eval())}
    module = filled("generator").train()
    found["train"] = videos(module)
    (found["train"] ** 2).sum().backward()
    found["gradient of the first weights"] = module.main[0].weight.grad
    found["gradient of the GRU's weights"] = module.recurrent.weight_hh.grad
    return found


def of_discriminator(name):
    x = torch.from_numpy(numbered.inputs(name))
    with torch.no_grad():
        found = {"eval": filled(name).eval().main(x)}
    module, x = filled(name).train(), x.requires_grad_()
    found["train"] = module.main(x)
    (found["train"] ** 2).sum().backward()
    found["gradient of the input"] = x.grad
    found["gradient of the first weights"] = module.main[1].weight.grad
    return found


if __name__ == "__main__":
    numbers = {}
    for name in MODULES:
        found = of_generator() if name == "generator" else of_discriminator(name)
        numbers |= {f"{name}/{key}": numbered.part(value.detach().numpy()) for key, value in found.items()}
    np.savez_compressed(Path(__file__).with_name("numbers.npz"), **numbers)
