"""Noise, the rectifier and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer import backend

from mocogan_chainer.backends import random
from mocogan_chainer.backends.base import Array, Noise
from mocogan_chainer.backends.cudnn.arrays import channels_last, empty_channels_last
from mocogan_chainer.backends.cudnn.launching import NULL, Launcher

THREADS = 256
"""Threads of a block; each takes a counter of the noise stream, and so four numbers."""


def add_noise(launch: Launcher, x: Array, noise: Noise) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = channels_last(x)
    y = empty_like(x)
    launch("activation", "add_noise", blocks(x.size), THREADS, x, y, np.int64(x.size), *noise_arguments(noise))
    return y


def rectify(launch: Launcher, x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = channels_last(x)
    y, positive = empty_like(x), empty_like(x, np.bool_)
    size, stream = np.int64(x.size), noise_arguments(noise)
    launch("activation", "rectify", blocks(x.size), THREADS, x, y, positive, size, np.float32(slope), *stream)
    return y, positive


def rectify_backward(launch: Launcher, positive: Array, gy: Array, slope: float) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    positive, gy = channels_last(positive), channels_last(gy)
    gx = empty_like(gy)
    arguments = positive, gy, gx, np.int64(gy.size), np.float32(slope)
    launch("activation", "rectify_backward", blocks(gy.size), THREADS, *arguments)
    return gx


def drop(launch: Launcher, x: Array, ratio: float, key: int | Array) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = channels_last(x)
    y = empty_like(x)
    below = np.uint32(random.threshold(ratio)), np.float32(1 / (1 - ratio))
    launch("activation", "drop", blocks(x.size), THREADS, x, y, np.int64(x.size), *key_arguments(key), *below)
    return y


def empty_like(x: Array, dtype: Any = np.float32) -> Array:
    """An uninitialised array of the shape of ``x``, in channels-last memory."""
    return empty_channels_last(backend.get_array_module(x), x.shape, dtype)


def blocks(size: int) -> tuple[int]:
    """Blocks whose threads have a counter each for ``size`` numbers."""
    return (-(-size // random.BLOCK) * (random.COUNTERS // THREADS),)


def noise_arguments(noise: Noise | None) -> tuple[Any, np.uint64, np.float32]:
    """Noise as kernels take it: where its key is, or else the key; sigma, which is 0 for none."""
    return (
        (NULL, np.uint64(0), np.float32(0)) if noise is None else (*key_arguments(noise.key), np.float32(noise.sigma))
    )


def key_arguments(key: int | Array) -> tuple[Any, np.uint64]:
    """A stream's key as kernels take it: where it is, or else the key."""
    return (NULL, np.uint64(key)) if isinstance(key, int | np.integer) else (key, np.uint64(0))
