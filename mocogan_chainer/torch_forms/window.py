"""A file that is read with care."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from mocogan_chainer.errors import SnapshotError

_LONGEST_LINE = 1 << 16


class Window:
    """Reads a file, as a file would.

    Numbers in a file cannot ask for more memory than it has bytes: a read is cut off at the end before it is made.

    Args:
        file: the file; the window moves its position.
        longest: most bytes that one :meth:`read` may take, hence one text in a pickle.
    """

    def __init__(self, file: BinaryIO, longest: int = 32 << 20):
        self.file, self.longest = file, longest
        self.size = file.seek(0, os.SEEK_END)
        self.position = 0

    def read(self, count: int = -1) -> bytes:
        """Return the next ``count`` bytes, or all; fewer at the end."""
        left = max(self.size - self.position, 0)
        count = left if count < 0 else min(count, left)
        if count > self.longest:
            raise SnapshotError(f"it has a piece of {count} bytes where at most {self.longest} are read; it is refused")
        self.file.seek(self.position)
        data = self.file.read(count)
        self.position += len(data)
        return data

    def readline(self) -> bytes:
        """Return the next line, or its first part if it is very long."""
        self.file.seek(self.position)
        data = self.file.readline(min(max(self.size - self.position, 0), _LONGEST_LINE))
        self.position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a file does."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(origin + offset, 0)
        return self.position

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def seekable(self) -> bool:
        """Say that :meth:`seek` works."""
        return True

    def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            SnapshotError: there are fewer.
        """
        self.require(self.position, count)
        return self.read(count)

    def array(self, start: int, count: int) -> np.ndarray:
        """Return the ``count`` bytes from ``start`` on, uint8.

        Raises:
            SnapshotError: there are fewer.
        """
        self.require(start, count)
        data = np.empty(count, np.uint8)
        self.file.seek(start)
        if self.file.readinto(memoryview(data)) != count:
            raise SnapshotError("it became shorter while it was read")
        return data

    def require(self, start: int, count: int) -> None:
        """Raise :class:`SnapshotError` unless the file has the ``count`` bytes from ``start`` on."""
        if start < 0 or count < 0 or start + count > self.size:
            raise SnapshotError(f"{count} bytes should stand at {start} and it has {self.size}; it is damaged")
