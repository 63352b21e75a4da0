"""The pictures that a run's progress is shown on."""

from __future__ import annotations

import os

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.datasets.prepared import PreparedDataset


def first_frames(path: str | os.PathLike, count: int, size: int) -> np.ndarray:
    """Return the first frames of a prepared dataset's first videos, held-out ones before the others.

    Args:
        path: the dataset's folder.
        count: how many; fewer where there are fewer videos.
        size: height and width in pixels that they are scaled to.

    Returns:
        uint8 (N, size, size, 3).
    """
    dataset = PreparedDataset.open(path)
    held_out = [split == "test" for split in dataset.splits]
    chosen = np.argsort(np.logical_not(held_out), kind="stable")[:count].tolist()
    return np.concatenate([video.resize(dataset.frames(index, [0]), size) for index in chosen])
