"""Which frame sizes and video lengths MoCoGAN's networks can take, and the layers that follow from them."""

from __future__ import annotations

from mocogan_chainer.models import sizes

PUBLISHED_HALVINGS = 4
"""How often the published networks halve a frame: 64 -> 4."""

TEMPORAL_KERNEL = 4


def split_size(size: int) -> tuple[int, int]:
    """Return (base, halvings); see :func:`mocogan_chainer.models.sizes.split_size`."""
    return sizes.split_size(size, "MoCoGAN")


def temporal_kernels(halvings: int) -> list[int]:
    """Temporal kernel of each of the video discriminator's halvings.

    The published ones all see 4 frames. Networks for larger frames have more halvings; the first, surplus ones see one
    frame each, so that 16 frames still fit.
    """
    surplus = max(halvings - PUBLISHED_HALVINGS, 0)
    return [1] * surplus + [TEMPORAL_KERNEL] * (halvings - surplus)


def min_video_length(size: int, patch: bool) -> int:
    """The fewest frames that the video discriminator of this frame size and form can take."""
    _, halvings = split_size(size)
    kernels = temporal_kernels(halvings)
    # The full form has a last 4-frame convolution after the halvings; in the patch form it is the last halving itself.
    if not patch:
        kernels = [*kernels, TEMPORAL_KERNEL]
    return 1 + sum(k - 1 for k in kernels)
