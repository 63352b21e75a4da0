"""Several futures of each video: how close the closest of them comes to what happened."""

from __future__ import annotations

import numpy as np

from mocogan_chainer.evaluation.averages import Average
from mocogan_chainer.evaluation.result import Number
from mocogan_chainer.evaluation.similarity import FrameScores

BEST, MEAN = "best of K", "mean of K"


class BestOf:
    """Gathers, of each video, the scores of the future with the best average over its frames.

    The score of a frame that equals the true one may be infinite, and is left out of averages.
    """

    def __init__(self) -> None:
        self._best = FrameScores(None)
        self._single = Average()

    def add(self, scores: np.ndarray) -> None:
        """Take in a video's scores ``(K, T)``."""
        averages = [_average(future) for future in scores]
        self._best.add(scores[int(np.argmax(averages))])
        finite = [average for average in averages if np.isfinite(average)]
        if finite:
            self._single.add(float(np.mean(finite)))

    def others(self) -> dict[str, Number]:
        """Return the average of the best futures with its standard error over videos, its curve, and that of any."""
        spread = self._best.videos.spread
        return {
            BEST: self._best.value,
            **({} if spread is None else {f"{BEST} spread": spread}),
            f"{BEST} per frame": self._best.per_frame(),
            MEAN: self._single.mean if self._single.count else float("inf"),
        }


def _average(scores: np.ndarray) -> float:
    finite = scores[np.isfinite(scores)]
    return float(finite.mean()) if len(finite) else float("inf")
