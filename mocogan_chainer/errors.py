"""The errors that a user can cause.

Every message is one line that says what was given, what is allowed and what to do. The commands print it without a
traceback and exit with code 2 (:mod:`mocogan_chainer.cli.entry`).
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST = 2000


class MocoganError(Exception):
    """A mistake that the user can fix; the message says how.

    Much of a message may come out of a file that somebody else made. So what a terminal would obey is shown as an
    escape, and of more than 2,000 letters the middle is left out.
    """

    def __init__(self, message: str = ""):
        super().__init__(legible(str(message)))


class ConfigError(MocoganError):
    """A setting that is unknown, of the wrong type, out of range, or at odds with another one."""


class DataError(MocoganError):
    """A dataset, video or frame that is missing, half-made or unreadable."""


class SnapshotError(MocoganError):
    """A snapshot that is missing, damaged or of another format."""


class DamagedError(SnapshotError):
    """A snapshot whose content is not what was written."""


class DeviceError(MocoganError):
    """A requested device or backend that is not there."""


class NonFiniteError(MocoganError):
    """Training whose numbers are not finite."""


class ShortageError(MocoganError):
    """Memory that was requested and is not there.

    Args:
        kind: which settings decide how much is requested: those of "networks", of a "batch", a "step" or a "preview".
        part: who asked.
        what: what the library said, which has the bytes where it knows them.
    """

    def __init__(self, kind: str, part: str, what: str):
        super().__init__(f"out of memory for {part} ({what})")
        self.kind = kind


class OutputError(MocoganError):
    """A place that cannot be written: permissions, an existing result, a full disk."""


class Stopped(Exception):
    """Not a mistake: the work ended early because it was asked to, and all is saved.

    Args:
        message: what was done and how to go on.
        code: the command's exit code.
    """

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def legible(text: str) -> str:
    """Return text with its control characters as escapes and without its middle where it is very long."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() or letter in "\n\t" else _escape(letter) for letter in text)
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[: half - 5]} ... {text[-half:]}"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def nearest(word: str, candidates: Iterable[str], shown: Mapping[str, str] | None = None) -> str:
    """Return " (did you mean X?)" for the candidate closest to ``word``, or "" when none is close.

    Args:
        word: what was given.
        candidates: what is allowed.
        shown: how each is to be written; None for as it is.
    """
    close = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return f" (did you mean {(shown or {}).get(close[0], close[0])}?)" if close else ""


def one_line(error: BaseException | str) -> str:
    """Return an error's message without line breaks, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def require_one_of(name: str, value: object, allowed: Iterable[object]) -> None:
    """Raise :class:`ConfigError` unless ``value`` is one of ``allowed``."""
    allowed = list(allowed)
    if value not in allowed:
        hint = nearest(str(value), map(str, allowed))
        raise ConfigError(f"{name}={value}: it must be one of {', '.join(map(str, allowed))}{hint}")


def require_range(name: str, value: float, low: float | None = None, high: float | None = None) -> None:
    """Raise :class:`ConfigError` unless ``low <= value <= high`` (a bound of None is open) and it is finite."""
    try:
        finite = math.isfinite(value)
    except TypeError:
        raise ConfigError(f"{name}={value!r}: it must be a number") from None
    if not finite:
        raise ConfigError(f"{name}={value}: it must be a finite number")
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        if low is not None and high is not None:
            allowed = f"between {low} and {high}"
        else:
            allowed = f"at least {low}" if low is not None else f"at most {high}"
        raise ConfigError(f"{name}={value}: it must be {allowed}")


def require_whole(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number of any type, NumPy's too, as an int.

    Raises:
        ConfigError: it is not a whole number, or out of the range as in :func:`require_range`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name}={value!r}: it must be a whole number") from None
    require_range(name, number, low, high)
    return number


def require_whole_fields(request: Any, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Check fields of a frozen dataclass that hold whole numbers, and keep them as ints.

    None is taken where it is the default. Messages call each field what the commands do: every_nth is --every-nth.

    Raises:
        ConfigError: see :func:`require_whole`.
    """
    for name, (low, high) in ranges.items():
        value = getattr(request, name)
        if value is not None or getattr(type(request), name) is not None:
            object.__setattr__(request, name, require_whole(f"--{name.replace('_', '-')}", value, low, high))
