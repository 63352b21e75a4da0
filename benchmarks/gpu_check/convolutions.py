"""Every convolution of a MoCoGAN step, in every precision, against the reference in float64 on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from benchmarks.gpu_check.place import Place, error  # first: it makes chainer importable
from benchmarks.gpu_check.results import Results
from mocogan_chainer.backends import Backend, Geometry, stock

BOUNDS = {"float32": 2e-5, "tf32": 3e-3, "bf16": 2e-2, "fp16": 3e-3}
"""Of errors relative to the largest number."""

Layer = tuple[str, tuple[int, ...], tuple[int, ...], Geometry]


def layers(batch: int, filters: int) -> Iterator[Layer]:
    """Yield name, shapes of x and W and geometry of each layer; a deconvolution's are those of what it undoes."""
    widths = [3, *(filters * 2**i for i in range(4))]
    halve, whole = Geometry((2, 2), (1, 1)), Geometry((1, 1), (0, 0))
    halve3, whole3 = Geometry((1, 2, 2), (0, 1, 1)), Geometry((1, 1, 1), (0, 0, 0))
    for i, (c, o) in enumerate(pairwise(widths)):
        side, time = 64 >> i, 16 - 3 * i
        yield f"image_discriminator {i}", (batch, c, side, side), (o, c, 4, 4), halve
        yield f"video_discriminator {i}", (batch, c, time, side, side), (o, c, 4, 4, 4), halve3
        yield f"generator {4 - i}", (batch * 16, c, side, side), (o, c, 4, 4), halve
    last = widths[-1]
    yield "image_discriminator 4", (batch, last, 4, 4), (1, last, 4, 4), whole
    yield "video_discriminator 4", (batch, last, 4, 4, 4), (7, last, 4, 4, 4), whole3
    yield "generator 0", (batch * 16, last, 4, 4), (66, last, 4, 4), whole


def check(place: Place, results: Results, *, batch: int = 3, filters: int = 64) -> None:
    """Check the three passes of each layer.

    Its plans are chosen quickly, so the batch is one that makes no shape of a step that is timed.
    """
    for precision, bound in BOUNDS.items():
        backend = place.load(precision)
        for number, layer in enumerate(layers(batch, filters)):
            for kind in ("forward", "backward_data", "backward_weights"):
                results.check(
                    f"convolution {precision} {kind} {layer[0]}",
                    lambda kind=kind, layer=layer, n=number, b=backend, bound=bound: (
                        _error(place, b, kind, layer, n),
                        bound,
                    ),
                )


def _error(place: Place, backend: Backend, kind: str, layer: Layer, seed: int) -> float:
    _, x_shape, W_shape, geometry = layer
    rng = np.random.default_rng(seed)
    y_shape = (x_shape[0], W_shape[0], *geometry.output_size(x_shape[2:], W_shape[2:]))
    x, W, gy = (place.send(rng.standard_normal(shape, np.float32)) for shape in (x_shape, W_shape, y_shape))
    x64, W64, gy64 = (a.astype(np.float64) for a in (x, W, gy))
    if kind == "forward":
        return error(backend.convolution_forward(x, W, geometry), stock.convolution_forward(x64, W64, geometry))
    if kind == "backward_data":
        size = x_shape[2:]
        actual = backend.convolution_backward_data(gy, W, size, geometry)
        return error(actual, stock.convolution_backward_data(gy64, W64, size, geometry))
    actual = backend.convolution_backward_weights(x, gy, W_shape[2:], geometry)
    return error(actual, stock.convolution_backward_weights(x64, gy64, W_shape[2:], geometry))
