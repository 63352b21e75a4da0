"""The transforms of the fast 4 x 4 convolution (see :mod:`mocogan_chainer.backends.onednn.winograd`).

A tile is ``m`` x ``m`` outputs and takes ``p`` x ``p`` products, p = m + r - 1. Matrices A (m, p), B (p, p) and G (p,
r) say what is summed before and after. Pixels are (N, T, H, W, C) in that memory order, outputs (N, T', H', W', O). In
tiles they are (p * p, T, N, tiles, phases C) and (p * p, T', N, tiles, O). A stride of 1 has one phase and r = 4; a
stride of 2 has four (row parity, column parity) before C, and r = 2. ``grid`` is the number of tiles down and across;
the last may reach beyond the outputs, where there is 0.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_LINE = 16
"""Numbers of a cache line."""

_CHANNELS = 64
"""Channels whose filters are made at a time."""


@njit(inline="always")
def _set(out, coefficient, x):
    for c in range(out.size):
        out[c] = coefficient * x[c]


@njit(inline="always")
def _add(out, coefficient, x):
    for c in range(out.size):
        out[c] += coefficient * x[c]


@njit(inline="always")
def _copy(x, out):
    for c in range(out.size):
        out[c] = x[c]


@njit(inline="always")
def _clear(out):
    for c in range(out.size):
        out[c] = np.float32(0)


@njit(inline="always")
def _combine(coefficients, vectors, out):
    """out = sum of coefficients times vectors (n, C); many coefficients are 0."""
    empty = True
    for j in range(coefficients.size):
        if coefficients[j] != 0:
            if empty:
                _set(out, coefficients[j], vectors[j])
                empty = False
            else:
                _add(out, coefficients[j], vectors[j])
    if empty:
        _clear(out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def pixels_to_tiles(pixels, B, stride, grid, tiles):
    """B d B^T of every tile and phase, where d (p, p) is every ``stride``-th pixel from the tile's corner on."""
    n, length, height, width, channels = pixels.shape
    p = B.shape[0]
    step = stride * (p + 1 - 4 // stride)  # between tiles, in pixels
    down, across = grid
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        zero = np.zeros(channels, np.float32)
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((p, p, channels), np.float32)  # rows done, columns not
        for v in range(across):
            for phase in range(stride * stride):
                top, left = step * u + phase // stride - 1, step * v + phase % stride - 1
                for j in range(p):
                    column = left + stride * j
                    for i in range(p):
                        row = top + stride * i
                        if 0 <= row < height and 0 <= column < width:
                            _copy(pixels[sample, t, row, column], column_of[i])
                        else:
                            _copy(zero, column_of[i])
                    for i in range(p):
                        _combine(B[i], column_of, half[i, j])
                for i in range(p):
                    for j in range(p):
                        out = tiles[i * p + j, t, sample, u * across + v, phase * channels : (phase + 1) * channels]
                        _combine(B[j], half[i], out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def tiles_to_pixels(tiles, B_transposed, stride, grid, pixels):
    """The transpose of :func:`pixels_to_tiles`."""
    n, length, height, width, channels = pixels.shape
    p = B_transposed.shape[0]
    step = stride * (p + 1 - 4 // stride)
    down, across = grid
    for index in prange(n * length):
        sample, t = index // length, index % length
        zero = np.zeros(channels, np.float32)
        image = pixels[sample, t]
        for row in range(height):
            for column in range(width):
                _copy(zero, image[row, column])
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((p, p, channels), np.float32)
        out = np.empty(channels, np.float32)
        for tile in range(down * across):
            u, v = tile // across, tile % across
            for phase in range(stride * stride):
                top, left = step * u + phase // stride - 1, step * v + phase % stride - 1
                for j in range(p):
                    for i in range(p):
                        part = tiles[i * p + j, t, sample, tile, phase * channels : (phase + 1) * channels]
                        _copy(part, column_of[i])
                    for i in range(p):
                        _combine(B_transposed[i], column_of, half[i, j])
                for i in range(p):
                    for j in range(p):
                        row, column = top + stride * i, left + stride * j
                        if 0 <= row < height and 0 <= column < width:
                            _combine(B_transposed[j], half[i], out)
                            _add(image[row, column], np.float32(1), out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def tiles_to_outputs(tiles, A, grid, outputs):
    """A M A^T of every tile's products M (p, p)."""
    n, length, height, width, channels = outputs.shape
    m, p = A.shape
    down, across = grid
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((m, p, channels), np.float32)
        for v in range(across):
            for j in range(p):
                for i in range(p):
                    _copy(tiles[i * p + j, t, sample, u * across + v], column_of[i])
                for i in range(m):
                    _combine(A[i], column_of, half[i, j])
            for i in range(min(m, height - m * u)):
                for j in range(min(m, width - m * v)):
                    _combine(A[j], half[i], outputs[sample, t, m * u + i, m * v + j])


@njit(parallel=True, cache=True, fastmath={"contract"})
def outputs_to_tiles(outputs, A_transposed, grid, tiles):
    """The transpose of :func:`tiles_to_outputs`."""
    n, length, height, width, channels = outputs.shape
    p, m = A_transposed.shape
    down, across = grid
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        image = outputs[sample, t]
        half = np.empty((p, m, channels), np.float32)
        rows = min(m, height - m * u)
        for v in range(across):
            for j in range(m):
                for i in range(p):
                    if m * v + j < width:
                        _combine(A_transposed[i, :rows], image[m * u : m * u + rows, m * v + j], half[i, j])
                    else:
                        _clear(half[i, j])
            for i in range(p):
                for j in range(p):
                    _combine(A_transposed[j], half[i], tiles[i * p + j, t, sample, u * across + v])


@njit(fastmath={"contract"})
def _filter_rows(W, o, k, phase, start, G, g, half, rows):
    """rows (p * p, some of C) = G g G^T of the r x r taps g of a phase, from channel ``start`` on.

    ``g`` and ``half`` are room for what is between.
    """
    p, r = G.shape
    stride = 4 // r
    for c in range(rows.shape[1]):
        for a in range(r):
            for b in range(r):
                g[a, b, c] = W[o, start + c, k, phase // stride + stride * a, phase % stride + stride * b]
    for i in range(p):
        for b in range(r):
            _combine(G[i], g[:, b], half[i, b])
    for i in range(p):
        for j in range(p):
            _combine(G[j], half[i], rows[i * p + j])


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_outputs(W, G, block, strides, filters):
    """(O, C, K, 4, 4) -> (p * p, size): filters O x phases C x K in blocks of outputs, o // block and o % block apart.

    ``strides`` are a block's of outputs, a channel's and a tap's; outputs that fill up the last block are 0. A few
    outputs and channels at a time are made one output after the other and written one channel after the other.
    """
    out_channels, channels, taps = W.shape[:3]
    p, r = G.shape
    phases = (4 // r) ** 2
    few = _few_of(block)
    for index in prange(-(-out_channels // block) * (block // few) * taps):
        first, k = index // taps * few, index % taps
        for start in range(0, channels, _CHANNELS):
            count = min(_CHANNELS, channels - start)
            g, half = np.empty((r, r, count), np.float32), np.empty((p, r, count), np.float32)
            rows = np.zeros((few, p * p, count), np.float32)
            for phase in range(phases):
                for o in range(min(few, out_channels - first)):
                    _filter_rows(W, first + o, k, phase, start, G, g, half, rows[o])
                at = first // block * strides[0] + first % block + (phase * channels + start) * strides[1]
                for f in range(p * p):
                    for c in range(count):
                        place = at + k * strides[2] + c * strides[1]
                        for o in range(few):
                            filters[f, place + o] = rows[o, f, c]


@njit(inline="always")
def _few_of(block):
    """The largest divisor of a block that fits into a cache line."""
    few = min(block, _LINE)
    while block % few:
        few -= 1
    return few


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_channels(W, G, block, padded, strides, filters):
    """The same in blocks of all phases' channels, filled up to ``padded``; strides of an output, a block and a tap."""
    out_channels, channels, taps = W.shape[:3]
    p, r = G.shape
    phases = (4 // r) ** 2
    for index in prange(out_channels * taps):
        o, k = index // taps, index % taps
        g, half = np.empty((r, r, channels), np.float32), np.empty((p, r, channels), np.float32)
        rows = np.empty((p * p, channels), np.float32)
        at = o * strides[0] + k * strides[2]
        for phase in range(phases):
            _filter_rows(W, o, k, phase, 0, G, g, half, rows)
            done = 0
            while done < channels:
                channel = phase * channels + done
                count = min(block - channel % block, channels - done)
                start = at + channel // block * strides[1] + channel % block
                for f in range(p * p):
                    for i in range(count):
                        filters[f, start + i] = rows[f, done + i]
                done += count
        for channel in range(phases * channels, padded):
            for f in range(p * p):
                filters[f, at + channel // block * strides[1] + channel % block] = 0


@njit(parallel=True, cache=True, fastmath={"contract"})
def filters_to_weights(filters, first, G_transposed, W):
    """(p * p, some of K, O, phases C) -> (O, C, K, 4, 4), from tap ``first`` on: weights to filters transposed."""
    out_channels, channels = W.shape[:2]
    taps, (r, p) = filters.shape[1], G_transposed.shape
    stride = 4 // r
    for o in prange(out_channels):
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((r, p, channels), np.float32)
        out = np.empty(channels, np.float32)
        for k in range(taps):
            for phase in range(stride * stride):
                for i in range(p):
                    for j in range(p):
                        part = filters[i * p + j, k, o, phase * channels : (phase + 1) * channels]
                        _copy(part, column_of[j])
                    for b in range(r):
                        _combine(G_transposed[b], column_of, half[b, i])
                for a in range(r):
                    for b in range(r):
                        _combine(G_transposed[a], half[b], out)
                        for c in range(channels):
                            W[o, c, first + k, phase // stride + stride * a, phase % stride + stride * b] = out[c]
