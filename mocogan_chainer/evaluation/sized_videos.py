"""Real videos as an animator's are: of the class that it learned, and of its frame size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.derived_videos import DerivedVideos
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation.video_set import VideoSet


class SizedVideos(DerivedVideos):
    """A set's videos at one frame size (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Frames are scaled whole and as they are for training (:func:`mocogan_chainer.video.resize`); those of the
    size stay as they are. The reference and :attr:`resize` say whether any can have been scaled.

    Args:
        videos: any set whose frames are square.
        size: height and width of the frames.
        class_name: take the videos of this class only; all where it is None or no class of the set.

    Attributes:
        resize: the filter that brings frames to the size, "none" where all have it.

    Raises:
        DataError: no video is of the class.
    """

    def __init__(self, videos: VideoSet, size: int, class_name: str | None = None):
        super().__init__(videos, numbers=_of_class(videos, class_name))
        self._size = size
        self._class = class_name if len(self) < len(videos) else None
        has_size = isinstance(videos, PreparedVideos) and videos.size == size
        self.resize = "none" if has_size else "area where they shrink, linear where they grow"
        self.split, self.any_thread, self.unordered = videos.split, videos.any_thread, videos.unordered

    @cached_property
    def reference(self) -> str:
        """What the set is, wherever it lies."""
        of_class = "" if self._class is None else f", class {self._class}"
        scaled = "" if self.resize == "none" else f", frames scaled to {self._size} x {self._size}"
        return f"{self._videos.reference}{of_class}{scaled}"

    def length(self, index: int) -> int:
        """Return the video's frames."""
        return self._videos.length(self._numbers[index])

    def known_length(self, index: int) -> int | None:
        """Return the video's frames where nothing has to be decoded for that, else None."""
        return self._videos.known_length(self._numbers[index])

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, size, size, 3).

        Raises:
            DataError: it cannot be read, or its frames are not square.
        """
        frames = self._videos.read(self._numbers[index], which)
        height, width = frames.shape[1:3]
        if height != width:
            raise DataError(
                f"{self.name}: {self.id(index)} has frames of {width} x {height} pixels, and square ones are needed; "
                f"cut them: preprocess.py folder {self.name} OUT --size {self._size}"
            )
        return video.resize(frames, self._size)


def _of_class(videos: VideoSet, class_name: str | None) -> Sequence[int]:
    if class_name not in videos.class_names:
        return range(len(videos))
    label = videos.class_names.index(class_name)
    found = [i for i in range(len(videos)) if videos.label(i) == label]
    if not found:
        raise DataError(f"{videos.name}: none of its {len(videos)} videos is of the class {class_name}")
    return found
