"""Numbers and lists as messages have them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 video", "2 videos"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(things: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c" of one thing or more."""
    *first, last = things
    return f"{', '.join(first)} and {last}" if first else last
