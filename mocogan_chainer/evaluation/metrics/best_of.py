"""Several futures of each video: how close the closest of them comes to what happened."""

from __future__ import annotations

import numpy as np

from mocogan_chainer.evaluation.averages import Average
from mocogan_chainer.evaluation.result import Number
from mocogan_chainer.evaluation.similarity import FrameScores

BEST, MEAN = "best of K", "mean of K"
FUTURES, EXACT = "futures of a video", "exact futures left out"


class BestOf:
    """Gathers, of each video, the scores of its best future, and the average over all of its futures.

    A frame that equals the true one may have an infinite score. The best future has the most such frames and, of
    futures with as many, the best average over the others. Averages leave infinite scores out, as everywhere: a
    future's is over its other frames, and one without others is in no average but counted (:meth:`counts`).
    """

    def __init__(self) -> None:
        self._best = FrameScores(None)
        self._single = Average()
        self._tried = self._exact = 0

    def add(self, scores: np.ndarray) -> None:
        """Take in a video's scores ``(K, T)``."""
        ranks = [_rank(future) for future in scores]
        self._best.add(scores[ranks.index(max(ranks))])
        finite = [average for _, average in ranks if np.isfinite(average)]
        if finite:
            self._single.add(float(np.mean(finite)))
        self._tried = len(scores)
        self._exact += len(scores) - len(finite)

    def others(self) -> dict[str, Number]:
        """Return the average of the best futures with its standard error over videos, its curve, and that of any."""
        spread = self._best.videos.spread
        return {
            BEST: self._best.value,
            **({} if spread is None else {f"{BEST} spread": spread}),
            f"{BEST} per frame": self._best.per_frame(),
            MEAN: self._single.mean if self._single.count else float("inf"),
        }

    def counts(self) -> dict[str, int]:
        """Return how many futures there were of a video, and how many of all are exact in every frame."""
        return {FUTURES: self._tried, EXACT: self._exact}


def _rank(scores: np.ndarray) -> tuple[int, float]:
    """Return how many scores are infinite, and the average of the others; infinite where there are none."""
    finite = scores[np.isfinite(scores)]
    return len(scores) - len(finite), float(finite.mean()) if len(finite) else float("inf")
