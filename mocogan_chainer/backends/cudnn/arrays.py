"""Arrays as kernels take them: whole, and in channels-last memory."""

from __future__ import annotations

from math import prod
from typing import Any

from chainer import backend

from mocogan_chainer.backends.base import Array


def empty_channels_last(xp: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An uninitialised (N, C, *size) whose memory is (N, *size, C), of array module ``xp``."""
    return xp.moveaxis(xp.empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)


def channels_last(x: Array) -> Array:
    """The same numbers (N, C, *size) in channels-last memory; ``x`` itself where it is that already."""
    xp = backend.get_array_module(x)
    return x if xp.moveaxis(x, 1, -1).flags.c_contiguous else copied_channels_last(x)


def copied_channels_last(x: Array) -> Array:
    """A copy of (N, C, *size) in channels-last memory."""
    copy = empty_channels_last(backend.get_array_module(x), x.shape, x.dtype)
    copy[...] = x
    return copy


def is_dense(a: Array) -> bool:
    """Whether the array's numbers lie without gaps, in whatever order."""
    expected = a.itemsize
    for stride, length in sorted(steps(a)):
        if stride != expected:
            return False
        expected *= length
    return True


def steps(a: Array) -> list[tuple[int, int]]:
    """Stride and length of each axis that is longer than one."""
    return [(stride, length) for stride, length in zip(a.strides, a.shape, strict=True) if length > 1]


def rows(x: Array) -> tuple[int, int]:
    """Rows and columns of (N, C, *size) in channels-last memory as a table: N prod(size), C."""
    return x.shape[0] * prod(x.shape[2:]), x.shape[1]
