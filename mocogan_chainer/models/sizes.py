"""Frame sizes and widths that the families' networks share."""

from __future__ import annotations

from mocogan_chainer.errors import ConfigError


def split_size(size: int, family: str) -> tuple[int, int]:
    """Return (base, halvings) with ``size = base * 2 ** halvings`` and base 4, as published, or 6.

    Args:
        size: height and width of frames in pixels.
        family: whose networks they are for, for the error.

    Raises:
        ConfigError: the size is not of that form.
    """
    for base in (4, 6):
        quotient, rest = divmod(size, base)
        if rest == 0 and quotient >= 4 and quotient & (quotient - 1) == 0:
            return base, quotient.bit_length() - 1
    raise ConfigError(
        f"size={size}: {family}'s networks take frames of 4 or 6 times a power of two from 16 on: 16, 24, 32, 48, 64, "
        "96, 128, 192, 256, ... (prepare the data again with --size)"
    )


def doubling_widths(first: int, halvings: int) -> list[int]:
    """Channels after each halving: doubling from ``first``, at most eightfold as published."""
    return [first * min(2**i, 8) for i in range(halvings)]
