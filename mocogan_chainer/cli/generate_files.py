"""How ``generate_samples.py`` writes videos and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.errors import require_one_of
from mocogan_chainer.files import atomic_write

FORMATS = ("mp4", "gif", "frames")


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


def of_earlier_runs(out: Path, names: Iterable[str], formats: Sequence[str]) -> list[str]:
    """Return the videos in ``out`` that are named as ours are and were not written now.

    Args:
        out: a folder.
        names: of the videos that were written.
        formats: in which they were written.
    """
    ends = {"mp4": ".mp4", "gif": ".gif", "frames": ""}
    written = {f"{name}{ends[form]}" for name in names for form in formats}
    found = (path.name for path in out.glob("video_*") if path.suffix in ends.values())
    return sorted(set(found) - written)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write a picture, uint8 (H, W, 3)."""
    with atomic_write(path) as file:
        Image.fromarray(pixels).save(file, format="PNG")


def spread(length: int, most: int) -> list[int]:
    """Return up to ``most`` places in ``length``, evenly spread, the first and the last among them, ascending."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int)).tolist()


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
