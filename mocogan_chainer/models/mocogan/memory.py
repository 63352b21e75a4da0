"""How much of a training step must be kept for its backward pass."""

from __future__ import annotations

from math import prod

from mocogan_chainer.models.mocogan.sizes import split_size, temporal_kernels, widths

COPIES = 4
"""Of a block's activations: with noise, after the convolution, after normalization, after the rectifier."""


def activation_floats(
    *, size: int, length: int, batchsize: int, in_channels: int, n_filters_gen: int, n_filters_vdis: int
) -> int:
    """Estimate the numbers alive at the end of the larger of the two updates that hold videos.

    The video discriminator's update keeps the activations of real and generated videos; the generator's keeps the
    generator's own and one pass of the video discriminator. Smaller networks' activations are left out.
    """
    video_pass = _video_discriminator(size, length, in_channels, n_filters_vdis)
    generator_pass = _generator(size, length, n_filters_gen)
    return batchsize * max(2 * video_pass, video_pass + generator_pass)


def _video_discriminator(size: int, length: int, in_channels: int, n_filters: int) -> int:
    _, halvings = split_size(size)
    shape, channels, total = (length, size, size), in_channels, 0
    for width, kernel in zip(widths(n_filters, halvings), temporal_kernels(halvings), strict=True):
        total += channels * prod(shape)  # the block's input with its noise
        shape = (shape[0] - kernel + 1, shape[1] // 2, shape[2] // 2)
        channels = width
        total += (COPIES - 1) * channels * prod(shape)
    return total


def _generator(size: int, length: int, n_filters: int) -> int:
    _, doublings = split_size(size)
    total, side = 2 * 3 * length * size * size, size
    for width in widths(n_filters, doublings):
        side //= 2
        total += (COPIES - 1) * width * length * side * side
    return total
