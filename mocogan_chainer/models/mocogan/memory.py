"""How much of a training step must be kept for its backward pass."""

from __future__ import annotations

from math import prod

from mocogan_chainer.models.mocogan.sizes import split_size, temporal_kernels, widths

COPIES = 4
"""Of a block's activations: with noise, after the convolution, after normalization, after the rectifier."""


def activation_floats(
    *,
    size: int,
    length: int,
    batchsize: int,
    image_batchsize: int,
    in_channels: int,
    n_filters_gen: int,
    n_filters_idis: int,
    n_filters_vdis: int,
) -> int:
    """Estimate the numbers alive at the end of the largest update.

    A discriminator's update keeps its activations of real and generated samples; the generator's keeps the generator's
    own and one pass of both discriminators. The patch forms lack the last block; the estimate leaves that out.
    """
    _, halvings = split_size(size)
    video_kernels = temporal_kernels(halvings)
    video_pass = batchsize * _discriminator((length, size, size), video_kernels, in_channels, n_filters_vdis)
    image_pass = image_batchsize * _discriminator((1, size, size), [1] * halvings, in_channels, n_filters_idis)
    frames = batchsize * length + image_batchsize
    generator_pass = frames * _generator_frame(size, n_filters_gen)
    return max(2 * video_pass, 2 * image_pass, video_pass + image_pass + generator_pass)


def _discriminator(shape: tuple[int, int, int], kernels: list[int], in_channels: int, n_filters: int) -> int:
    """Numbers that one sample of this (T, H, W) leaves; ``kernels`` are the temporal ones."""
    channels, total = in_channels, 0
    for width, kernel in zip(widths(n_filters, len(kernels)), kernels, strict=True):
        total += channels * prod(shape)  # the block's input with its noise
        shape = (shape[0] - kernel + 1, shape[1] // 2, shape[2] // 2)
        channels = width
        total += (COPIES - 1) * channels * prod(shape)
    return total


def _generator_frame(size: int, n_filters: int) -> int:
    _, doublings = split_size(size)
    total, side = 2 * 3 * size * size, size
    for width in widths(n_filters, doublings):
        side //= 2
        total += (COPIES - 1) * width * side * side
    return total
