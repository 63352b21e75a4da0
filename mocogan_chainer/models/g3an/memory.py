"""How many numbers a training step holds at once."""

from __future__ import annotations

from math import prod

from mocogan_chainer.functions.attention import MOST_WEIGHTS
from mocogan_chainer.models.g3an import sizes
from mocogan_chainer.models.g3an.attention import narrow_width
from mocogan_chainer.models.sizes import doubling_widths


def activation_floats(
    *, size: int, length: int, batchsize: int, ch_g: int, ch_d: int, mode: str, attention: bool, weights: int
) -> int:
    """Estimate the most numbers alive at once, without parameters, their gradients and the backend's buffers.

    The real videos and the generator's activations are alive all the time. In addition come those of the video
    discriminator as it learns, or in the generator's update what the frozen one leaves; and in the backward pass the
    gradients around the widest layer, or attention's.

    Args:
        weights: of all networks that are spectrally normalized; their quotients are kept too.
    """
    pixels = length * size * size
    widths = sizes.generator_widths(ch_g, sizes.split_size(size)[1])
    learning, frozen = _video_discriminator(size, length, ch_d)
    gradients = batchsize * 4 * widths[-1] * pixels  # of the joined streams, and a half's before and behind a layer
    always = 3 * pixels + _generator(size, length, widths, mode)
    if attention:
        kept, on_the_way_back = _attention(size, length, batchsize, 2 * widths[sizes.BLOCK_BEFORE_ATTENTION])
        always += kept
        gradients = max(gradients, on_the_way_back)
    return weights + batchsize * always + max(batchsize * learning, batchsize * frozen + gradients)


def _generator(size: int, length: int, widths: list[int], mode: str) -> int:
    """Numbers that a video keeps: the layers' before normalization, all layers' inputs, and the video."""
    base, _ = sizes.split_size(size)
    time, side = length // 4, base
    earlier = time - 3, 1  # steps of motion
    total = 3 * length * size * size
    for i, width in enumerate(widths):
        if i:
            earlier, time, side = (time, side), time * (2 if sizes.doubles_time(i) else 1), side * 2
        between = {"1p2d": time * earlier[1] ** 2, "2p1d": earlier[0] * side**2, "3d": 0}[mode]
        spatial_and_temporal = 2 * (side**2 + time)
        total += width * (3 * time * side**2 + 2 * between + spatial_and_temporal)
    return total


def _attention(size: int, length: int, batchsize: int, channels: int) -> tuple[int, int]:
    """Numbers that a video keeps, and those that the backward pass needs besides what all videos keep."""
    base, _ = sizes.split_size(size)
    places = (base << sizes.BLOCK_BEFORE_ATTENTION) ** 2
    of_layers = length * places * (3 * channels + 2 * narrow_width(channels))
    frames = min(batchsize * length, max(MOST_WEIGHTS // places**2, 1))  # that attention over space takes at once
    return 2 * of_layers, batchsize * of_layers + 2 * frames * places**2


def _video_discriminator(size: int, length: int, ch: int) -> tuple[int, int]:
    """Numbers that a video leaves in a network that learns, with the gradients around a layer, and in a frozen one.

    The one keeps each layer's input, the video aside, and both a byte for each number that is rectified.
    """
    _, halvings = sizes.split_size(size)
    shape, rectified = [length, size, size], 0
    widths = doubling_widths(ch, halvings)
    for width, in_time in zip(widths, sizes.halvings_in_time(halvings), strict=True):
        shape = [shape[0], shape[1] // 2, shape[2] // 2]
        rectified += width * prod(shape)
        if in_time:
            shape[0] -= 3
            rectified += width * prod(shape)
    return rectified * 5 // 4 + 3 * ch * length * (size // 2) ** 2, rectified // 4
