"""What two videos need so that one can be compared with the other as its prediction."""

from __future__ import annotations

import numpy as np

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.video_set import VideoSet


def check_as_many(real: VideoSet, fake: VideoSet) -> None:
    """Raise :class:`DataError` unless there is one prediction of each real video."""
    if len(real) != len(fake):
        raise DataError(
            f"{fake.name} has {len(fake)} videos and {real.name} has {len(real)}: video i of one is compared with "
            "video i of the other, so there must be one prediction of each real video, in their order"
        )


def check_has_truth(real: VideoSet, index: int, length: int, context: int, frames: int | None) -> None:
    """Raise :class:`DataError` unless real video ``index`` has ``frames`` frames, and one after the context."""
    if frames is not None and length < frames:
        raise DataError(f"{real.name}: {real.id(index)} gives {length} frames, fewer than frames={frames}")
    if length <= context:
        raise DataError(
            f"{real.name}: {real.id(index)} gives {length} frames, of which the first {context} are given: no truth is "
            "left to compare with"
        )


def check_alike(
    real: VideoSet, fake: VideoSet, index: int, predicted: np.ndarray, true: np.ndarray, frames: int | None
) -> None:
    """Raise :class:`DataError` unless both videos, uint8 (T, H, W, 3), have ``frames`` frames and are of one shape."""
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


def have_unlike_categories(real: VideoSet, fake: VideoSet, index: int) -> bool:
    """Return whether both videos have a category, and not the same one."""
    labels = real.label(index), fake.label(index)
    return min(labels) >= 0 and real.class_names[labels[0]] != fake.class_names[labels[1]]
