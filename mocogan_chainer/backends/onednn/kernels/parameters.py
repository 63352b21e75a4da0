"""What an update does to a network's parameters; all arrays are flat."""

from __future__ import annotations

import numpy as np
from numba import njit, prange, uint64

_BLOCK = 1 << 14


@njit(inline="always")
def _adam(w, g, m, v, rate, new1, new2, eps, decay):
    for i in range(w.size):
        gradient = g[i] + decay * w[i]
        m[i] += new1 * (gradient - m[i])
        v[i] += new2 * (gradient * gradient - v[i])
        w[i] -= rate * m[i] / (np.sqrt(v[i]) + eps)


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def adam(w, g, m, v, rate, new1, new2, eps, decay):
    """One step of Adam on w with its moments m, v in place; new is 1 - beta, decay L2 that is added to the gradient."""
    for block in prange((w.size + _BLOCK - 1) // _BLOCK):
        part = slice(block * _BLOCK, min(block * _BLOCK + _BLOCK, w.size))
        _adam(w[part], g[part], m[part], v[part], rate, new1, new2, eps, decay)


@njit(inline="always")
def _checksum(words, first):
    total = uint64(0)
    for i in range(words.size):  # each number mixed with its place; one-to-one, so that no change of one is missed
        z = (uint64(words[i]) | (uint64(first + i) << uint64(32))) * uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> uint64(32))) * uint64(0xD6E8FEB86659FD93)
        total += z ^ (z >> uint64(32))
    return total


@njit(parallel=True, cache=True)
def checksum(words):
    """A 64-bit sum over uint32 words: surely another if one of them changes, and almost surely if more do."""
    total = uint64(0)
    for block in prange((words.size + _BLOCK - 1) // _BLOCK):
        first = block * _BLOCK
        total += _checksum(words[first : min(first + _BLOCK, words.size)], first)
    return total
