"""Arrays in memory as a set of videos to evaluate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError, require_whole


class ArrayVideos:
    """Videos that are arrays already (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Args:
        videos: uint8 (T, H, W, 3) each, RGB, of any lengths and sizes; one array (N, T, H, W, 3) will do.
        labels: each video's class, which counts into ``class_names``, -1 where it has none; None for no classes.
        class_names: of the classes.
        name: what results and messages call the set.

    Raises:
        DataError: there is no video, or one is of another type or shape.
        ConfigError: the labels are not one for each video, or none of the classes'.
    """

    title = ""
    split = None
    subjects = None
    unordered = False
    any_thread = True

    def __init__(
        self,
        videos: Sequence[np.ndarray] | np.ndarray,
        labels: Sequence[int] | np.ndarray | None = None,
        class_names: Sequence[str] = (),
        name: str = "arrays",
    ):
        self.name, self.class_names = name, tuple(class_names)
        self._videos = list(videos)
        if not self._videos:
            raise DataError(f"{name}: no videos in it")
        for index, video in enumerate(self._videos):
            _check(f"{name}: {self.id(index)}", video)
        self._labels = [-1] * len(self) if labels is None else list(labels)
        if len(self._labels) != len(self):
            raise ConfigError(f"{name}: {len(self._labels)} labels for {len(self)} videos: give each video one")
        if labels is not None and not self.class_names:
            raise ConfigError(f"{name}: labels without classes; name the classes with class_names")
        self._labels = [require_whole(f"{name}: label", label, -1, len(self.class_names) - 1) for label in self._labels]

    def __len__(self) -> int:
        return len(self._videos)

    @cached_property
    def reference(self) -> str:
        """What the set is, whatever it is called: a digest of all frames and classes, at which it looks when asked."""
        digest = hashlib.sha256()
        for index, video in enumerate(self._videos):
            label = self.label(index)
            digest.update(repr((video.shape, self.class_names[label] if label >= 0 else "")).encode())
            digest.update(np.ascontiguousarray(video))
        return f"arrays {digest.hexdigest()[:16]}"

    def id(self, index: int) -> str:
        """Return the video's number as text."""
        return f"video {index}"

    def label(self, index: int) -> int:
        """Return the video's class, -1 where it has none."""
        return self._labels[index]

    def length(self, index: int) -> int:
        """Return the video's frames."""
        return len(self._videos[index])

    def known_length(self, index: int) -> int:
        """Return the video's frames, as :meth:`length`."""
        return self.length(index)

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, H, W, 3)."""
        video = self._videos[index]
        return video if which is None else video[np.asarray(which(len(video)))]


def _check(name: str, video: np.ndarray) -> None:
    given = f"{video.dtype} {video.shape}" if isinstance(video, np.ndarray) else type(video).__name__
    if not isinstance(video, np.ndarray) or video.dtype != np.uint8 or video.ndim != 4 or video.shape[3] != 3:
        raise DataError(f"{name}: {given}: it must be an array, uint8 (T, H, W, 3), of RGB from 0 to 255")
    if not video.size:
        raise DataError(f"{name}: {given}: there is no frame or no pixel in it")
