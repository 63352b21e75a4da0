"""Matrix products of our own, for small and medium sizes: a step that is being recorded can hold no cuBLAS call."""

from __future__ import annotations

import numpy as np
from chainer import backend

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.launching import Launcher

_TILE = 32  # rows and columns of a block's part of the result, and terms that it takes into shared memory at a time
_THREADS = 256
_BLOCKS = 132  # as many blocks as today's devices have multiprocessors
_TERMS = 64  # of a sum that a block should have at least, where sums are split


def product(launch: Launcher, a: Array, b: Array) -> Array:
    """Return a (M, K) times b (K, N), in C order; long sums of few results are split among blocks."""
    xp = backend.get_array_module(a)
    (m, k), n = a.shape, b.shape[1]
    rows, columns, depth = (-(-size // _TILE) for size in (m, n, k))  # in tiles
    parts = min(max(_BLOCKS // (rows * columns), 1), -(-k // _TERMS))
    terms = -(-depth // parts) * _TILE  # of each part
    parts = -(-k // terms)
    c = xp.empty((m, n), np.float32)
    sums = c if parts == 1 else xp.empty((parts, m, n), np.float32)
    sizes = (np.int32(size) for size in (m, k, n, terms))
    launch("products", "product", (rows, columns, parts), _THREADS, *_strided(a), *_strided(b), sums, *sizes)
    if parts > 1:
        blocks = -(-c.size // _THREADS)
        launch("products", "product_sum", (blocks,), _THREADS, sums, c, np.int32(parts), np.int64(c.size))
    return c


def _strided(a: Array) -> tuple[Array, np.int32, np.int32]:
    """The matrix, copied where neither its rows nor its columns lie one after another, and its strides in numbers."""
    if a.flags.f_contiguous:
        return a, np.int32(1), np.int32(a.shape[0])
    return backend.get_array_module(a).ascontiguousarray(a), np.int32(a.shape[1]), np.int32(1)
