"""How much of a training step must be kept for its backward pass."""

from __future__ import annotations

from math import prod

from mocogan_chainer.models.mocogan.sizes import split_size, temporal_kernels
from mocogan_chainer.models.sizes import doubling_widths


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

    A discriminator's update keeps its activations of real or of generated samples; the generator's keeps its own and,
    of a discriminator's, what normalization needs. The patch forms lack the last block; the estimate leaves that out.
    """
    _, halvings = split_size(size)
    video, image = (length, size, size), (1, size, size)
    trained, frozen = discriminator_floats(video, temporal_kernels(halvings), in_channels, n_filters_vdis)
    trained_image, frozen_image = discriminator_floats(image, [1] * halvings, in_channels, n_filters_idis)
    frame = frame_floats(size, n_filters_gen)
    return max(
        batchsize * trained,
        image_batchsize * trained_image,
        batchsize * (length * frame + frozen),
        image_batchsize * (frame + frozen_image),
    )


def discriminator_floats(
    shape: tuple[int, int, int], kernels: list[int], in_channels: int, n_filters: int
) -> tuple[int, int]:
    """Numbers that one sample of this (T, H, W) leaves in a trained and in a frozen network; kernels are temporal ones.

    A trained convolution keeps its input, and normalization keeps its own; a first block's rectifier leaves one byte
    per number.
    """
    channels, trained, frozen = in_channels, in_channels * prod(shape), 0
    for i, (width, kernel) in enumerate(zip(doubling_widths(n_filters, len(kernels)), kernels, strict=True)):
        shape = (shape[0] - kernel + 1, shape[1] // 2, shape[2] // 2)
        channels = width
        kept = channels * prod(shape) // (1 if i else 4)
        trained += kept + channels * prod(shape)
        frozen += kept
    return trained, frozen


def frame_floats(size: int, n_filters: int) -> int:
    """Numbers that a frame leaves: each block's before and after normalization, and the frame with its noise."""
    _, doublings = split_size(size)
    total, side = 2 * 3 * size * size, size
    for width in doubling_widths(n_filters, doublings):
        side //= 2
        total += 2 * width * side * side
    return total
