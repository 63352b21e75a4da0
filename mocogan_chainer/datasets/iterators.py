"""Endless iterators over a prepared dataset: clips in shuffled order, and single frames at random.

Each owns its random generator and saves it, so that a resumed run sees the batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chainer
import cv2
import numpy as np

from mocogan_chainer import saved_streams
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError, require_range


class DatasetIterator(chainer.dataset.Iterator):
    """Counts epochs of ``epoch_size`` examples in batches of ``batch_size``; subclasses make the batch.

    Attributes:
        skipped: the number of videos that are never used.
        missing_labels: the classes that have no usable video.
        remarks: lines for the user.
    """

    repeat = True
    skipped = 0
    missing_labels: Sequence[int] = ()
    remarks: Sequence[str] = ()

    def __init__(
        self,
        dataset: PreparedDataset,
        batch_size: int,
        epoch_size: int,
        rng: np.random.Generator,
        *,
        flip: bool,
        balance: bool,
    ) -> None:
        require_range("batchsize", batch_size, 1)
        if balance and (dataset.labels < 0).all():
            raise ConfigError(f"balance_classes=true: the videos of {dataset.path} have no classes; set it to false")
        self.dataset = dataset
        self.batch_size = batch_size
        self._epoch_size = epoch_size
        self._rng = rng
        self._flip = flip
        self._balance = balance
        self.epoch = 0
        self.is_new_epoch = False
        self._position = 0
        self._previous_epoch_detail = -1.0

    @property
    def batches_an_epoch(self) -> float:
        """How many batches an epoch has; the last one may run into the next epoch."""
        return self._epoch_size / self.batch_size

    @property
    def epoch_detail(self) -> float:
        return self.epoch + self._position / self._epoch_size

    @property
    def previous_epoch_detail(self) -> float | None:
        return None if self._previous_epoch_detail < 0 else self._previous_epoch_detail

    def _advance(self) -> int:
        """Move on by one batch; return how many epochs ended in it."""
        self._previous_epoch_detail = self.epoch_detail
        passed, self._position = divmod(self._position + self.batch_size, self._epoch_size)
        self.epoch += passed
        self.is_new_epoch = passed > 0
        return passed

    def _mirrored(self, n: int) -> np.ndarray:
        """Draw which of ``n`` clips are mirrored, bool (n,)."""
        return self._rng.random(n) < 0.5 if self._flip else np.zeros(n, bool)

    def _read(self, videos: np.ndarray, ranges: list[range], mirrored: np.ndarray) -> np.ndarray:
        """Return these frames of these videos, uint8 ``(N, T, H, W, 3)``, some of them mirrored."""
        size = self.dataset.size
        clips = np.empty((len(videos), len(ranges[0]), size, size, 3), np.uint8)
        for clip, video, frames, mirror in zip(clips, videos.tolist(), ranges, mirrored.tolist(), strict=True):
            if mirror:
                rows = (-1, size, 3)  # all frames stacked into one picture; NumPy would take ten times as long
                cv2.flip(self.dataset.frames(video, frames).reshape(rows), 1, dst=clip.reshape(rows))
            else:
                self.dataset.frames(video, frames, out=clip)
        return clips

    def serialize(self, serializer: Any) -> None:
        """Save or load the place in the dataset and the random generator.

        Raises:
            DataError: the state was saved with another dataset or clip length.
        """
        epoch_size = serializer("epoch_size", self._epoch_size)
        if epoch_size != self._epoch_size:
            raise DataError(
                f"{self.dataset.path}: the snapshot was made with {epoch_size} examples per epoch, but this dataset "
                f"gives {self._epoch_size}; resume with the dataset and clip length of the first run"
            )
        self.epoch = int(serializer("epoch", self.epoch))
        self.is_new_epoch = bool(serializer("is_new_epoch", self.is_new_epoch))
        self._position = int(serializer("position", self._position))
        self._previous_epoch_detail = float(serializer("previous_epoch_detail", self._previous_epoch_detail))
        saved_streams.serialize(serializer, "rng", self._rng)


class VideoIterator(DatasetIterator):
    """Goes through the videos that are long enough, each once per epoch, in a new random order each time.

    Batches run across the end of an epoch and are always full. A balanced epoch is as long, and its clips are shared
    equally among the classes; which classes get one more is drawn. Each class goes through its usable videos, in a
    new random order each time: in an epoch, a small class repeats some and a large one leaves some out.

    Args:
        dataset: the videos.
        batchsize: N, at least 1; it may exceed the number of videos.
        least: frames that a video must have; at least one video has them.
        rng: the iterator's own generator.
        flip: mirror each clip left to right, as a whole, with probability 1/2.
        balance: use every class equally often; videos without a class count as one more.

    Attributes:
        skipped: the number of videos that are too short and never used.
        missing_labels: the classes without a video, or without one that is long enough.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        batchsize: int,
        least: int,
        rng: np.random.Generator,
        *,
        flip: bool,
        balance: bool,
    ) -> None:
        self._usable = np.flatnonzero(dataset.lengths >= least)
        super().__init__(dataset, batchsize, len(self._usable), rng, flip=flip, balance=balance)
        self.skipped = len(dataset) - len(self._usable)
        usable = set(dataset.labels[self._usable].tolist())
        self.missing_labels = [label for label in range(len(dataset.class_names)) if label not in usable]
        self._order = self._new_order()

    def _take(self) -> np.ndarray:
        """Return the next videos, (batch_size,), drawing a new order where an epoch ends."""
        parts = [self._order[self._position : self._position + self.batch_size]]
        for _ in range(self._advance()):
            self._order = self._new_order()
            parts.append(self._order[: self.batch_size - sum(map(len, parts))])
        return self._usable[np.concatenate(parts)]

    def _new_order(self) -> np.ndarray:
        """Draw an epoch: places in the list of usable videos."""
        return self._balanced_order() if self._balance else self._rng.permutation(self._epoch_size)

    def _balanced_order(self) -> np.ndarray:
        labels = self.dataset.labels[self._usable]
        classes = np.unique(labels)
        # Dealing out the classes in turn gives the surplus to those drawn first.
        turns = self._rng.permutation(np.resize(self._rng.permutation(classes), self._epoch_size))
        order = np.empty(self._epoch_size, np.int64)
        for label in classes:
            places, wanted = np.flatnonzero(labels == label), np.flatnonzero(turns == label)
            rounds = [self._rng.permutation(places) for _ in range(0, len(wanted), len(places))]
            order[wanted] = np.concatenate(rounds)[: len(wanted)]
        return order

    def serialize(self, serializer: Any) -> None:
        super().serialize(serializer)
        serializer("order", self._order)


