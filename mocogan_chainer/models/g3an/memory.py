"""How much of a training step must be kept for its backward pass."""

from __future__ import annotations

from math import prod

from mocogan_chainer.models.g3an import sizes
from mocogan_chainer.models.sizes import doubling_widths


def activation_floats(*, size: int, length: int, batchsize: int, ch_g: int, ch_d: int, mode: str) -> int:
    """Estimate the numbers alive at the end of the largest update, without attention's.

    The generator's activations are alive all the time; beside them stand those of the video discriminator's update on
    real or generated videos, or what both discriminators leave when frozen, which is less.
    """
    return batchsize * (_generator(size, length, ch_g, mode) + _video_discriminator(size, length, ch_d))


def _generator(size: int, length: int, ch: int, mode: str) -> int:
    """Numbers that a video leaves: each layer's before and after normalization, the joined streams, and the video."""
    base, doublings = sizes.split_size(size)
    time, side = length // 4, base
    total = 2 * 3 * length * size * size
    for i, width in enumerate(sizes.generator_widths(ch, doublings)):
        earlier = time, side
        time, side = time * (2 if sizes.doubles_time(i) else 1), side * (2 if i else 1)
        between = {"1p2d": time * earlier[1] ** 2, "2p1d": earlier[0] * side**2, "3d": 0}[mode]
        video = time * side**2
        total += width * (2 * (video + between + time + side**2) + 2 * video)
    return total


def _video_discriminator(size: int, length: int, ch: int) -> int:
    """Numbers that a video leaves: each layer's input, and a byte for each number that is rectified."""
    _, halvings = sizes.split_size(size)
    shape, total = [length, size, size], 3 * length * size * size
    widths = doubling_widths(ch, halvings)
    for width, in_time in zip(widths, sizes.halvings_in_time(halvings), strict=True):
        shape = [shape[0], shape[1] // 2, shape[2] // 2]
        total += width * prod(shape) * 5 // 4
        if in_time:
            shape[0] -= 3
            total += width * prod(shape) * 5 // 4
    return total
