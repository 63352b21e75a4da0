"""The Average Content Distance (MoCoGAN, section 4): how much the content changes within a video; 0 is none.

A video's features are an array ``(T, D)``, a row a frame; a row of NaN stands for a frame in which none was found, such
as no face. Such frames are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.averages import Average

DARKEST = 16
"""Pixels whose strongest channel is below this are background: half of what the built-in shapes' colours have."""


def pairwise_distance(features: np.ndarray) -> float | None:
    """Return the mean L2 distance of all pairs of a video's features ``(T, D)``: ACD.

    Returns:
        At least 0, in units of the features; None for fewer than two of them.
    """
    found = features[_has_feature(features)].astype(np.float64)
    n = len(found)
    if n < 2:
        return None
    total = sum(np.linalg.norm(found[i + 1 :] - found[i], axis=1).sum() for i in range(n - 1))
    return float(total) / (n * (n - 1) / 2)


def distance_to_first(features: np.ndarray) -> float | None:
    """Return the mean L2 distance of the later frames' features to the first frame's: ACD-I, for prediction.

    Returns:
        At least 0, in units of the features; None where the first frame or all others have none.
    """
    there = _has_feature(features)
    if not there[0] or there.sum() < 2:
        return None
    found = features[there].astype(np.float64)
    return float(np.linalg.norm(found[1:] - found[0], axis=1).mean())


def shape_colours(video: np.ndarray, darkest: int = DARKEST) -> np.ndarray:
    """Return the mean colour of a shape that moves over black, frame by frame.

    Args:
        video: uint8 ``(T, H, W, 3)``.
        darkest: the least value of a pixel's strongest channel that counts as shape; 1 to 255.

    Returns:
        float64 ``(T, 3)`` in 0..255; NaN in frames that are background all over.
    """
    colours = np.full((len(video), 3), np.nan)
    for colour, frame in zip(colours, video, strict=True):
        shape = frame[frame.max(axis=-1) >= darkest]
        if len(shape):
            colour[:] = shape.mean(axis=0)
    return colours


class ContentDistance:
    """Averages a distance over videos.

    Attributes:
        distances: of the videos that have one.
        videos: videos so far.
        frames: frames so far.
        frames_without: frames without a feature.
    """

    def __init__(self, measure: Callable[[np.ndarray], float | None] = pairwise_distance):
        """``measure`` is :func:`pairwise_distance` or :func:`distance_to_first`."""
        self.measure = measure
        self.distances = Average()
        self.videos = 0
        self.frames = 0
        self.frames_without = 0

    def add(self, features: np.ndarray) -> None:
        """Take a video's features ``(T, D)`` in.

        Raises:
            ValueError: another shape, or no frame.
        """
        if features.ndim != 2 or not features.size:
            raise ValueError(f"features {features.shape}: they must be (T, D), a row a frame")
        self.videos += 1
        self.frames += len(features)
        self.frames_without += int((~_has_feature(features)).sum())
        distance = self.measure(features)
        if distance is not None:
            self.distances.add(distance)

    @property
    def value(self) -> float:
        """The average over the videos that have a distance.

        Raises:
            DataError: none has.
        """
        if not self.distances.count:
            raise DataError(
                f"none of {self.videos} videos has features in enough frames ({self.frames_without} of {self.frames} "
                "frames have none); is it the right metric for these videos?"
            )
        return self.distances.mean

    def counts(self) -> dict[str, int]:
        """Return what a result must say in addition to the value."""
        return {
            "videos": self.videos,
            "videos left out": self.videos - self.distances.count,
            "frames": self.frames,
            "frames without a feature": self.frames_without,
        }


def _has_feature(features: np.ndarray) -> np.ndarray:
    """Return which frames have a feature, bool ``(T,)``."""
    return ~np.isnan(features).any(axis=1)
