"""Clips cut out of frames that lie on the device."""

from __future__ import annotations

import numpy as np
from chainer import backend

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.arrays import empty_channels_last
from mocogan_chainer.backends.cudnn.launching import Launcher

_THREADS = 256
_NEIGHBOURS = 4  # numbers that a thread writes


def gather(launch: Launcher, frames: Array, first: Array, step: Array, mirrored: Array, length: int) -> Array:
    """See :meth:`~mocogan_chainer.backends.base.Backend.gather_clips`; clips come in channels-last memory."""
    xp = backend.get_array_module(frames)
    height, width = frames.shape[1:3]
    y = empty_channels_last(xp, (len(first), 3, length, height, width), np.float32)
    if y.size == 0:
        return y
    numbers = (
        xp.ascontiguousarray(a, dtype) for a, dtype in ((first, np.int64), (step, np.int32), (mirrored, np.bool_))
    )
    blocks = -(-3 * height * width // (_THREADS * _NEIGHBOURS)), length, len(first)
    sizes = np.int32(length), np.int32(height), np.int32(width)
    launch("clips", "gather", blocks, _THREADS, xp.ascontiguousarray(frames), *numbers, y, *sizes)
    return y
