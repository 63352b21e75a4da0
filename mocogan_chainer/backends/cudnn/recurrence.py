"""The GRU over a whole sequence in one kernel, and its backward pass in another."""

from __future__ import annotations

import numpy as np
from chainer import backend

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.launching import Launcher

_LARGEST = 768  # what a block keeps of a state of this size takes 48 KiB of shared memory
_LARGEST_HELD = 56  # W of a state of this size, with what goes along, takes 40 KiB
_HELD_THREADS = 128  # of a block that holds W: enough to fetch it soon, few enough to wait little at barriers
_STREAMED_THREADS = 512  # of a block that reads W again at each step
_STREAMED_SAMPLES = 4  # of such a block


def takes(size: int) -> bool:
    """Whether it runs states of ``size`` numbers."""
    return size <= _LARGEST


def gru(launch: Launcher, x_projected: Array, h0: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
    """See :meth:`~mocogan_chainer.backends.base.Backend.gru`."""
    xp = backend.get_array_module(W)
    length, (n, size) = len(x_projected), h0.shape
    W = W if _is_held(size) else W.T
    inputs = (xp.ascontiguousarray(a) for a in (x_projected, h0, W, b))
    h = xp.empty((length + 1, n, size), np.float32)
    gates = xp.empty((length, n, 3 * size), np.float32)
    hidden_n = xp.empty((length, n, size), np.float32)
    # A block keeps the states before and after a step.
    _start(launch, "gru_forward", length, n, size, *inputs, h, gates, hidden_n, kept=2)
    return h, gates, hidden_n


def gru_backward(
    launch: Launcher, gy: Array, W: Array, h: Array, gates: Array, hidden_n: Array
) -> tuple[Array, Array, Array]:
    """See :meth:`~mocogan_chainer.backends.base.Backend.gru_backward`."""
    xp = backend.get_array_module(W)
    length, n, size = hidden_n.shape
    inputs = (xp.ascontiguousarray(a) for a in (gy, W, h, gates, hidden_n))
    gx, gp = (xp.empty((length, n, 3 * size), np.float32) for _ in range(2))
    gh0 = xp.empty((n, size), np.float32)
    # A block keeps two gradients of W_h h + b_h, used in turn; or one, and one of a state.
    _start(launch, "gru_backward", length, n, size, *inputs, gx, gp, gh0, kept=6 if _is_held(size) else 4)
    return gx, gp, gh0


def _is_held(size: int) -> bool:
    """Whether W fits into a block's shared memory."""
    return size <= _LARGEST_HELD


def _start(launch: Launcher, kernel: str, length: int, n: int, size: int, *arrays: Array, kept: int) -> None:
    """Start the form of a kernel that suits the size; a block keeps ``kept`` numbers for each number of its states."""
    sizes = [np.int32(length), np.int32(n), np.int32(size)]
    if _is_held(size):
        name, samples = f"{kernel}_held", max(_HELD_THREADS // size, 1)
        sizes.append(np.int32(samples))
        threads, numbers = samples * size, 3 * size * size + kept * samples * size
    else:
        name, samples = f"{kernel}_streamed", _STREAMED_SAMPLES
        threads, numbers = -(-size // -(-size // _STREAMED_THREADS)), kept * samples * size
    threads = -(-threads // 32) * 32
    launch("recurrence", name, (-(-n // samples),), threads, *arrays, *sizes, shared=4 * numbers)
