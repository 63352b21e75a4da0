"""Where results lie: aligned, in channels-last order, on memory that was used before."""

from __future__ import annotations

import ctypes
import sys
from math import prod

import numpy as np

ALIGNMENT = 64  # a cache line, and the width of a vector register

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's mallopt
_NEVER = -1


def keep() -> bool:
    """Ask the C library to keep what is freed, so that each step finds the memory of the step before.

    By default glibc hands large arrays back to the system at once; fetching their pages again takes longer than many
    operations on them. Other C libraries are left as they are.

    Returns:
        Whether it was done.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _NEVER)])


def address(x: np.ndarray) -> int:
    """Where an array's numbers begin (quicker than ``x.ctypes.data``, and asked for thousands of times a step)."""
    return x.__array_interface__["data"][0]


def empty(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """An uninitialised array that starts at a multiple of the alignment."""
    size = prod(shape) * np.dtype(dtype).itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    offset = -address(buffer) % ALIGNMENT
    return buffer[offset : offset + size].view(dtype).reshape(shape)


def empty_channels_last(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    """An uninitialised (N, C, *size) whose memory is (N, *size, C)."""
    return np.moveaxis(empty((shape[0], *shape[2:], shape[1]), dtype), -1, 1)


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same numbers in channels-last memory; ``x`` itself where it is that already."""
    moved = np.moveaxis(x, 1, -1)
    if moved.flags.c_contiguous:
        return x
    copy = empty_channels_last(x.shape, x.dtype)
    copy[...] = x
    return copy
