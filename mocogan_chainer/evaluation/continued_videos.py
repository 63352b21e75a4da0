"""Real videos whose beginnings are continued, by a model or by what needs none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mocogan_chainer.errors import ConfigError, require_range
from mocogan_chainer.evaluation.derived_videos import DerivedVideos
from mocogan_chainer.evaluation.first_frames import FirstFrames
from mocogan_chainer.evaluation.video_set import VideoSet

GoOn = Callable[[int, np.ndarray, int], np.ndarray]
"""Takes a video's number, the frames seen, uint8 (k, H, W, 3), and T; returns the T frames to come, alike."""


class ContinuedVideos(DerivedVideos):
    """Beginnings and what follows (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Video i is the first ``context`` frames of real video i, and then what is made of them; it has the real one's id,
    class and subject. The last video that was read is kept.

    Args:
        real: the true videos.
        go_on: makes the frames to come.
        name: what the user calls the set.
        how: who makes the frames to come, in words.
        context: real frames at the beginning of each video, k.
        frames: of each video, the context among them.
        stride: steps in a real video from one of its frames to the next.

    Raises:
        ConfigError: a number is out of range, or no frame is left after the context.
    """

    split = None
    unordered = False
    any_thread = False  # it keeps a video, and a model belongs to the thread that made it

    def __init__(self, real: VideoSet, go_on: GoOn, *, name: str, how: str, context: int, frames: int, stride: int = 1):
        require_range("context", context, 1)
        if frames <= context:
            raise ConfigError(f"frames={frames}: it must be more than context={context}, whose frames are among them")
        super().__init__(real, name=name)
        self.context, self.frames = context, frames
        self.real = FirstFrames(real, frames, stride)
        """The true videos: as long, at the stride."""
        self._go_on, self._how, self._stride = go_on, how, stride
        self._true: tuple[int, np.ndarray] = (-1, np.empty(0, np.uint8))
        self._made: tuple[int, np.ndarray] = self._true

    @property
    def reference(self) -> str:
        """What the set is, wherever the real videos lie."""
        return (
            f"{self._how}: {self._source()} continued from the first {self.context} to {self.frames} frames at stride "
            f"{self._stride}"
        )

    def length(self, index: int) -> int:
        """Return the frames of every video."""
        return self.frames

    def known_length(self, index: int) -> int | None:
        """Return the frames of a video, 0 where the real one is too short; None where that is not known."""
        return self.real.known_length(index)

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, H, W, 3).

        Raises:
            DataError: the real video cannot be read, or is too short.
        """
        wanted = np.arange(self.frames) if which is None else np.asarray(which(self.frames))
        if self._made[0] != index:
            seen = self.seen(index)
            future = self._go_on(index, seen, self.frames - self.context)
            self._made = index, np.concatenate([seen, future])
        return self._made[1][wanted]

    def seen(self, index: int) -> np.ndarray:
        """Return the context, uint8 (k, H, W, 3); for the errors see :meth:`truth`."""
        return self.truth(index)[: self.context]

    def truth(self, index: int) -> np.ndarray:
        """Return the real video's frames, those of the context first, uint8 (T, H, W, 3).

        Raises:
            DataError: it cannot be read, or is too short.
        """
        if self._true[0] != index:
            self._true = index, self.real.read(index)
        return self._true[1].copy()
