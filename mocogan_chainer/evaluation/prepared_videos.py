"""A prepared dataset as a set of videos to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mocogan_chainer.datasets.prepared import PreparedDataset

MAPPED_BYTES = 64 * 2**20
"""Frames that are mapped into memory at a time."""


class PreparedVideos:
    """The videos of a prepared dataset (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Args:
        dataset: opened for the split that is wanted.

    Attributes:
        size: height and width of every frame in pixels.
    """

    unordered = False
    any_thread = True

    def __init__(self, dataset: PreparedDataset):
        self.name = str(dataset.path)
        self.title = dataset.name
        self.size = dataset.size
        self.reference = f"{dataset.name} {dataset.fingerprint()}"
        self.split = dataset.split
        self.class_names = tuple(dataset.class_names)
        self.subjects = dataset.subjects if any(dataset.subjects) else None
        self._dataset = dataset
        self._read = 0  # bytes since memory was last given back

    def __len__(self) -> int:
        return len(self._dataset)

    def id(self, index: int) -> str:
        """Return the video's id."""
        return self._dataset.ids[index]

    def label(self, index: int) -> int:
        """Return the video's class, -1 where it has none."""
        return int(self._dataset.labels[index])

    def length(self, index: int) -> int:
        """Return the video's frames."""
        return int(self._dataset.lengths[index])

    def known_length(self, index: int) -> int:
        """Return the video's frames, as :meth:`length`."""
        return self.length(index)

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, size, size, 3)."""
        length = self.length(index)
        frames = self._dataset.frames(index, range(length) if which is None else which(length))
        self._read += length * frames[0].nbytes
        if self._read > MAPPED_BYTES:  # each video is looked at once
            self._dataset.release()
            self._read = 0
        return frames
