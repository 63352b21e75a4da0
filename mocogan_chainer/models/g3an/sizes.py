"""Which frame sizes and video lengths G3AN's networks can take, and the layers that follow from them."""

from __future__ import annotations

from mocogan_chainer.errors import ConfigError

SHORTEST, STEP = 16, 4
"""Frames that one motion code makes, and that each further one adds."""

BLOCK_BEFORE_ATTENTION = 3
"""Attention follows the fourth block."""

_WIDTHS = (8, 8, 4, 2, 1)
_DOUBLINGS_IN_TIME = 2


def split_size(size: int) -> tuple[int, int]:
    """Return (base, doublings) with ``size = base * 2 ** doublings`` and base 4, as published, or 6.

    Raises:
        ConfigError: the size is not of that form.
    """
    for base in (4, 6):
        quotient, rest = divmod(size, base)
        if rest == 0 and quotient >= 4 and quotient & (quotient - 1) == 0:
            return base, quotient.bit_length() - 1
    raise ConfigError(
        f"size={size}: G3AN's networks take frames of 4 or 6 times a power of two from 16 on: 16, 24, 32, 48, 64, 96, "
        "128, 192, 256, ... (prepare the data again with --size)"
    )


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


def discriminator_widths(ch: int, halvings: int) -> list[int]:
    """Channels after each halving: doubling from ``ch``, at most eightfold as published."""
    return [ch * min(2**i, 8) for i in range(halvings)]


def halvings_in_time(halvings: int) -> list[bool]:
    """Which of the video discriminator's halvings is followed by a convolution over 4 frames.

    The published four all are. Of the networks for larger frames the first, surplus ones are not, so that 16 frames
    still fit.
    """
    return [i >= halvings - 4 for i in range(halvings)]
