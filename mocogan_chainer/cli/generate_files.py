"""How ``generate_samples.py`` writes videos and pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.errors import require_one_of
from mocogan_chainer.files import atomic_write

FORMATS = ("mp4", "gif", "frames")
TRUEST_FIRST = ("frames", "mp4", "gif")
"""Which ``evaluate.py`` takes of a video that is there in several (:mod:`mocogan_chainer.evaluation.found_videos`)."""


def read_formats(text: str) -> list[str]:
    """Read "gif,mp4" as a list of known formats.

    Raises:
        ConfigError: one is unknown.
    """
    formats = text.split(",")
    for name in formats:
        require_one_of("--format", name, FORMATS)
    return formats


def writer(out: Path, formats: Sequence[str], fps: float) -> Callable[[str, np.ndarray], None]:
    """Return what writes a video, given its name and frames, into ``out`` in every format."""

    def write(name: str, frames: np.ndarray) -> None:
        if "mp4" in formats:
            video.write_mp4(out / f"{name}.mp4", frames, fps)
        if "gif" in formats:
            video.write_gif(out / f"{name}.gif", frames, fps)
        if "frames" in formats:
            video.write_frames(out / name, frames)

    return write


def of_earlier_runs(out: Path, names: Iterable[str], formats: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the videos of earlier runs that ``evaluate.py`` takes: beside those written now, and in their place.

    Of a video that is there in several formats it takes the truest, whichever is the newest.

    Args:
        out: a folder.
        names: of the videos that were written.
        formats: in which they were written.
    """
    found: dict[str, set[str]] = {name: set() for name in TRUEST_FIRST}
    for path in out.glob("video_*"):
        form = "frames" if path.is_dir() else path.suffix[1:]
        if form in found:
            found[form].add(path.name if path.is_dir() else path.stem)
    ours = set(names)
    truer = TRUEST_FIRST[: min(map(TRUEST_FIRST.index, formats))]
    others = set().union(*found.values()) - ours
    instead = ours & set().union(*(found[form] for form in truer))
    return sorted(others), sorted(instead)


def warn_of_earlier_runs(out: Path, names: Iterable[str], formats: Sequence[str]) -> None:
    """Say on stderr where ``evaluate.py`` would take videos of earlier runs; see :func:`of_earlier_runs`."""
    others, instead = of_earlier_runs(out, names, formats)
    remedy = "remove them, or name another folder"
    if others:
        print(
            f"warning: {out} has {count(len(others), 'video')} of an earlier run ({others[0]}), which evaluate.py "
            f"would take with these; {remedy}",
            file=sys.stderr,
        )
    if instead:
        print(
            f"warning: {out} has {len(instead)} of these videos of an earlier run in a truer format ({instead[0]}), "
            f"which evaluate.py would take in place of these; {remedy}",
            file=sys.stderr,
        )


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write a picture, uint8 (H, W, 3)."""
    with atomic_write(path) as file:
        Image.fromarray(pixels).save(file, format="PNG")


def spread(length: int, most: int) -> list[int]:
    """Return up to ``most`` places in ``length``, evenly spread, the first and the last among them, ascending."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int)).tolist()


def listed(things: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    *first, last = things
    return f"{', '.join(first)} and {last}" if first else last


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
