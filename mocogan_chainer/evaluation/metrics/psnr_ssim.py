"""PSNR and SSIM of predicted videos: video i of one set against video i of the other, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError, require_one_of, require_range
from mocogan_chainer.evaluation import left_out, similarity
from mocogan_chainer.evaluation.gathering import Advance
from mocogan_chainer.evaluation.metrics import video_pairs
from mocogan_chainer.evaluation.metrics.baselines import Gains, baselines
from mocogan_chainer.evaluation.metrics.best_of import BestOf
from mocogan_chainer.evaluation.protocol import Protocol, Setting
from mocogan_chainer.evaluation.result import Number, Result, versions
from mocogan_chainer.evaluation.similarity import FrameScores
from mocogan_chainer.evaluation.video_set import VideoSet


@dataclass(frozen=True)
class Score:
    """One number a frame.

    Attributes:
        of: takes a predicted video and the true one, uint8 (T, H, W, 3); returns float64 (T,).
        settings: what it depends on.
    """

    of: Callable[[np.ndarray, np.ndarray], np.ndarray]
    settings: Mapping[str, Setting]


SCORES = {
    "psnr": Score(similarity.psnr, {"peak": similarity.PEAK, "equal_frames": "leave out"}),
    "ssim": Score(
        similarity.ssim,
        {
            "window": similarity.WINDOW,
            "sigma": similarity.SIGMA,
            "k1": similarity.K1,
            "k2": similarity.K2,
            "colours": "mean of R, G and B",
        },
    ),
}


def compare(
    real: VideoSet,
    fake: VideoSet,
    indices: Sequence[int],
    *,
    metric: str,
    context: int = 0,
    frames: int | None = None,
    stride: int = 1,
    whole: bool = False,
    futures: Callable[[int], np.ndarray] | None = None,
    resize: str = "none",
    settings: Mapping[str, Setting] = MappingProxyType({}),
    seed: int | None = None,
    advance: Advance = lambda count: None,
) -> Result:
    """Score video i of ``fake`` against video i of ``real``: each frame, averaged over a video, then over videos.

    Args:
        real: the true videos.
        fake: predictions of them, as many, in the same order and of the same frame size.
        indices: which video_pairs.
        metric: "psnr" in dB, or "ssim" in -1..1.
        context: frames at a video's start that the predictor was shown. They are not scored, and what repeating the
            last of them would score is given too; of two or more, also what optical flow would.
        frames: that are compared of each video, the context among them, from the first; None for all.
        stride: steps in a real video from one of them to the next; predictions are taken frame by frame.
        whole: every video is one whole motion, so that videos may differ in length; the average at a frame is then
            over those that have it. One that is too short to have a frame after the context is left out.
        futures: gives several futures of a video by its number, uint8 (K, T - context, H, W, 3); how the best of
            them scores, and a single one on average, is given too. None for none.
        resize: the filter that brought real frames to the size of predictions, for the protocol.
        settings: what more the predictions depend on, for the protocol.
        seed: that ``indices`` were drawn with, for the protocol.
        advance: is called with the number of videos done since the last call.

    Raises:
        ConfigError: an argument is none that is allowed.
        DataError: the sets or two of their videos are not alike, videos differ in length where they are not whole
            motions, or none can be compared.
    """
    require_one_of("metric", metric, SCORES)
    require_range("context", context, 0)
    require_range("stride", stride, 1)
    if frames is not None:
        require_range("frames", frames, 1)
    video_pairs.check_as_many(real, fake)
    started = time.perf_counter()
    scores = _Scores(SCORES[metric].of, context, whole, futures)
    for index in indices:
        scores.read(real, fake, index, frames, stride)
        advance(1)
    if not scores.videos:
        raise left_out.none_usable(fake.name, len(indices), "can be compared", scores.left_out)
    value, spread = scores.own.value, scores.own.videos.spread
    averaged = scores.own.videos.count or scores.videos  # an infinite value is of all videos
    return Result(
        protocol=Protocol(
            metric=metric,
            name=metric,
            size=scores.size,
            resize=resize,
            crop="none",
            channel_order="RGB",
            pixel_values="0 to 255",
            frames=scores.frames,
            stride=stride,
            start="first",
            reference=real.reference,
            split=real.split,
            reference_samples=averaged,
            evaluated_samples=averaged,
            seed=seed,
            settings={**SCORES[metric].settings, "context": context, **settings},
        ),
        evaluated=fake.name,
        evaluated_reference=fake.reference,
        value=value,
        spread=spread,
        spread_kind="" if spread is None else "standard error of the mean over videos",
        counts={
            **scores.own.counts(),
            f"videos unreadable{' or too short' * whole}": len(scores.left_out),
            **scores.counts(),
        },
        versions=versions(),
        seconds=time.perf_counter() - started,
        others=scores.others(),
        warnings=(*left_out.in_words(scores.left_out), *_warnings(scores)),
    )


class _Scores:
    """Gathers the scores of predictions and, with context, those of the baselines.

    Attributes:
        videos: so far.
        own: scores of the predictions.
        left_out: why pairs are in no score.
        misplaced: numbers of the pairs that have unlike categories.
    """

    def __init__(
        self,
        score: Callable[[np.ndarray, np.ndarray], np.ndarray],
        context: int,
        whole: bool,
        futures: Callable[[int], np.ndarray] | None,
    ):
        self._score, self._context, self._whole, self._futures = score, context, whole, futures
        self._sizes: set[tuple[int, ...]] = set()
        self._lengths: set[int] = set()
        self._baselines = baselines(context)
        self._best = None if futures is None else BestOf()
        self.videos = 0
        self.left_out: list[str] = []
        self.misplaced: list[int] = []

    @property
    def frames(self) -> int | None:
        """Frames of every video, the context among them; None where they differ."""
        return next(iter(self._lengths)) if len(self._lengths) == 1 else None

    @property
    def size(self) -> int | None:
        """Height and width of the frames; None where they differ."""
        sides = {side for size in self._sizes for side in size}
        return sides.pop() if len(sides) == 1 else None

    def read(self, real: VideoSet, fake: VideoSet, index: int, frames: int | None, stride: int) -> None:
        """Read a pair of videos and take it in, or note why it is left out.

        Raises:
            DataError: they are not alike.
            ConfigError: no frame is left after the context.
        """
        try:
            predicted, true = fake.read(index, _first(frames, 1)), real.read(index, _first(frames, stride))
            if self._whole:
                video_pairs.check_has_truth(real, index, len(true), self._context, frames)
        except DataError as error:
            self.left_out.append(str(error))
            return
        video_pairs.check_alike(real, fake, index, predicted, true, frames)
        self.add(index, predicted, true)
        if video_pairs.have_unlike_categories(real, fake, index):
            self.misplaced.append(index)

    def add(self, index: int, predicted: np.ndarray, true: np.ndarray) -> None:
        """Take a pair of videos in, uint8 (T, H, W, 3) each.

        Raises:
            ConfigError: no frame is left after the context.
            DataError: they are not as long as those before, and not whole motions.
        """
        length, seen = len(true), self._context
        if not self.videos:
            if seen >= length:
                raise ConfigError(f"context={seen}: it must be less than the {length} frames that are compared")
            scored = None if self._whole else length - seen
            self.own, self._gains = FrameScores(scored), {name: Gains(name, scored) for name in self._baselines}
        elif not self._whole and length != self.frames:
            raise DataError(
                f"videos of {self.frames} and of {length} frames: frame is averaged with frame, so they must be as "
                f"long; compare the first frames of each with frames={min(length, self.frames)}"
            )
        self._lengths.add(length)
        scores = self._score(predicted[seen:], true[seen:])
        self.own.add(scores)
        for name, go_on in self._baselines.items():
            self._gains[name].add(scores, self._score(go_on(true[:seen], length - seen), true[seen:]))
        if self._best is not None:
            self._best.add(np.stack([self._score(future, true[seen:]) for future in self._futures(index)]))
        self._sizes.add(true.shape[1:3])
        self.videos += 1

    def others(self) -> dict[str, Number]:
        """Return curves over the frames, the baselines with what predictions are better by, and the best of futures."""
        found: dict[str, Number] = {"per frame": self.own.per_frame()}
        if self._context:
            found["per frame spread"] = self.own.per_frame_spread()
        for gains in self._gains.values():
            found |= gains.others()
        return found | (self._best.others() if self._best else {})

    def counts(self) -> dict[str, int]:
        """Return how many futures there were and how many of them are left out, and a baseline's exact frames."""
        exact = {f"exact frames of {name} left out": number for name, number in self.lost_exact().items()}
        return exact | (self._best.counts() if self._best else {})

    def lost_exact(self) -> dict[str, int]:
        """Return how many frames each baseline has exactly and the predictions do not, where there are any."""
        return {name: gains.lost_exact for name, gains in self._gains.items() if gains.lost_exact}


def _first(frames: int | None, stride: int) -> Callable[[int], range]:
    """Return what names the first ``frames`` frames of a video, or as many as there are."""
    return lambda length: range(0, length, stride)[:frames]


def _warnings(scores: _Scores) -> list[str]:
    warnings = []
    if scores.misplaced:
        warnings.append(
            f"{len(scores.misplaced)} videos have another category than those they are compared with, the first of "
            f"them video {scores.misplaced[0]}: are both sets in the same order?"
        )
    if scores.own.infinite:
        warnings.append(f"{scores.own.infinite} frames equal the true ones; being infinite, their scores are left out")
    for name, number in scores.lost_exact().items():
        warnings.append(
            f"{number} frames of the baseline {name} equal the true ones, and the predictions do not: the baseline's "
            "average and the gain over it leave these frames out, so both flatter the predictions"
        )
    return warnings
