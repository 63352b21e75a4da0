"""Normalization's statistics, and the backward pass through it and its rectifier.

Arrays are (samples, rows, channels), and what is counted of them (samples, channels); to batch normalization all is one
sample.
"""

from __future__ import annotations

import numpy as np
from numba import float32, njit, prange

BLOCK_BYTES = 1 << 16
"""Of one block of rows: it stays in a core's cache between the passes over it."""


def block_rows(channels: int) -> int:
    """Rows of a block; sums are made block by block, so that they do not depend on the number of threads."""
    return max(BLOCK_BYTES // (4 * channels), 1)


@njit(inline="always")
def _fill(x, value):
    for c in range(x.size):
        x[c] = value


@njit(inline="always")
def _divide(x, count):
    for c in range(x.size):
        x[c] /= count


@njit(inline="always")
def _accumulate(x, total):
    for c in range(total.size):
        total[c] += x[c]


@njit(inline="always")
def _accumulate_squares(x, mean, total, rest):
    for c in range(total.size):
        d = x[c] - mean[c]
        rest[c] += d
        total[c] += d * d


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def block_moments(x, rows, means, squares, rests):
    """Fill each block's mean, the sum of squares around it, and what a float32 sum left out of the mean.

    All are (samples, blocks of a sample, channels).
    """
    blocks = means.shape[1]
    for i in prange(means.shape[0] * blocks):
        sample, block = i // blocks, i % blocks
        first, last = block * rows, min(block * rows + rows, x.shape[1])
        count = float32(last - first)
        mean, square, rest = means[sample, block], squares[sample, block], rests[sample, block]
        _fill(mean, float32(0))
        _fill(square, float32(0))
        _fill(rest, float32(0))
        for r in range(first, last):
            _accumulate(x[sample, r], mean)
        _divide(mean, count)
        for r in range(first, last):
            _accumulate_squares(x[sample, r], mean, square, rest)
        _divide(rest, count)
        for c in range(rest.size):
            square[c] -= count * rest[c] * rest[c]


@njit(inline="always")
def _accumulate_gradients(x, gy, mean, scale, shift, slope, total, product):
    for c in range(total.size):
        d = x[c] - mean[c]
        g = gy[c] if d * scale[c] + shift[c] > float32(0) else gy[c] * slope
        total[c] += g
        product[c] += g * d


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def block_gradients(x, gy, mean, scale, shift, slope, rows, totals, products):
    """Fill each block's sums of g and g (x - mean), both (samples, blocks of a sample, channels).

    g is gy through the rectifier.
    """
    blocks = totals.shape[1]
    for i in prange(totals.shape[0] * blocks):
        s, block = i // blocks, i % blocks
        total, product = totals[s, block], products[s, block]
        _fill(total, float32(0))
        _fill(product, float32(0))
        for r in range(block * rows, min(block * rows + rows, x.shape[1])):
            _accumulate_gradients(x[s, r], gy[s, r], mean[s], scale[s], shift[s], slope, total, product)


@njit(inline="always")
def _gradient_row(x, gy, mean, scale, shift, slope, a, b, gx):
    for c in range(gx.size):
        d = x[c] - mean[c]
        g = gy[c] if d * scale[c] + shift[c] > float32(0) else gy[c] * slope
        gx[c] = (g - b[c]) * scale[c] + d * a[c]


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def input_gradient(x, gy, mean, scale, shift, slope, a, b, rows, gx):
    """gx = (g - b) scale + (x - mean) a, where g is gy through the rectifier."""
    blocks = (x.shape[1] + rows - 1) // rows
    for i in prange(x.shape[0] * blocks):
        s, block = i // blocks, i % blocks
        for r in range(block * rows, min(block * rows + rows, x.shape[1])):
            _gradient_row(x[s, r], gy[s, r], mean[s], scale[s], shift[s], slope, a[s], b[s], gx[s, r])


def combine_moments(means: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join the blocks' moments (Chan, Golub, LeVeque 1983): each sample's mean and biased variance."""
    weights = (counts / counts.sum())[:, None]  # float64 from here on
    mean = (means * weights).sum(axis=1)
    around = ((means - mean[:, None]) ** 2 * weights).sum(axis=1)
    variance = squares.sum(axis=1, dtype=np.float64) / counts.sum() + around
    return mean.astype(np.float32), variance.astype(np.float32)
