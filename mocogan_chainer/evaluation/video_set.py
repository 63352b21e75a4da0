"""What is evaluated: a set of videos, wherever they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation.video_files import VideoFiles

Which = Callable[[int], Sequence[int] | np.ndarray]
"""Says which frames are wanted of a video with so many; raises DataError where it does not have enough."""

ALLOWED = f"a prepared dataset (a folder with {layout.META}) or a folder of videos"


class VideoSet(Protocol):
    """Videos by number. They may differ in length and size; one is read at a time.

    Attributes:
        name: what the user calls it: a path.
        title: the dataset's own name, such as ``shapes``; "" where none is known.
        reference: what it is, for a protocol: the same wherever equal videos lie, and another for others; a prepared
            dataset's stands for all of its splits.
        split: ``train``, ``test`` or ``all`` of a prepared dataset, else None.
        subjects: who is in each video, "" where that is not known; None where it is known of none.
        class_names: the names that labels count into; empty when there are no classes.
        unordered: True where the videos follow no order of content, so that the first n are as good as any n (a
            generator's samples); False where n of them have to be drawn.
        any_thread: whether videos may be read in other threads than the one that made the set, several at once.
    """

    name: str
    title: str
    reference: str
    split: str | None
    subjects: Sequence[str] | None
    class_names: tuple[str, ...]
    unordered: bool
    any_thread: bool

    def __len__(self) -> int:
        """Return the number of videos."""

    def id(self, index: int) -> str:
        """Return the video's own name in the set."""

    def label(self, index: int) -> int:
        """Return the video's category, -1 where it has none."""

    def length(self, index: int) -> int:
        """Return the video's frames; may have to decode it.

        Raises:
            DataError: it cannot be read.
        """

    def known_length(self, index: int) -> int | None:
        """Return the video's frames where nothing has to be decoded for that, else None."""

    def read(self, index: int, which: Which | None = None) -> np.ndarray:
        """Return the video, or the frames that are wanted of it.

        Args:
            index: 0 to ``len(self) - 1``.
            which: is given the video's length; frames may be wanted in any order and more than once. None for the
                whole video, which is then all in memory.

        Returns:
            uint8 (T, H, W, 3), RGB.

        Raises:
            DataError: it cannot be read; the message names the file.
        """


def open_videos(path: str | os.PathLike, split: str = "all") -> VideoSet:
    """Open what a user names: a prepared dataset or a folder of videos.

    Args:
        path: the folder.
        split: of a prepared dataset: ``train``, ``test`` or ``all``.

    Raises:
        ConfigError: the split is unknown, or asked of what has none.
        DataError: the folder is missing, or neither.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such folder; it must be {ALLOWED}")
    if not path.is_dir():
        raise DataError(f"{path}: a file; it must be {ALLOWED}: put single videos into a folder and name that")
    if layout.is_prepared(path):
        return PreparedVideos(PreparedDataset.open(path, split))
    if split != "all":
        raise ConfigError(f"split={split}: {path} is a folder of videos; only a prepared dataset has splits")
    return VideoFiles(path)
