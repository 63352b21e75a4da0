"""Which frame sizes and video lengths G3AN's networks can take, and the layers that follow from them."""

from __future__ import annotations

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models import sizes

SHORTEST, STEP = 16, 4
"""Frames that one motion code makes, and that each further one adds."""

BLOCK_BEFORE_ATTENTION = 3
"""Attention follows the fourth block."""

_WIDTHS = (8, 8, 4, 2, 1)
_DOUBLINGS_IN_TIME = 2


def split_size(size: int) -> tuple[int, int]:
    """Return (base, doublings); see :func:`mocogan_chainer.models.sizes.split_size`."""
    return sizes.split_size(size, "G3AN")


def motion_steps(length: int, name: str = "video_length") -> int:
    """Return how many motion codes make ``length`` frames: 16 from one, 4 more from each further one.

    Raises:
        ConfigError: no number of them does.
    """
    steps, rest = divmod(length - SHORTEST, STEP)
    if steps < 0 or rest:
        below = max(length - rest, SHORTEST)
        use = f"{below}" if length < SHORTEST else f"{below} or {below + STEP}"
        raise ConfigError(f"{name}={length}: G3AN's videos have 16, 20, 24, ... frames; use {use}")
    return steps + 1


def generator_widths(ch: int, doublings: int) -> list[int]:
    """Channels of each stream after each block: 8, 8, 4, 2, 1 times ``ch`` as published, then halved again."""
    halved = [max(ch >> i, 1) for i in range(1, doublings)]
    return ([factor * ch for factor in _WIDTHS] + halved)[: doublings + 1]


def doubles_time(block: int) -> bool:
    """Whether this block, counted from 0, makes twice as many frames: the two after the first do."""
    return 1 <= block <= _DOUBLINGS_IN_TIME


def halvings_in_time(halvings: int) -> list[bool]:
    """Which of the video discriminator's halvings is followed by a convolution over 4 frames.

    The published four all are. Of the networks for larger frames the first, surplus ones are not, so that 16 frames
    still fit.
    """
    return [i >= halvings - 4 for i in range(halvings)]
