"""What ``generate_samples.py`` makes of one context: its futures, or how it looks moving as another clip."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from mocogan_chainer import seeding, video
from mocogan_chainer.cli.generate_files import count, spread, write_png, writer
from mocogan_chainer.cli.generate_sheets import Tile, side_by_side, strip
from mocogan_chainer.sampling import Forecaster

SHOWN = 12
"""Futures that the pictures show at most; all are written as videos."""
IN_STRIP = 10
"""Frames that a strip shows at most: the last given one, and of those to come these, evenly spread."""


@dataclass(frozen=True)
class Output:
    """Where and how results are written.

    Args:
        folder: an existing one.
        formats: of the videos.
        fps: frames a second.
    """

    folder: Path
    formats: Sequence[str]
    fps: float

    def video(self, name: str, frames: np.ndarray) -> None:
        """Write a video in every format."""
        writer(self.folder, self.formats, self.fps)(name, frames)

    def moving(self, name: str, tiles: Sequence[Tile], captions: Sequence[tuple[str, str]]) -> None:
        """Write ``NAME.gif``: clips side by side."""
        sheet = side_by_side(tiles, captions)
        video.write_gif(self.folder / f"{name}.gif", sheet, self.fps)
        if len(sheet) < len(captions):
            text = f"{name}.gif shows the first {len(sheet)} of {len(captions)} frames; the videos have all"
            tqdm.write(text, file=sys.stderr)

    def still(self, name: str, pixels: np.ndarray) -> None:
        """Write ``NAME.png``."""
        write_png(self.folder / f"{name}.png", pixels)


class Job(Protocol):
    """What is made of each context.

    Attributes:
        endings: of the names of its videos, ``NAME_ENDING``.
        pictures: the suffixes of the pictures that show them side by side.
        done: what was done to a clip, for the last line.
    """

    endings: Sequence[str]
    pictures: Sequence[str]
    done: str

    def frames_after(self, given: int) -> int:
        """Return how many frames after so many given ones are wanted, where there are any."""

    def make(self, name: str, given: np.ndarray, after: np.ndarray, output: Output) -> None:
        """Make and write all of one context.

        Args:
            name: what results are called after.
            given: uint8 (K, size, size, 3).
            after: uint8 (A, size, size, 3), what really came, A from 0 to :meth:`frames_after`.
            output: where to write.
        """


class Futures:
    """The mean future of a context, and futures with noise.

    Args:
        forecaster: the model's.
        number: of futures with noise.
        seed: future i depends on this and i only.
        length: frames to come; None for as many as make ``video_length`` with those given.
        video_length: frames of a clip that the model was trained on.
        batchsize: futures made at once.
    """

    pictures = (".gif", ".png")

    def __init__(
        self, forecaster: Forecaster, number: int, seed: int, length: int | None, video_length: int, batchsize: int
    ) -> None:
        self.endings = ["mean", *(f"future_{i}" for i in range(1, number + 1))]
        self.done = f"continued, {count(number, 'future')} each" if number else "continued, the mean future of each"
        self._forecaster = forecaster
        draws = [int(seeding.stream(seed, "future", i).integers(2**63)) for i in range(1, number + 1)]
        self._seeds: list[int | None] = [None, *draws]
        self._length = length
        self._video_length = video_length
        self._batchsize = batchsize

    def frames_after(self, given: int) -> int:
        """As many as are made."""
        return self._length or self._video_length - given

    def make(self, name: str, given: np.ndarray, after: np.ndarray, output: Output) -> None:
        """Make the videos, ``NAME.gif`` and ``NAME.png``."""
        length = self.frames_after(len(given))
        total = len(given) + length
        kinds = ["given"] * len(given) + ["predicted"] * length
        predicted = []
        for ending, future in zip(self.endings, self._futures(given, length), strict=True):
            frames = np.concatenate([given, future])
            output.video(f"{name}_{ending}", frames)
            if len(predicted) <= SHOWN:
                predicted.append(Tile(ending.replace("_", " "), frames, kinds))
        truth = [_truth(given, after, total)] if len(after) else []
        captions = [(f"frame {i} of {total}: {kind}", kind) for i, kind in enumerate(kinds, 1)]
        output.moving(name, [_held(given, total), *truth, *predicted], captions)
        to_come = [len(given) + place for place in spread(length, IN_STRIP - 1)]
        output.still(name, strip([*truth, *predicted], [len(given) - 1, *to_come]))

    def _futures(self, given: np.ndarray, length: int) -> Iterator[np.ndarray]:
        for first in range(0, len(self._seeds), self._batchsize):
            yield from self._forecaster.forecast(given, length, self._seeds[first : first + self._batchsize])


class Moved:
    """What a context shows, moving as a clip moves.

    Args:
        forecaster: the model's; it transfers motion.
        name: of the clip.
        clip: uint8 (T, size, size, 3).
    """

    endings = ("moved",)
    pictures = (".gif",)

    def __init__(self, forecaster: Forecaster, name: str, clip: np.ndarray) -> None:
        self.done = f"moved as {name}"
        self._forecaster = forecaster
        self._clip = clip

    def frames_after(self, given: int) -> int:
        """None: what really came is not shown."""
        return 0

    def make(self, name: str, given: np.ndarray, after: np.ndarray, output: Output) -> None:
        """Make the video and ``NAME.gif``."""
        moved = self._forecaster.transfer(given, self._clip)
        output.video(f"{name}_moved", moved)
        length = len(moved)
        tiles = [
            Tile("content", given[-1:].repeat(length, axis=0), ["given"] * length),
            Tile("motion from", self._clip, ["given"] * length),
            Tile("moved", moved, ["predicted"] * length),
        ]
        output.moving(name, tiles, [(f"frame {i} of {length}", "") for i in range(1, length + 1)])


def _held(given: np.ndarray, total: int) -> Tile:
    rest = total - len(given)
    frames = np.concatenate([given, given[-1:].repeat(rest, axis=0)])
    return Tile("given", frames, ["given"] * len(given) + ["held"] * rest)


def _truth(given: np.ndarray, after: np.ndarray, total: int) -> Tile:
    rest = total - len(given) - len(after)
    dark = np.full((rest, *given.shape[1:]), video.GAP_COLOUR, np.uint8)
    kinds = ["given"] * len(given) + ["true"] * len(after) + ["ended"] * rest
    return Tile("truth", np.concatenate([given, after, dark]), kinds)
