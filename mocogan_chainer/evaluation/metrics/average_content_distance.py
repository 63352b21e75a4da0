"""The Average Content Distance: how much a set's videos change in what they should keep, a colour or a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mocogan_chainer.errors import DataError, require_one_of, require_range
from mocogan_chainer.evaluation import left_out
from mocogan_chainer.evaluation.content_distance import (
    DARKEST,
    ContentDistance,
    distance_to_first,
    pairwise_distance,
    shape_colours,
)
from mocogan_chainer.evaluation.gathering import Advance
from mocogan_chainer.evaluation.identity import FaceIdentity
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.result import Number, Result, versions
from mocogan_chainer.evaluation.video_set import VideoSet, Which

MEASURES = {"pairs": pairwise_distance, "first-frame": distance_to_first}
"""All pairs of frames (ACD, or ACD-C), or the later frames against the first (ACD-I, for prediction from one frame)."""
NAMES = {"pairs": "acd", "first-frame": "acd-i"}
TRUTH = "of the real videos by"
"""Begins the names of the numbers that real videos themselves have."""
OFTEN = 0.05
"""A reader is warned where a larger share of the frames has no feature."""


class ShapeColour:
    """Describes each frame by the mean colour of its pixels that are not dark."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}

    def __call__(self, video: np.ndarray) -> np.ndarray:
        """Return float64 ``(T, 3)`` of uint8 ``(T, H, W, 3)``; NaN in dark frames."""
        return shape_colours(video)

    def protocol(self) -> dict[str, Any]:
        """Return the fields of a protocol that say how these features are made."""
        return {
            "network": "mean colour of the pixels that are not dark",
            "resize": "none",
            "crop": "none",
            "channel_order": "RGB",
            "pixel_values": "0 to 255",
            "settings": {"darkest": DARKEST},
        }


FEATURES = {"shape-colour": ShapeColour, "face-identity": FaceIdentity}
SHOWN = {"shape-colour": "a pixel that is not dark", "face-identity": "a face"}
"""What a frame must show to have a feature."""


def average_content_distance(
    videos: VideoSet,
    indices: Sequence[int],
    *,
    features: str,
    measure: str = "pairs",
    frames: int | None = 16,
    stride: int = 1,
    truth: Callable[[int], np.ndarray] | None = None,
    begins_true: bool = False,
    seed: int | None = None,
    advance: Advance = lambda count: None,
) -> Result:
    """Measure how far the content of a video's frames lies apart, averaged over videos.

    Videos that were made of a given picture have a ``truth``. "first-frame" then compares all of their frames, the
    first among them, with that picture and not with what was made of it; and what the real videos have by both
    measures stands in ``others``, where they have two frames.

    Args:
        videos: any set.
        indices: which of them.
        features: "shape-colour" (units of 0..255) or "face-identity" (two people are usually more than 0.6 apart).
        measure: "pairs" or "first-frame"; the other one is given too, in ``others``.
        frames: of each video, from its first; None for all, which compares only among sets of like lengths.
        stride: steps in the video from one of them to the next.
        truth: gives the real video that a video (by its number) stands for, whose first frame is the picture that it
            was made of: uint8 (T, H, W, 3), frame for frame; None where videos are made of nothing.
        begins_true: the videos themselves begin with that picture, so that "first-frame" compares within them.
        seed: that ``indices`` were drawn with, for the protocol.
        advance: is called with the number of videos done since the last call.

    Raises:
        ConfigError: an argument is none that is allowed, or a package for face identity is missing.
        DataError: no video has a feature in two frames.
    """
    require_one_of("features", features, FEATURES)
    require_one_of("measure", measure, MEASURES)
    if frames is not None:
        require_range("frames", frames, 2)
    require_range("stride", stride, 1)
    started = time.perf_counter()
    describe = FEATURES[features]()
    distances, reasons = _Distances(describe, begins_true), []
    for index in indices:
        try:
            video = videos.read(index, _which(frames, stride))
            true = None if truth is None else truth(index)[:frames]
        except DataError as error:
            reasons.append(f"{videos.id(index)}: {error}")
        else:
            distances.add(video, true)
        advance(1)
    chosen = distances.made[measure]
    if not chosen.videos:
        raise left_out.none_usable(videos.name, len(reasons), "can be used", reasons)
    fields = describe.protocol()
    spread = chosen.distances.spread
    return Result(
        protocol=Protocol(
            metric="acd",
            name=f"{NAMES[measure]}-{features}",
            frames=frames,
            stride=stride,
            start="first",
            short_videos=None if frames is None else "leave out",
            evaluated_samples=chosen.distances.count,
            seed=seed,
            **fields | {"settings": fields["settings"] | _settings(measure, truth is not None and not begins_true)},
        ),
        evaluated=videos.name,
        evaluated_reference=videos.reference,
        value=chosen.value,
        spread=spread,
        spread_kind="" if spread is None else "standard error of the mean over videos",
        counts={**chosen.counts(), "videos unreadable or too short": len(reasons)},
        versions=versions() | describe.versions,
        seconds=time.perf_counter() - started,
        others=distances.others(measure),
        warnings=(*left_out.in_words(reasons), *_warnings(chosen, features, distances.bright)),
    )


