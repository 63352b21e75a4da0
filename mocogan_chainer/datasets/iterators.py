"""Endless iterators over a prepared dataset: clips in shuffled order, and single frames at random.

Both own their random generator and save it, so that a run that is resumed sees the batches it would have seen.
"""

from __future__ import annotations

from typing import Any

import chainer
import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError, require_range


class _DatasetIterator(chainer.dataset.Iterator):
    """Counts epochs of ``epoch_size`` examples, ``batch_size`` a batch; subclasses make the batch."""

    repeat = True

    def __init__(self, dataset: PreparedDataset, batch_size: int, epoch_size: int, rng: np.random.Generator) -> None:
        require_range("batchsize", batch_size, 1)
        self.dataset = dataset
        self.batch_size = batch_size
        self._epoch_size = epoch_size
        self._rng = rng
        self.epoch = 0
        self.is_new_epoch = False
        self._position = 0
        self._previous_epoch_detail = -1.0

    @property
    def epoch_detail(self) -> float:
        return self.epoch + self._position / self._epoch_size

    @property
    def previous_epoch_detail(self) -> float | None:
        return None if self._previous_epoch_detail < 0 else self._previous_epoch_detail

    def _advance(self) -> int:
        """Go one batch on; return how many epochs ended in it."""
        self._previous_epoch_detail = self.epoch_detail
        passed, self._position = divmod(self._position + self.batch_size, self._epoch_size)
        self.epoch += passed
        self.is_new_epoch = passed > 0
        return passed

    def serialize(self, serializer: Any) -> None:
        """Save or load the place in the dataset and the random generator.

        Raises:
            DataError: the state was saved with another dataset or clip length.
        """
        epoch_size = serializer("epoch_size", self._epoch_size)
        if epoch_size != self._epoch_size:
            raise DataError(
                f"{self.dataset.path}: the snapshot was made with {epoch_size} examples an epoch, and this dataset "
                f"gives {self._epoch_size}; resume with the dataset and clip length of the first run"
            )
        self.epoch = int(serializer("epoch", self.epoch))
        self.is_new_epoch = bool(serializer("is_new_epoch", self.is_new_epoch))
        self._position = int(serializer("position", self._position))
        self._previous_epoch_detail = float(serializer("previous_epoch_detail", self._previous_epoch_detail))
        seeding.serialize(serializer, "rng", self._rng)


class ClipIterator(_DatasetIterator):
    """Gives batches ``(videos, labels)`` of one clip a video: uint8 ``(N, T, H, W, 3)`` and int32 ``(N,)``.

    An epoch is every usable video once, in a new random order; a clip is ``video_length`` frames, each ``every_nth``
    frame from a random start. Batches run on over the end of an epoch and are always full.

    Args:
        dataset: the videos.
        batchsize: N, at least 1; it may exceed the number of videos.
        video_length: T, frames a clip.
        every_nth: the step between frames of a clip, 1 for all.
        rng: the iterator's own generator.

    Attributes:
        skipped: the number of videos too short for a clip, which are never given.

    Raises:
        DataError: every video is too short.
    """

    def __init__(
        self, dataset: PreparedDataset, batchsize: int, video_length: int, every_nth: int, rng: np.random.Generator
    ) -> None:
        require_range("video_length", video_length, 1)
        require_range("every_nth", every_nth, 1)
        self._span = (video_length - 1) * every_nth + 1
        self._usable = np.flatnonzero(dataset.lengths >= self._span)
        if not len(self._usable):
            raise DataError(
                f"{dataset.path}: every video is too short: {video_length} frames, every {every_nth}, need videos of "
                f"{self._span} frames, and the longest has {dataset.lengths.max()}; lower video_length or every_nth"
            )
        super().__init__(dataset, batchsize, len(self._usable), rng)
        self._video_length = video_length
        self._every_nth = every_nth
        self.skipped = len(dataset) - len(self._usable)
        self._order = rng.permutation(len(self._usable))

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._usable[self._take()]
        starts = self._rng.integers(0, self.dataset.lengths[chosen] - self._span + 1)
        size = self.dataset.size
        videos = np.empty((self.batch_size, self._video_length, size, size, 3), np.uint8)
        for clip, index, start in zip(videos, chosen.tolist(), starts.tolist(), strict=True):
            self.dataset.frames(index, range(start, start + self._span, self._every_nth), out=clip)
        return videos, self.dataset.labels[chosen]

    def _take(self) -> np.ndarray:
        """Return the next places in the order, drawing a new order where an epoch ends."""
        parts = [self._order[self._position : self._position + self.batch_size]]
        for _ in range(self._advance()):
            self._order = self._rng.permutation(self._epoch_size)
            parts.append(self._order[: self.batch_size - sum(map(len, parts))])
        return np.concatenate(parts)

    def serialize(self, serializer: Any) -> None:
        super().serialize(serializer)
        serializer("order", self._order)


class FrameIterator(_DatasetIterator):
    """Gives batches ``(frames, labels)``: uint8 ``(N, H, W, 3)`` and int32 ``(N,)``.

    Frames are drawn uniformly from all frames of all videos, with replacement; an epoch is as many draws as there are
    frames.

    Args:
        dataset: the videos.
        batchsize: N, at least 1.
        rng: the iterator's own generator.
    """

    def __init__(self, dataset: PreparedDataset, batchsize: int, rng: np.random.Generator) -> None:
        self._ends = np.cumsum(dataset.lengths)
        super().__init__(dataset, batchsize, int(self._ends[-1]), rng)

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        self._advance()
        drawn = self._rng.integers(0, self._epoch_size, self.batch_size)
        videos = np.searchsorted(self._ends, drawn, side="right")
        places = drawn - (self._ends[videos] - self.dataset.lengths[videos])
        frames = np.empty((self.batch_size, self.dataset.size, self.dataset.size, 3), np.uint8)
        for frame, video, place in zip(frames, videos.tolist(), places.tolist(), strict=True):
            self.dataset.frames(video, range(place, place + 1), out=frame[None])
        return frames, self.dataset.labels[videos]
