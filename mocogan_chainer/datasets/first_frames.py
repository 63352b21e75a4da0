"""The pictures and clips on which a run shows its progress."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.datasets.prepared import PreparedDataset


def first_frames(path: str | os.PathLike, count: int, size: int) -> np.ndarray:
    """Return the first frames of a prepared dataset's first videos, held-out videos first.

    Args:
        path: the dataset's folder.
        count: how many; fewer if there are fewer videos.
        size: height and width in pixels that they are scaled to.

    Returns:
        uint8 (N, size, size, 3).
    """
    return first_clips(path, count, [0], size)[:, 0]


def first_clips(path: str | os.PathLike, count: int, frames: Sequence[int], size: int) -> np.ndarray:
    """Return these frames of a prepared dataset's first videos that have them, held-out videos first.

    Args:
        path: the dataset's folder.
        count: how many clips; fewer if there are fewer such videos, but at least one.
        frames: their numbers in a video, ascending.
        size: height and width in pixels that they are scaled to.

    Returns:
        uint8 (N, T, size, size, 3).
    """
    dataset = PreparedDataset.open(path)
    long_enough = np.flatnonzero(dataset.lengths > frames[-1])
    held_out = [dataset.splits[index] == "test" for index in long_enough]
    chosen = long_enough[np.argsort(np.logical_not(held_out), kind="stable")][:count].tolist()
    return np.stack([video.resize(dataset.frames(index, frames), size) for index in chosen])