class _Distances:
    """Gathers what changes within videos, and within the real ones that they stand for, by both measures.

    Attributes:
        made: of the videos, by measure.
        bright: how many of them are bright.
    """

    def __init__(self, describe: Callable[[np.ndarray], np.ndarray], begins_true: bool):
        self._describe, self._begins_true = describe, begins_true
        self.made, self._real = (
            {name: ContentDistance(function) for name, function in MEASURES.items()} for _ in range(2)
        )
        self.bright = 0

    def add(self, video: np.ndarray, true: np.ndarray | None) -> None:
        """Take in a video and the real one, where there is one, uint8 (T, H, W, 3)."""
        self.bright += _is_bright(video)
        rows = self._describe(video)
        self.made["pairs"].add(rows)
        true_rows = None if true is None else self._describe(true)
        given = [] if true_rows is None or self._begins_true else [true_rows[:1]]
        self.made["first-frame"].add(np.concatenate([*given, rows]))
        if true_rows is not None:
            for distance in self._real.values():
                distance.add(true_rows)

    def others(self, measure: str) -> dict[str, Number]:
        """Return what is given in addition to the value of one measure: the other one, and both of the real videos."""
        found = {f"by {name}": distance for name, distance in self.made.items() if name != measure}
        found |= {f"{TRUTH} {name}": distance for name, distance in self._real.items()}
        return {name: distance.value for name, distance in found.items() if distance.distances.count}


def _settings(measure: str, of_pictures: bool) -> dict[str, str]:
    return {"measure": measure} | ({"first_frame": "the given one"} if of_pictures and measure == "first-frame" else {})


def _which(frames: int | None, stride: int) -> Which:
    def which(length: int) -> range:
        span = max(length, 2) if frames is None else (frames - 1) * stride + 1
        if span > length:
            raise DataError(f"{length} frames, and {span} are needed; --frames {length} takes as many")
        return range(0, span, stride)

    return which


def _is_bright(video: np.ndarray) -> bool:
    """Whether most of the pixels are not dark."""
    return bool((video.max(axis=-1) >= DARKEST).mean() > 0.5)


def _warnings(found: ContentDistance, features: str, bright: int) -> list[str]:
    shown = SHOWN[features]
    warnings = []
    if found.frames_without > OFTEN * found.frames:
        warnings.append(
            f"{found.frames_without} of {found.frames} frames do not show {shown} and are left out; "
            "the distance says nothing of them"
        )
    without = found.videos - found.distances.count
    if without:
        warnings.append(f"{without} of {found.videos} videos show {shown} in too few frames and are left out")
    if bright and features == "shape-colour":
        warnings.append(
            f"{bright} of {found.videos} videos are bright on most of their pixels: shape-colour is meant for shapes "
            "over black, and takes the mean colour of such a frame"
        )
    return warnings
