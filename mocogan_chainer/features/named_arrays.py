"""The arrays of a weight file, taken one by one."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from mocogan_chainer.errors import SnapshotError

_LARGEST = np.finfo(np.float32).max


class NamedArrays:
    """Arrays by name, each to be taken once: none may be missing, of another shape or left over.

    DataParallel's prefix "module." and the counters of batch normalizations are dropped.

    Args:
        arrays: as they stand in the file.
        source: the file, for messages.
        network: what it should hold, for messages.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], source: str | os.PathLike, network: str):
        self._arrays = {
            name.removeprefix("module."): array
            for name, array in arrays.items()
            if not name.endswith("num_batches_tracked")
        }
        self._source, self._network = source, network

    def rows(self, name: str) -> int:
        """Return the length of an array's first axis, and leave the array here.

        Raises:
            SnapshotError: it is missing, has no axis or no elements.
        """
        array = self._existing(name)
        if array.ndim == 0 or array.size == 0:
            raise SnapshotError(f"{self._source}: {name}: it is empty; this is not a {self._network}")
        return len(array)

    def require(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise :class:`SnapshotError` if an array is missing or of another shape."""
        array = self._existing(name)
        if array.shape != shape:
            raise SnapshotError(
                f"{self._source}: {name}: it has shape {array.shape} where a {self._network} has {shape}; "
                "the file belongs to another network"
            )

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array and forget it.

        Raises:
            SnapshotError: it is missing, of another shape, not of floats that are finite as float32, or a running
                variance that is negative.
        """
        self.require(name, shape)
        array = self._existing(name)
        if array.dtype.kind != "f" or not (np.abs(array) <= _LARGEST).all():
            raise SnapshotError(f"{self._source}: {name}: it must hold finite floats; the file is damaged")
        if name.endswith(".running_var") and (array < 0).any():
            raise SnapshotError(f"{self._source}: {name}: a variance is negative; the file is damaged")
        return self._arrays.pop(name)

    def finish(self) -> None:
        """Raise :class:`SnapshotError` if something was not taken."""
        for name in sorted(self._arrays):
            raise SnapshotError(
                f"{self._source}: {name}: a {self._network} has no such array; the file belongs to another network"
            )

    def _existing(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise SnapshotError(
                f"{self._source}: {name} is missing, which every {self._network} has; "
                "the file belongs to another network"
            )
        return self._arrays[name]
