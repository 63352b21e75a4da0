"""Appends whole videos to numbered .npy files of at most about 1 GiB, in a way that can be resumed."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from mocogan_chainer.datasets import layout
from mocogan_chainer.files import open_to_change

SHARD_BYTES = 1 << 30
BLOCK_BYTES = 1 << 24


class Place(NamedTuple):
    """Where a video is: the number of its shard and its first frame there."""

    shard: int
    first_frame: int


class ShardWriter:
    """Writes the frames of a dataset and, where it has them, the masks: one series of files each, in step.

    Args:
        folder: where the files are.
        shapes: the shape of one frame for each kind of file: ``{"frames": (size, size, 3)}``, and
            ``"masks": (size, size)`` if there are masks.
        limit: the most bytes of frames in a file, unless a single video has more.

    Attributes:
        lengths: the number of frames in each shard so far.
    """

    def __init__(self, folder: Path, shapes: dict[str, tuple[int, ...]], limit: int = SHARD_BYTES) -> None:
        self._folder = folder
        self._shapes = shapes
        self._limit = limit // math.prod(shapes["frames"])
        self._open: dict[str, BinaryIO] = {}
        self.lengths: list[int] = []

    def append(self, video: dict[str, np.ndarray]) -> tuple[Place, str]:
        """Write one video, uint8 ``(T, *shape)`` for each kind; return where it is and its digest.

        The bytes have reached the operating system when this returns.
        """
        place = self._next_place(len(video["frames"]))
        digest = hashlib.sha256()
        for kind, file in self._open.items():
            for block in _blocks(video[kind]):
                file.write(block)
                digest.update(block)
            file.flush()
        self.lengths[-1] += len(video["frames"])
        return place, digest.hexdigest()

    def recover(self, length: int, digest: str) -> Place | None:
        """Step over one video of an earlier attempt; return None, without a step, unless all its bytes are there."""
        before = self.lengths.copy()
        place = self._next_place(length)
        found, missing = hashlib.sha256(), 0
        for kind, file in self._open.items():
            left = length * math.prod(self._shapes[kind])
            while left and (block := file.read(min(left, BLOCK_BYTES))):
                found.update(block)
                left -= len(block)
            missing += left
        if found.hexdigest() == digest and not missing:
            self.lengths[-1] += length
            return place
        if len(self.lengths) > len(before):
            self.lengths.pop()
            self.abandon()
        return None

    def cut(self) -> None:
        """Remove what an earlier attempt left after the last video that was recovered."""
        kept = {layout.shard_name(i, kind) for kind in self._shapes for i in range(len(self.lengths))}
        for path in list(self._folder.iterdir()):
            if layout.SHARD_PATTERN.fullmatch(path.name) and path.name not in kept:
                path.unlink()
        if self.lengths and not self._open:
            self._open_files(len(self.lengths) - 1)
        for kind, file in self._open.items():
            file.seek(layout.HEADER_BYTES + self.lengths[-1] * math.prod(self._shapes[kind]))
            file.truncate()

    def close(self) -> None:
        """Finish the open shard: write its length into its header, and all of it to the disk."""
        for kind, file in self._open.items():
            file.seek(0)
            file.write(layout.npy_header(self.lengths[-1], *self._shapes[kind]))
            file.flush()
            os.fsync(file.fileno())
        self.abandon()

    def abandon(self) -> None:
        """Close the open files as they are."""
        for file in self._open.values():
            with contextlib.suppress(OSError):  # a full disk is reported by the write that failed
                file.close()
        self._open = {}

    def _next_place(self, length: int) -> Place:
        if not self.lengths or self.lengths[-1] + length > self._limit:
            self.close()
            self.lengths.append(0)
            self._open_files(len(self.lengths) - 1)
        return Place(len(self.lengths) - 1, self.lengths[-1])

    def _open_files(self, index: int) -> None:
        for kind, shape in self._shapes.items():
            file = self._open[kind] = open_to_change(self._folder / layout.shard_name(index, kind))
            file.write(layout.npy_header(0, *shape))


def _blocks(frames: np.ndarray) -> list[memoryview]:
    step = max(1, BLOCK_BYTES // frames[0].nbytes)
    return [np.ascontiguousarray(frames[i : i + step]).data.cast("B") for i in range(0, len(frames), step)]
