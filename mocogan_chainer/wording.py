"""What lines for the user have in common: numbers and lists in words, and where lines go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Say = Callable[[str], None]
"""Shows one line, without its line break: ``print``, a list's ``append``, or what a command prints with."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 video", "2 videos"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(things: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c" of one thing or more."""
    *first, last = things
    return f"{', '.join(first)} and {last}" if first else last