class ClipIterator(VideoIterator):
    """Gives batches ``(videos, labels)`` of one clip per video: uint8 ``(N, T, H, W, 3)`` and int32 ``(N,)``.

    A clip is ``video_length`` frames, every ``every_nth``-th one from a random start. If several steps are given, each
    clip takes a random one of those that fit its video.

    Args:
        dataset: the videos.
        batchsize: N, at least 1; it may exceed the number of videos.
        video_length: T, frames per clip.
        every_nth: the step between frames of a clip, 1 for all; or several steps, in ascending order.
        rng: the iterator's own generator.
        flip: mirror each clip left to right, as a whole, with probability 1/2.
        balance: use every class equally often; videos without a class count as one more.

    Attributes:
        skipped: the number of videos that are too short for a clip and never used.
        missing_labels: the classes without a video, or without one that is long enough.
        frames_at_once: T.

    Raises:
        ConfigError: an argument is out of range, or ``balance`` is set for a dataset without classes.
        DataError: every video is too short.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        batchsize: int,
        video_length: int,
        every_nth: int | Sequence[int],
        rng: np.random.Generator,
        *,
        flip: bool = False,
        balance: bool = False,
    ) -> None:
        require_range("video_length", video_length, 1)
        self._steps = np.atleast_1d(every_nth)
        require_range("every_nth", self._steps[0], 1)
        self._spans = (video_length - 1) * self._steps + 1
        self.frames_at_once = video_length
        if not (dataset.lengths >= self._spans[0]).any():
            raise DataError(
                f"{dataset.path}: every video is too short: {video_length} frames at every_nth={self._steps[0]} need "
                f"videos of {self._spans[0]} frames, but the longest has {dataset.lengths.max()}; lower video_length "
                "or every_nth"
            )
        super().__init__(dataset, batchsize, self._spans[0], rng, flip=flip, balance=balance)

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        videos, starts, steps, mirrored = self._draw()
        places = zip(starts.tolist(), steps.tolist(), strict=True)
        ranges = [range(start, start + (self.frames_at_once - 1) * step + 1, step) for start, step in places]
        return self._read(videos, ranges, mirrored), self.dataset.labels[videos]

    def next_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw the next batch as ``next`` does, and return where it is instead of reading it.

        Returns:
            The number of each clip's first frame among all frames of the dataset, int64 (N,); the step between the
            frames of each clip, int32 (N,); which clips are mirrored, bool (N,); the labels, int32 (N,).
        """
        videos, starts, steps, mirrored = self._draw()
        return self.dataset.first_frames[videos] + starts, steps.astype(np.int32), mirrored, self.dataset.labels[videos]

    def _draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw videos, first frames in them, steps and mirrors of a batch, (N,) each."""
        videos = self._take()
        lengths = self.dataset.lengths[videos]
        drawn = self._draw_steps(lengths)
        starts = self._rng.integers(0, lengths - self._spans[drawn] + 1)
        return videos, starts, self._steps[drawn], self._mirrored(len(videos))

    def _draw_steps(self, lengths: np.ndarray) -> np.ndarray:
        """Draw for each length which of the steps a clip takes, among those that fit."""
        if len(self._steps) == 1:
            return np.zeros(len(lengths), np.intp)
        return self._rng.integers(0, (self._spans <= lengths[:, None]).sum(axis=1))


class FrameIterator(DatasetIterator):
    """Gives batches ``(frames, labels)``: uint8 ``(N, H, W, 3)`` and int32 ``(N,)``.

    Frames are drawn uniformly from all frames of all videos that are long enough, with replacement; an epoch is as many
    draws as they have frames. A balanced draw picks a class first, then any frame of that class.

    Args:
        dataset: the videos.
        batchsize: N, at least 1.
        least: frames that a video must have, as for the clips used with them; at least one video has them.
        rng: the iterator's own generator.
        flip: mirror each frame left to right with probability 1/2.
        balance: draw every class equally often; videos without a class count as one more.

    Raises:
        ConfigError: ``batchsize`` is out of range, or ``balance`` is set for a dataset without classes.
    """

    frames_at_once = None

    def __init__(
        self,
        dataset: PreparedDataset,
        batchsize: int,
        least: int,
        rng: np.random.Generator,
        *,
        flip: bool = False,
        balance: bool = False,
    ) -> None:
        usable = np.flatnonzero(dataset.lengths >= least)
        # Frames are numbered group by group; a group is a class, or everything.
        groups = dataset.labels[usable] if balance else np.zeros(len(usable), np.int32)
        _, sizes = np.unique(groups, return_counts=True)
        self._videos = usable[np.argsort(groups, kind="stable")]
        self._ends = np.cumsum(dataset.lengths[self._videos])
        self._bounds = np.append(0, self._ends[np.cumsum(sizes) - 1])
        super().__init__(dataset, batchsize, int(self._ends[-1]), rng, flip=flip, balance=balance)

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        videos, places, mirrored = self._draw()
        ranges = [range(place, place + 1) for place in places.tolist()]
        return self._read(videos, ranges, mirrored)[:, 0], self.dataset.labels[videos]

    def next_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """See :meth:`ClipIterator.next_places`."""
        videos, places, mirrored = self._draw()
        steps = np.ones(len(videos), np.int32)
        return self.dataset.first_frames[videos] + places, steps, mirrored, self.dataset.labels[videos]

    def _draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw videos, frames of them and mirrors of a batch, (N,) each."""
        self._advance()
        drawn = self._draw_frames()
        nth = np.searchsorted(self._ends, drawn, side="right")
        videos = self._videos[nth]
        places = drawn - (self._ends[nth] - self.dataset.lengths[videos])
        return videos, places, self._mirrored(len(videos))

    def _draw_frames(self) -> np.ndarray:
        """Return the numbers of a batch's frames."""
        if not self._balance:
            return self._rng.integers(0, self._epoch_size, self.batch_size)
        classes = self._rng.integers(0, len(self._bounds) - 1, self.batch_size)
        return self._rng.integers(self._bounds[classes], self._bounds[classes + 1])
