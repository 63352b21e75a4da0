"""Memory that plans compute in."""

from __future__ import annotations

from collections.abc import Callable

from mocogan_chainer.backends.base import Array


class Workspace:
    """One buffer for all plans that run one after another, which grows to the largest need.

    Buffers that have become too small stay: a recorded step may have their addresses in it. A buffer is at least twice
    as large as the one before, so all of them together are less than twice the last.

    Args:
        allocate: gives a buffer of so many bytes.
    """

    def __init__(self, allocate: Callable[[int], Array]):
        self._allocate = allocate
        self._buffers: list[Array] = []

    def of(self, size: int) -> Array | None:
        """A buffer of at least ``size`` bytes; None for 0."""
        if size == 0:
            return None
        if not self._buffers or self._buffers[-1].nbytes < size:
            self._buffers.append(self._allocate(1 << (size - 1).bit_length()))
        return self._buffers[-1]
