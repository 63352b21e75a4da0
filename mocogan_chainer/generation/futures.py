"""Futures of a clip: the mean one, and ones with noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mocogan_chainer import seeding, video
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.sheets import Tile, strip
from mocogan_chainer.sampling import Forecaster
from mocogan_chainer.wording import counted

NUMBER = 3
"""Futures with noise that are made by default."""
SHOWN = 12
"""Futures that the pictures show at most; all are written as videos."""
IN_STRIP = 10
"""Frames that a strip shows at most: the last given one, and of those to come these, evenly spread."""


class Futures:
    """The mean future of each clip, and futures with noise: a :class:`~mocogan_chainer.generation.clips.Job`.

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
        self.done = f"continued, {counted(number, 'future')} each" if number else "continued, the mean future of each"
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
        to_come = [len(given) + place for place in video.spread(length, IN_STRIP - 1)]
        output.still(name, strip([*truth, *predicted], [len(given) - 1, *to_come]))

    def _futures(self, given: np.ndarray, length: int) -> Iterator[np.ndarray]:
        for first in range(0, len(self._seeds), self._batchsize):
            yield from self._forecaster.forecast(given, length, self._seeds[first : first + self._batchsize])


def _held(given: np.ndarray, total: int) -> Tile:
    rest = total - len(given)
    frames = np.concatenate([given, given[-1:].repeat(rest, axis=0)])
    return Tile("given", frames, ["given"] * len(given) + ["held"] * rest)


def _truth(given: np.ndarray, after: np.ndarray, total: int) -> Tile:
    rest = total - len(given) - len(after)
    dark = np.full((rest, *given.shape[1:]), video.GAP_COLOUR, np.uint8)
    kinds = ["given"] * len(given) + ["true"] * len(after) + ["ended"] * rest
    return Tile("truth", np.concatenate([given, after, dark]), kinds)
