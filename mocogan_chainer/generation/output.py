"""Where and how results are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, OutputError, require_one_of, require_range
from mocogan_chainer.generation.progress import note
from mocogan_chainer.generation.sheets import Tile, side_by_side

FORMATS = ("mp4", "gif", "frames")


@dataclass(frozen=True)
class Output:
    """Where and how results are written.

    Attributes:
        folder: the place; it is made where it is missing.
        formats: of the videos, of :data:`FORMATS`; or their names in one text, with commas between them.
        fps: frames per second, 0.1 to 100; None for the model's.

    Raises:
        ConfigError: the folder is not a path, a format is unknown, or ``fps`` is out of range.
    """

    folder: str | os.PathLike
    formats: str | Sequence[str] = ("mp4",)
    fps: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | os.PathLike):
            raise ConfigError(f"out={self.folder!r}: it must be the path of a folder")
        formats = self.formats.split(",") if isinstance(self.formats, str) else self.formats
        if not isinstance(formats, Sequence):
            raise ConfigError(f"--format={formats!r}: it must be some of {', '.join(FORMATS)}")
        for name in formats or ("",):
            require_one_of("--format", name, FORMATS)
        object.__setattr__(self, "formats", tuple(formats))
        if self.fps is not None:
            require_range("--fps", self.fps, 0.1, 100)

    def apart_from(self, place: str | os.PathLike, are: str, searched: bool = False) -> set[str]:
        """See to it that nothing that was named as input is written over.

        Args:
            place: the input: a file, or a folder.
            are: what lies there, with its verb, for the message.
            searched: whether all that lies below the place, at any depth, is input.

        Returns:
            Names that results must not have, in lower case: the frames of NAME go into the folder OUT/NAME.

        Raises:
            OutputError: the folder is that of the input, or lies in it where it is ``searched``.
        """
        folder = (Path(place) if Path(place).is_dir() else Path(place).parent).resolve()
        out = Path(self.folder).resolve()
        if out == folder:
            raise OutputError(f"{self.folder}: {are} there and could be replaced; name another folder")
        if searched and folder in out.parents:
            raise OutputError(
                f"{self.folder}: it lies in {place}, and results would pass for clips the next time; name another "
                "folder"
            )
        return {folder.name.casefold()} if folder.parent == out else set()

    def video(self, name: str, frames: np.ndarray) -> None:
        """Write a video, uint8 (T, H, W, 3), in every format."""
        path = Path(self.folder, name)
        if "frames" in self.formats:
            video.require_own_frames(path)  # before the other formats are there
        if "mp4" in self.formats:
            video.write_mp4(f"{path}.mp4", frames, self.fps)
        if "gif" in self.formats:
            video.write_gif(f"{path}.gif", frames, self.fps)
        if "frames" in self.formats:
            video.write_frames(path, frames)

    def moving(self, name: str, tiles: Sequence[Tile], captions: Sequence[tuple[str, str]]) -> None:
        """Write ``NAME.gif``: clips side by side."""
        sheet = side_by_side(tiles, captions)
        video.write_gif(Path(self.folder, f"{name}.gif"), sheet, self.fps)
        if len(sheet) < len(captions):
            note(f"{name}.gif shows the first {len(sheet)} of {len(captions)} frames; the videos have all")

    def still(self, name: str, pixels: np.ndarray) -> None:
        """Write ``NAME.png``, uint8 (H, W, 3)."""
        video.write_png(Path(self.folder, f"{name}.png"), pixels)
