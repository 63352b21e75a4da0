"""PSNR and SSIM of predicted videos: video i of one set against video i of the other, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError, require_one_of, require_range
from mocogan_chainer.evaluation import similarity
from mocogan_chainer.evaluation.averages import Average
from mocogan_chainer.evaluation.gathering import Advance
from mocogan_chainer.evaluation.protocol import Protocol, Setting
from mocogan_chainer.evaluation.result import Number, Result, versions
from mocogan_chainer.evaluation.similarity import FrameScores, copy_last_frame
from mocogan_chainer.evaluation.video_set import VideoSet

BASELINE = "copy-last-frame"


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
    resize: str = "none",
    settings: Mapping[str, Setting] = MappingProxyType({}),
    seed: int | None = None,
    advance: Advance = lambda count: None,
) -> Result:
    """Score video i of ``fake`` against video i of ``real``: each frame, averaged over a video, then over videos.

    Args:
        real: the true videos.
        fake: predictions of them, as many, in the same order and of the same frame size.
        indices: which pairs.
        metric: "psnr" in dB, or "ssim" in -1..1.
        context: frames at a video's start that the predictor was shown. They are not scored, and what repeating the
            last of them would score stands beside the value.
        frames: that are compared of each video, the context among them, from the first; None for all.
        stride: steps in a real video from one of them to the next; predictions are taken frame by frame.
        whole: every video is one whole motion, so that videos may differ in length; the average at a frame is then
            over those that have it. One that is too short to have a frame after the context is left out.
        resize: the filter that brought real frames to the size of predictions, for the protocol.
        settings: what more the predictions depend on, for the protocol.
        seed: that ``indices`` were drawn with, for the protocol.
        advance: is told of progress.

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
    _check_as_many(real, fake)
    started = time.perf_counter()
    scores, left_out, misplaced = _Scores(SCORES[metric].of, context, whole), [], []
    for index in indices:
        try:
            predicted, true = fake.read(index, _first(frames, 1)), real.read(index, _first(frames, stride))
            if whole:
                _check_has_truth(real, index, len(true), context, frames)
        except DataError as error:
            left_out.append(str(error))
        else:
            _check_alike(real, fake, index, predicted, true, frames)
            scores.add(predicted, true)
            if _have_unlike_categories(real, fake, index):
                misplaced.append(index)
        advance(1)
    if not scores.videos:
        first = f"; the first: {left_out[0]}" if left_out else ""
        raise DataError(f"{fake.name}: none of its {len(indices)} videos can be compared{first}")
    value, spread = scores.own.value, scores.own.videos.spread
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
            reference_samples=scores.videos,
            evaluated_samples=scores.videos,
            seed=seed,
            settings={**SCORES[metric].settings, "context": context, **settings},
        ),
        evaluated=fake.name,
        evaluated_reference=fake.reference,
        value=value,
        spread=spread,
        spread_kind="" if spread is None else "standard error of the mean over videos",
        counts={**scores.own.counts(), f"videos unreadable{' or too short' * whole}": len(left_out)},
        versions=versions(),
        seconds=time.perf_counter() - started,
        others=scores.others(),
        warnings=_warnings(scores.own, left_out, misplaced),
    )


