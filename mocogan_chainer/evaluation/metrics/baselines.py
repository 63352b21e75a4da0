"""What predictions are measured against: ways to continue a video that learn nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from mocogan_chainer.evaluation.averages import Average
from mocogan_chainer.evaluation.extrapolation import LEAST_SEEN, copy_last_frame, extrapolate
from mocogan_chainer.evaluation.result import SPREADS, Number
from mocogan_chainer.evaluation.similarity import FrameScores

COPY, FLOW = "copy-last-frame", "optical-flow"
LABELS = {COPY: "copy of the last frame seen", FLOW: "motion of the last two frames seen, going on"}
Continue = Callable[[np.ndarray, int], np.ndarray]
"""Takes the frames seen, uint8 (k, H, W, 3), and T; returns the T frames to come, alike."""


def baselines(context: int) -> dict[str, Continue]:
    """Return, by name, the ways to continue a video of which so many frames were seen."""
    found: dict[str, Continue] = {COPY: copy_last_frame} if context else {}
    return found | ({FLOW: extrapolate} if context >= LEAST_SEEN else {})


class Gains:
    """Gathers the scores of a baseline, and what predictions of the same videos are better by.

    Gains are of pairs: a frame where either score is infinite (an equal one) has none, and a video's is the average
    over its frames that have one. A frame that only one of both has exactly is no smaller a difference for that: it is
    counted as won or lost (:func:`frames_ahead`).

    Args:
        name: of the baseline.
        length: frames that are scored of each video; None where they may differ.
    """

    def __init__(self, name: str, length: int | None):
        self._name = name
        self._scores = FrameScores(length)
        self._whole = Average()
        self._frames: list[Average] = []
        self._won: list[int] = []
        self._lost: list[int] = []
        self._unlike: list[int] = []
        self.lost_exact = 0
        """Frames that the baseline has exactly and the prediction does not."""

    def add(self, own: np.ndarray, baseline: np.ndarray) -> None:
        """Take in a video's scores, of the prediction and of the baseline, each ``(T,)``."""
        self._scores.add(baseline)
        paired = np.flatnonzero(np.isfinite(own) & np.isfinite(baseline))
        gains = own[paired] - baseline[paired]
        if len(gains):
            self._whole.add(gains.mean())
        self._frames += [Average() for _ in range(len(own) - len(self._frames))]
        for place, gain in zip(paired, gains, strict=True):
            self._frames[place].add(gain)
        unlike = np.isfinite(own) != np.isfinite(baseline)
        for counts, there in ((self._won, own > baseline), (self._lost, own < baseline), (self._unlike, unlike)):
            counts += [0] * (len(own) - len(counts))
            for place in np.flatnonzero(there):
                counts[place] += 1
        self.lost_exact += int((np.isfinite(own) & ~np.isfinite(baseline)).sum())

    def others(self) -> dict[str, Number]:
        """Return the baseline's average and curve, and the gains with their standard errors over videos.

        Where no video has two finite scores at a frame the gain there is 0; a standard error of fewer than two videos
        is infinite: nothing is known. Where one alone of two scores is infinite in some video there are, of each frame,
        the numbers of videos in which it is so, and in which the prediction is better, and worse.
        """
        name = self._name
        found: dict[str, Number] = {name: self._scores.value, f"{name} per frame": self._scores.per_frame()}
        if self._scores.videos.spread is not None:
            found[f"{name} spread"] = self._scores.videos.spread
        if self._whole.count:
            found[f"gain over {name}"] = self._whole.mean
        if self._whole.spread is not None:
            found[f"gain over {name} spread"] = self._whole.spread
        if any(self._unlike):
            found |= {
                f"one of both exact, {name}, per frame": self._unlike,
                f"won over {name} per frame": self._won,
                f"lost to {name} per frame": self._lost,
            }
        return found | {
            f"gain over {name} per frame": [gain.mean for gain in self._frames],
            f"gain over {name} per frame spread": [
                math.inf if gain.spread is None else gain.spread for gain in self._frames
            ],
        }


def frames_ahead(others: Mapping[str, Number]) -> list[int] | None:
    """Return the predicted frames, from 1, at which predictions are clearly better than every baseline.

    That is where the gain is more than two of its standard errors. Where one alone of two scores is infinite, gains
    have no average, and videos are counted instead: those won must be more than those lost by two standard errors of
    the difference, each of which is the root of their sum if both are as likely.

    Args:
        others: of a result, as :class:`Gains` gives them.

    Returns:
        None where nobody can say: there is no baseline, or no standard error (one video).
    """
    leads = [_lead(others, name) for name in LABELS if f"gain over {name} per frame" in others]
    if not leads or not any(np.isfinite(spread).any() for _, spread in leads):
        return None
    ahead = np.all([lead > SPREADS * spread for lead, spread in leads], axis=0)
    return (np.flatnonzero(ahead) + 1).tolist()


def frames_behind(others: Mapping[str, Number], name: str) -> list[int]:
    """Return the predicted frames, from 1, at which baseline ``name`` is clearly better; see :func:`frames_ahead`."""
    lead, spread = _lead(others, name)
    return (np.flatnonzero(-lead > SPREADS * spread) + 1).tolist()


def _lead(others: Mapping[str, Number], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return by what predictions lead at each frame and its standard error: the gain, or videos won less those lost."""
    gain, spread = (np.array(others[f"gain over {name} per frame{end}"], float) for end in ("", " spread"))
    if f"won over {name} per frame" not in others:
        return gain, spread
    won, lost = (np.array(others[f"{how} {name} per frame"], float) for how in ("won over", "lost to"))
    counted = np.array(others[f"one of both exact, {name}, per frame"]) > 0
    error = np.where(won + lost > 1, np.sqrt(won + lost), np.inf)  # of one video nothing is known
    return np.where(counted, won - lost, gain), np.where(counted, error, spread)
