"""The GRU over a whole sequence in one kernel, and so its way back."""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer import backend

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.launching import Launcher

_LARGEST = 768  # what a block keeps of a state of this size takes 48 KiB of shared memory
_LARGEST_HELD = 56  # W of a state of this size takes 37 KiB
_SAMPLES = 4  # of a block that reads W again at each step
_THREADS = 512  # of such a block, at most


def takes(size: int) -> bool:
    """Whether it runs states of ``size`` numbers."""
    return size <= _LARGEST


def gru(launch: Launcher, x_projected: Array, h0: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
    """See :meth:`~mocogan_chainer.backends.base.Backend.gru`."""
    xp = backend.get_array_module(W)
    length, (n, size) = len(x_projected), h0.shape
    h = xp.empty((length + 1, n, size), np.float32)
    gates = xp.empty((length, n, 3 * size), np.float32)
    news = xp.empty((length, n, size), np.float32)
    held = size <= _LARGEST_HELD
    inputs = (xp.ascontiguousarray(a) for a in (x_projected, h0, W if held else W.T, b))
    # Held in shared memory: W and two states a sample; else two states a sample.
    numbers = 3 * size * size + 2 * _samples(size) * size if held else 2 * _SAMPLES * size
    _start(launch, "gru_forward", size, n, *inputs, h, gates, news, np.int32(length), numbers=numbers)
    return h, gates, news


def gru_backward(
    launch: Launcher, gy: Array, W: Array, h: Array, gates: Array, news: Array
) -> tuple[Array, Array, Array]:
    """See :meth:`~mocogan_chainer.backends.base.Backend.gru_backward`."""
    xp = backend.get_array_module(W)
    length, n, size = news.shape
    gx, gp = (xp.empty((length, n, 3 * size), np.float32) for _ in range(2))
    gh0 = xp.empty((n, size), np.float32)
    held = size <= _LARGEST_HELD
    inputs = (xp.ascontiguousarray(a) for a in (gy, W, h, gates, news))
    # Held in shared memory: W and two gradients of p a sample; else a gradient of p and one of a state a sample.
    numbers = 3 * size * size + 6 * _samples(size) * size if held else 4 * _SAMPLES * size
    _start(launch, "gru_backward", size, n, *inputs, gx, gp, gh0, np.int32(length), numbers=numbers)
    return gx, gp, gh0


def _start(launch: Launcher, kernel: str, size: int, n: int, *arguments: Any, numbers: int) -> None:
    """Start the form of a kernel that suits states of ``size``, with shared memory for ``numbers``."""
    held = size <= _LARGEST_HELD
    samples = _samples(size) if held else _SAMPLES
    states = samples * size if held else -(-size // -(-size // _THREADS))  # a thread each, or in so many rounds
    threads = -(-states // 32) * 32
    name = f"{kernel}_{'held' if held else 'streamed'}"
    sizes = (np.int32(n), np.int32(size), np.int32(samples))
    launch("recurrence", name, (-(-n // samples),), threads, *arguments, *sizes, shared=4 * numbers)


def _samples(size: int) -> int:
    """Samples of a block that holds W: a warp of states, since a small block waits least at its barriers."""
    return max(32 // size, 1)
