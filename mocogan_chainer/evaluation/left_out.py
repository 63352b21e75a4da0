"""What messages say of videos that could not be used."""

from __future__ import annotations

from collections.abc import Sequence

from mocogan_chainer.errors import DataError


def in_words(reasons: Sequence[str]) -> list[str]:
    """Return a line that says how many videos are left out, and why the first one is; none where all were used."""
    return [f"{len(reasons)} videos are left out{_first(reasons)}"] if reasons else []


def without_clip(videos: str, found: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line as :func:`in_words` does, of a set's videos that gave no clip, each with its name and reason."""
    if not found:
        return []
    return [f"{videos}: left out {len(found)} that gave no clip{_first([': '.join(each) for each in found])}"]


def none_usable(videos: str, count: int, what: str, reasons: Sequence[str]) -> DataError:
    """Return the error that none of a set's videos did what was wanted of them, such as "gave a clip"."""
    return DataError(f"{videos}: none of its {count} videos {what}{_first(reasons)}")


def _first(reasons: Sequence[str]) -> str:
    return f"; the first: {reasons[0]}" if reasons else ""
