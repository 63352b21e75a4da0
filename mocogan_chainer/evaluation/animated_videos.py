"""Animated first frames of real videos as a set to evaluate: made when they are read, with no files in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mocogan_chainer.errors import require_range
from mocogan_chainer.evaluation.derived_videos import DerivedVideos
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.sampling import Animator

TILE = 16
"""Frames that are made at once, always the same ones: matrix products round differently for other shapes."""
ALPHAS = "linear from 0 to 1"


class AnimatedVideos(DerivedVideos):
    """An animator's videos (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Video i is what the animator makes of the first frame of real video i, and has its id, class and subject. Alphas
    rise linearly from 0 in the first frame to 1 in the last; a single frame has 0. A frame does not depend on which
    others are read, and those of the last video that was read are kept.

    Args:
        animator: the snapshot's.
        real: the true videos, of the animator's frame size
            (:class:`mocogan_chainer.evaluation.sized_videos.SizedVideos` makes them so).
        name: what the user calls the set: the snapshot's path.
        fingerprint: of the snapshot.
        stride: steps in a real video from one of the frames that stand against the animated ones to the next.
        length: frames of every animation; None for as many as its real video has at this stride.

    Raises:
        ConfigError: a number is out of range.
    """

    split = None
    unordered = False
    any_thread = False  # Chainer's configuration and the backends' threads belong to the thread that made them

    def __init__(
        self,
        animator: Animator,
        real: VideoSet,
        *,
        name: str,
        fingerprint: str,
        stride: int = 1,
        length: int | None = None,
    ):
        require_range("stride", stride, 1)
        if length is not None:
            require_range("length", length, 1)
        super().__init__(real, name=name)
        self._animator, self._stride, self._length = animator, stride, length
        self._snapshot = fingerprint
        self._made: tuple[int, dict[int, np.ndarray]] = (-1, {})

    @cached_property
    def reference(self) -> str:
        """What the set is, wherever snapshot and real videos lie."""
        frames = f"as long as each at stride {self._stride}" if self._length is None else f"{self._length} frames"
        return f"snapshot {self._snapshot}: first frames of {self._source()} animated, {frames}, alphas {ALPHAS}"

    def length(self, index: int) -> int:
        """Return the video's frames."""
        return self._length or len(range(0, self._videos.length(index), self._stride))

    def known_length(self, index: int) -> int | None:
        """Return the video's frames where nothing has to be decoded for that, else None."""
        real = self._videos.known_length(index)
        return self._length or (None if real is None else len(range(0, real, self._stride)))

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, size, size, 3).

        Raises:
            DataError: the real video cannot be read.
        """
        length = self.length(index)
        wanted = np.arange(length) if which is None else np.asarray(which(length))
        if self._made[0] != index:
            self._made = index, {}
        tiles = self._made[1]
        missing = np.setdiff1d(wanted // TILE, list(tiles))
        if len(missing):
            photo = self._videos.read(index, lambda length: [0])
            for number in missing.tolist():
                tiles[number] = self._tile(photo, number * TILE, length)
        return np.stack([tiles[place // TILE][place % TILE] for place in wanted.tolist()])

    def truth(self, index: int) -> np.ndarray:
        """Return the frames of the real video that animated ones stand for, the given one first.

        Returns:
            uint8 (T, size, size, 3), at the stride.

        Raises:
            DataError: it cannot be read.
        """
        return self._videos.read(index, lambda length: range(0, length, self._stride))

    def _tile(self, photo: np.ndarray, first: int, length: int) -> np.ndarray:
        """Return the tile that begins with frame ``first`` of a video of so many, uint8 (up to TILE, size, size, 3)."""
        return self._animator.animate(photo, np.linspace(0, 1, length)[first : first + TILE])[0]
