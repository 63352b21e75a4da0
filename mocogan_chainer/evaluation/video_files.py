"""A folder of videos as a set to evaluate: files of any kind, or folders of images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from mocogan_chainer import decoding, video
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.found_videos import Found, find
from mocogan_chainer.files import sha256
from mocogan_chainer.preprocessing import tree

KEPT_BYTES = 128 * 2**20
"""Decoded frames that are kept until a video's length is known; a longer video is decoded a second time."""


class VideoFiles:
    """The videos of a folder (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Frames come in their own size and at the file's own rate. Classes are the folders right below, ``CLASS/VIDEO.mp4``,
    or what generate_samples.py writes into names, ``video_NUMBER_CLASS_00000.mp4``.

    Args:
        folder: holds videos at any depth.

    Attributes:
        left_out: what was not taken, as (name, reason): see :func:`mocogan_chainer.evaluation.found_videos.find`.

    Raises:
        DataError: there is none, or the folder has another form.
    """

    title = ""
    split = None
    subjects = None
    unordered = False  # of a generator's videos, category comes after category
    any_thread = True

    def __init__(self, folder: str | os.PathLike):
        self.name = str(folder)
        self._videos, self.left_out = find(tree.require_folder(Path(folder)))
        if not self._videos:
            raise DataError(
                f"{folder}: no videos in it; it must be a prepared dataset, or hold video files ({_suffixes()}) or "
                "folders of images"
            )
        categories = sorted({found.category for found in self._videos if found.category}, key=_order)
        self.class_names = tuple(name for _, name in categories)
        self._label_of = {category: label for label, category in enumerate(categories)}
        self._lengths: dict[int, int] = {}

    @property
    def lossy(self) -> int:
        """How many of the videos are files whose coding may have changed colours."""
        return sum(not found.images for found in self._videos)

    def __len__(self) -> int:
        return len(self._videos)

    @cached_property
    def reference(self) -> str:
        """What the set is, wherever it lies: a digest of all names and contents; reads every file when first asked."""
        digest = hashlib.sha256()
        for found in self._videos:
            for path in found.images or (found.path,):
                name = found.name if path == found.path else f"{found.name}/{path.name}"
                digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + _content(path) + b"\n")
        return f"videos {digest.hexdigest()[:16]}"

    def id(self, index: int) -> str:
        """Return the video's path below the folder."""
        return self._videos[index].name

    def label(self, index: int) -> int:
        """Return the video's class, -1 where it has none."""
        return self._label_of.get(self._videos[index].category, -1)

    def length(self, index: int) -> int:
        """Return the video's frames; a file is decoded when this is first called.

        Raises:
            DataError: it cannot be read.
        """
        found = self._videos[index]
        if found.images:
            return len(found.images)
        if index not in self._lengths:
            small = decoding.decode(found.path, "scale=16:16:flags=neighbor", threads=1)
            self._lengths[index] = sum(1 for _ in small)
        return self._lengths[index]

    def known_length(self, index: int) -> int | None:
        """Return the frames of a folder of images, and None of a file."""
        return len(self._videos[index].images) or None

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length, uint8 (T, H, W, 3), RGB.

        Memory stays at the wanted frames and 128 MiB.

        Raises:
            DataError: it cannot be read; the message names the file.
        """
        found = self._videos[index]
        if found.images:
            return _of_images(found.images, range(len(found.images)) if which is None else which(len(found.images)))
        if which is None:
            return np.stack(list(decoding.decode(found.path, threads=1)))
        if index not in self._lengths:
            frames = self._decode_and_count(index, found)
            if frames:
                return np.stack([frames[i] for i in which(len(frames))])
        return _of_file(found.path, which(self._lengths[index]))

    def _decode_and_count(self, index: int, found: Found) -> list[np.ndarray]:
        """Note the video's length; return its frames, or none where they are too large to keep."""
        frames: list[np.ndarray] = []
        count = 0
        for count, frame in enumerate(decoding.decode(found.path, threads=1), 1):
            if count * frame.nbytes <= KEPT_BYTES:
                frames.append(frame)
            else:
                frames.clear()
        self._lengths[index] = count
        return frames


def _of_images(paths: Sequence[Path], indices: Sequence[int] | np.ndarray) -> np.ndarray:
    wanted, places = np.unique(indices, return_inverse=True)
    return video.read_frames([paths[i] for i in wanted])[places]


def _of_file(path: Path, indices: Sequence[int] | np.ndarray) -> np.ndarray:
    wanted = set(np.asarray(indices).tolist())
    decoded = decoding.decode(path, count=max(wanted) + 1, threads=1)
    frames = {i: frame for i, frame in enumerate(decoded) if i in wanted}
    return np.stack([frames[i] for i in np.asarray(indices).tolist()])


def _content(path: Path) -> bytes:
    try:
        return sha256(path).encode()
    except OSError:  # who reads the video says so
        return b"unreadable"


def _order(category: tuple[int, str]) -> tuple:
    number, name = category
    return number, tree.natural_key(name)


def _suffixes() -> str:
    return ", ".join(suffix[1:] for suffix in sorted(decoding.SUFFIXES))
