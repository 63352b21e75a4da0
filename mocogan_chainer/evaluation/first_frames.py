"""The first frames of a set's videos, all of one length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mocogan_chainer.errors import DataError, require_range
from mocogan_chainer.evaluation.derived_videos import DerivedVideos
from mocogan_chainer.evaluation.video_set import VideoSet


class FirstFrames(DerivedVideos):
    """The beginning of each video of a set (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    A video that is too short is found out when it is read.

    Args:
        videos: any set.
        frames: of each video, from its first.
        stride: steps in the set's video from one of them to the next.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(self, videos: VideoSet, frames: int, stride: int = 1):
        require_range("frames", frames, 1)
        require_range("stride", stride, 1)
        super().__init__(videos)
        self.frames, self.stride = frames, stride
        self.split, self.any_thread, self.unordered = videos.split, videos.any_thread, videos.unordered

    @cached_property
    def reference(self) -> str:
        """What the set is, wherever it lies."""
        return f"{self._videos.reference}, the first {self.frames} frames at stride {self.stride}"

    def length(self, index: int) -> int:
        """Return the frames that are taken of every video."""
        return self.frames

    def known_length(self, index: int) -> int | None:
        """Return the frames that are taken, 0 of a video that is too short; None where that is not known."""
        length = self._videos.known_length(index)
        if length is None:
            return None
        return self.frames if len(range(0, length, self.stride)) >= self.frames else 0

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return these frames, or those among them that ``which`` names given their number: uint8 (T, H, W, 3).

        Raises:
            DataError: the video cannot be read, or is too short.
        """

        def places(length: int) -> list[int]:
            there = range(0, length, self.stride)[: self.frames]
            if len(there) < self.frames:
                raise DataError(
                    f"{self.name}: {self.id(index)} gives {len(there)} frames at stride {self.stride}, fewer than "
                    f"frames={self.frames}"
                )
            return list(there) if which is None else [there[place] for place in which(self.frames)]

        return self._videos.read(index, places)
