"""The Inception Score of videos: how sure a classifier is of each, and how varied they are together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np

from mocogan_chainer.evaluation import inception_score as numerics
from mocogan_chainer.evaluation import left_out
from mocogan_chainer.evaluation.clips import LeftOut
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.gathering import Advance
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.result import Result, versions
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.evaluation.watched_videos import WatchedVideos, length_setting, size_warnings


def inception_score(
    videos: VideoSet,
    indices: Sequence[int],
    extractor: Extractor,
    *,
    splits: int,
    stride: int = 1,
    advance: Advance = lambda count: None,
) -> Result:
    """Score some videos of a set.

    Args:
        videos: any set.
        indices: which of them, at least two a part, in an order in which parts are alike
            (:func:`mocogan_chainer.evaluation.clips.mix` gives one): a part of one class alone has a score near 1.
        extractor: a network that gives class probabilities.
        splits: consecutive parts that are scored alone and averaged.
        stride: steps in a video from one frame of its clip to the next.
        advance: is called with the number of videos done since the last call.

    Raises:
        DataError: too few videos.
    """
    started = time.perf_counter()
    videos = WatchedVideos(videos)
    probabilities, missing = _probabilities(videos, extractor.outputs(videos, indices, stride), advance)
    found = numerics.inception_score(probabilities, splits=splits, seed=extractor.seed)
    recipe, count = extractor.recipe, len(probabilities)
    clip = recipe.preparation
    more = {} if extractor.mean_sha256 is None else {"mean_sha256": extractor.mean_sha256}
    more |= length_setting(videos.common_length, frames=clip.frames, stride=stride, start=clip.start)
    return Result(
        protocol=Protocol(
            metric="is",
            name=recipe.name,
            **recipe.fields(extractor.weights_sha256) | {"stride": stride},
            evaluated_samples=count,
            seed=extractor.seed,
            settings={"splits": splits, "epsilon": numerics.EPSILON} | more,
        ),
        evaluated=videos.name,
        evaluated_reference=videos.reference,
        value=found.value,
        spread=found.spread,
        spread_kind="bootstrap within each part, standard deviation of their mean",
        counts={"evaluated": count, "evaluated left out": len(missing)},
        versions=versions(),
        seconds=time.perf_counter() - started,
        others={"parts": list(found.parts), "standard deviation over parts": found.deviation},
        warnings=(
            *size_warnings(clip.crop, evaluated=videos.frame_size),
            *left_out.without_clip(videos.name, [(video.name, video.reason) for video in missing]),
            *_fewer_than_published(recipe, splits, count // splits),
        ),
        frame_sizes={"evaluated": videos.frame_size},
    )


def _probabilities(
    videos: WatchedVideos, outputs: Iterable[np.ndarray | LeftOut], advance: Advance
) -> tuple[np.ndarray, list[LeftOut]]:
    """Return those of all videos that gave a clip (N, K), and the videos that gave none."""
    rows: list[np.ndarray] = []
    missing: list[LeftOut] = []
    for output in outputs:
        if isinstance(output, LeftOut):
            missing.append(output)
            advance(1)
        else:
            rows.append(output)
            advance(len(output))
    if not rows:
        raise left_out.none_usable(videos.name, len(missing), "gave a clip", [video.reason for video in missing])
    return np.concatenate(rows), missing


def _fewer_than_published(recipe: Recipe, splits: int, samples: int) -> list[str]:
    warnings = []
    if splits < recipe.splits:
        warnings.append(f"{splits} parts, and {recipe.name} averages {recipe.splits}")
    if samples < recipe.samples:
        warnings.append(
            f"{samples} samples a part, and {recipe.name} takes {recipe.samples}: the score of fewer is smaller"
        )
    return warnings
