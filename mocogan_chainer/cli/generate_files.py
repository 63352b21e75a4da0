"""How ``generate_samples.py`` writes videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.errors import require_one_of

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


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
