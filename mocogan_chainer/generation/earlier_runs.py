"""Videos that an earlier run left in the same folder, and that ``evaluate.py`` would count along with the new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mocogan_chainer.generation.progress import note
from mocogan_chainer.wording import counted

TRUEST_FIRST = ("frames", "mp4", "gif")
"""Which ``evaluate.py`` takes of a video that is there in several (:mod:`mocogan_chainer.evaluation.found_videos`)."""


def warn(out: Path, names: Iterable[str], formats: Sequence[str]) -> None:
    """Say on stderr where ``evaluate.py`` would use videos of earlier runs.

    Args:
        out: a folder.
        names: of the videos that were written.
        formats: in which they were written.
    """
    others, instead = _found(out, set(names), formats)
    remedy = "remove them, or name another folder"
    if others:
        note(
            f"warning: {out} has {counted(len(others), 'video')} of an earlier run ({others[0]}), which evaluate.py "
            f"would count too; {remedy}"
        )
    if instead:
        note(
            f"warning: {out} has {len(instead)} of these videos of an earlier run in a truer format ({instead[0]}), "
            f"which evaluate.py would use in place of these; {remedy}"
        )


def _found(out: Path, ours: set[str], formats: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the videos of earlier runs that ``evaluate.py`` uses: along with those written now, and in their place.

    Of a video that is there in several formats it takes the truest, whichever is the newest.
    """
    found: dict[str, set[str]] = {name: set() for name in TRUEST_FIRST}
    for path in out.glob("video_*"):
        form = "frames" if path.is_dir() else path.suffix[1:]
        if form in found:
            found[form].add(path.name if path.is_dir() else path.stem)
    truer = TRUEST_FIRST[: min(map(TRUEST_FIRST.index, formats))]
    others = set().union(*found.values()) - ours
    instead = ours & set().union(*(found[form] for form in truer))
    return sorted(others), sorted(instead)