class _Scores:
    """Gathers the scores of predictions and, with context, those of the baseline.

    Attributes:
        videos: so far.
        own: scores of the predictions.
    """

    def __init__(self, score: Callable[[np.ndarray, np.ndarray], np.ndarray], context: int, whole: bool):
        self._score, self._context, self._whole = score, context, whole
        self._sizes: set[tuple[int, ...]] = set()
        self._lengths: set[int] = set()
        self._gain = Average()
        self.videos = 0

    @property
    def frames(self) -> int | None:
        """Frames of every video, the context among them; None where they differ."""
        return next(iter(self._lengths)) if len(self._lengths) == 1 else None

    @property
    def size(self) -> int | None:
        """Height and width of the frames; None where they differ."""
        sides = {side for size in self._sizes for side in size}
        return sides.pop() if len(sides) == 1 else None

    def add(self, predicted: np.ndarray, true: np.ndarray) -> None:
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
            self.own, self._copies = FrameScores(scored), FrameScores(scored)
        elif not self._whole and length != self.frames:
            raise DataError(
                f"videos of {self.frames} and of {length} frames: frame is averaged with frame, so they must be as "
                f"long; compare the first frames of each with frames={min(length, self.frames)}"
            )
        self._lengths.add(length)
        scores = self._score(predicted[seen:], true[seen:])
        self.own.add(scores)
        if seen:
            copies = self._score(copy_last_frame(true[:seen], length - seen), true[seen:])
            self._copies.add(copies)
            both = [s[np.isfinite(s)] for s in (scores, copies)]
            if all(map(len, both)):
                self._gain.add(both[0].mean() - both[1].mean())
        self._sizes.add(true.shape[1:3])
        self.videos += 1

    def others(self) -> dict[str, Number]:
        """Return curves over the frames, and the baseline with what the predictions are better by."""
        found: dict[str, Number] = {"per frame": self.own.per_frame()}
        if self._context:
            found |= {BASELINE: self._copies.value, f"{BASELINE} per frame": self._copies.per_frame()}
            if self._gain.count:
                found[f"gain over {BASELINE}"] = self._gain.mean
            if self._gain.spread is not None:
                found[f"gain over {BASELINE} spread"] = self._gain.spread
        return found


def _first(frames: int | None, stride: int) -> Callable[[int], range]:
    """Return what names the first ``frames`` frames of a video, or as many as there are."""
    return lambda length: range(0, length, stride)[:frames]


def _check_as_many(real: VideoSet, fake: VideoSet) -> None:
    if len(real) != len(fake):
        raise DataError(
            f"{fake.name} has {len(fake)} videos and {real.name} has {len(real)}: video i of one is compared with "
            "video i of the other, so there must be one prediction of each real video, in their order"
        )


def _check_has_truth(real: VideoSet, index: int, length: int, context: int, frames: int | None) -> None:
    if frames is not None and length < frames:
        raise DataError(f"{real.name}: {real.id(index)} gives {length} frames, fewer than frames={frames}")
    if length <= context:
        raise DataError(
            f"{real.name}: {real.id(index)} gives {length} frames, of which the first {context} are given: no truth is "
            "left to compare with"
        )


def _check_alike(
    real: VideoSet, fake: VideoSet, index: int, predicted: np.ndarray, true: np.ndarray, frames: int | None
) -> None:
    for videos, video in ((real, true), (fake, predicted)):
        if frames is not None and len(video) < frames:
            raise DataError(
                f"{videos.name}: {videos.id(index)} gives {len(video)} frames, fewer than frames={frames}; use a "
                "smaller number, or a smaller stride"
            )
    if predicted.shape != true.shape:
        raise DataError(
            f"{fake.name}: {fake.id(index)} is {_measures(predicted)}, and {real.id(index)} of {real.name}, which it "
            f"is compared with, {_measures(true)}; they must be alike (frames and stride choose real frames; prepare "
            "the videos anew for another size)"
        )


def _measures(video: np.ndarray) -> str:
    length, height, width = video.shape[:3]
    return f"{length} frames of {width} x {height}"


def _have_unlike_categories(real: VideoSet, fake: VideoSet, index: int) -> bool:
    labels = real.label(index), fake.label(index)
    return min(labels) >= 0 and real.class_names[labels[0]] != fake.class_names[labels[1]]


def _warnings(scores: FrameScores, left_out: Sequence[str], misplaced: Sequence[int]) -> tuple[str, ...]:
    warnings = []
    if left_out:
        warnings.append(f"{len(left_out)} videos are left out; the first: {left_out[0]}")
    if misplaced:
        warnings.append(
            f"{len(misplaced)} videos have another category than those they are compared with, the first of them "
            f"video {misplaced[0]}: are both sets in the same order?"
        )
    if scores.infinite:
        warnings.append(f"{scores.infinite} frames equal the true ones; being infinite, their scores are left out")
    return tuple(warnings)
