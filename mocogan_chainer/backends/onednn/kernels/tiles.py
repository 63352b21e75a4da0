"""The transforms of the fast 4 x 4 halving convolution (see :mod:`mocogan_chainer.backends.onednn.halving`).

A tile is ``m`` x ``m`` outputs and takes ``p`` x ``p`` products, p = m + 1. Matrices A (m, p), B (p, p) and G (p, 2)
say what is summed before and after. Pixels are (N, T, H, W, C) in that memory order, outputs (N, T, H / 2, W / 2, O).
In tiles they are (p * p, T, N, tiles, 4 C) and (p * p, T, N, tiles, O); the 4 C channels are the four phases of a
halving (row parity, column parity) before C.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


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


@njit(parallel=True, cache=True, fastmath={"contract"})
def pixels_to_tiles(pixels, B, tiles):
    """B d B^T of every tile and phase, where d (p, p) is every second pixel from the tile's corner on."""
    n, length, height, width, channels = pixels.shape
    p = B.shape[0]
    step = 2 * (p - 1)
    down, across = height // step, width // step
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        zero = np.zeros(channels, np.float32)
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((p, p, channels), np.float32)  # rows done, columns not
        for v in range(across):
            for phase in range(4):
                top, left = step * u + phase // 2 - 1, step * v + phase % 2 - 1
                for j in range(p):
                    column = left + 2 * j
                    for i in range(p):
                        row = top + 2 * i
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
def tiles_to_pixels(tiles, B_transposed, pixels):
    """The transpose of :func:`pixels_to_tiles`."""
    n, length, height, width, channels = pixels.shape
    p = B_transposed.shape[0]
    step = 2 * (p - 1)
    down, across = height // step, width // step
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
            for phase in range(4):
                top, left = step * u + phase // 2 - 1, step * v + phase % 2 - 1
                for j in range(p):
                    for i in range(p):
                        part = tiles[i * p + j, t, sample, tile, phase * channels : (phase + 1) * channels]
                        _copy(part, column_of[i])
                    for i in range(p):
                        _combine(B_transposed[i], column_of, half[i, j])
                for i in range(p):
                    for j in range(p):
                        row, column = top + 2 * i, left + 2 * j
                        if 0 <= row < height and 0 <= column < width:
                            _combine(B_transposed[j], half[i], out)
                            _add(image[row, column], np.float32(1), out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def tiles_to_outputs(tiles, A, outputs):
    """A M A^T of every tile's products M (p, p)."""
    n, length, height, width, channels = outputs.shape
    m, p = A.shape
    down, across = height // m, width // m
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
            for i in range(m):
                for j in range(m):
                    _combine(A[j], half[i], outputs[sample, t, m * u + i, m * v + j])


@njit(inline="always")
def _rows_of_outputs(image, u, v, A_transposed, half):
    """half (p, m, O) = A^T Y of the outputs Y (m, m) of a tile: rows done, columns not."""
    p, m = A_transposed.shape
    for j in range(m):
        column = image[m * u : m * u + m, m * v + j]
        for i in range(p):
            _combine(A_transposed[i], column, half[i, j])


@njit(parallel=True, cache=True, fastmath={"contract"})
def outputs_to_tiles(outputs, A_transposed, tiles):
    """The transpose of :func:`tiles_to_outputs`."""
    n, length, height, width, channels = outputs.shape
    p, m = A_transposed.shape
    down, across = height // m, width // m
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        half = np.empty((p, m, channels), np.float32)
        for v in range(across):
            _rows_of_outputs(outputs[sample, t], u, v, A_transposed, half)
            for i in range(p):
                for j in range(p):
                    _combine(A_transposed[j], half[i], tiles[i * p + j, t, sample, u * across + v])


@njit(parallel=True, cache=True, fastmath={"contract"})
def outputs_to_columns(outputs, A_transposed, columns):
    """As :func:`outputs_to_tiles`, but to (p * p, O, T * N * tiles): transposed, for a product over all tiles."""
    n, length, height, width, channels = outputs.shape
    p, m = A_transposed.shape
    down, across = height // m, width // m
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        half = np.empty((p, m, channels), np.float32)
        out = np.empty(channels, np.float32)
        first = ((t * n + sample) * down + u) * across
        for v in range(across):
            _rows_of_outputs(outputs[sample, t], u, v, A_transposed, half)
            for i in range(p):
                for j in range(p):
                    _combine(A_transposed[j], half[i], out)
                    for o in range(channels):
                        columns[i * p + j, o, first + v] = out[o]


@njit(fastmath={"contract"})
def _filter_rows(W, o, k, phase, G, g, half, rows):
    """rows (p * p, C) = G g G^T of the 2 x 2 taps g of a phase; ``g`` and ``half`` are room for what is between."""
    p = G.shape[0]
    for c in range(rows.shape[1]):
        for a in range(2):
            for b in range(2):
                g[a, b, c] = W[o, c, k, phase // 2 + 2 * a, phase % 2 + 2 * b]
    for i in range(p):
        for b in range(2):
            _combine(G[i], g[:, b], half[i, b])
    for i in range(p):
        for j in range(p):
            _combine(G[j], half[i], rows[i * p + j])


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_outputs(W, G, block, strides, filters):
    """(O, C, K, 4, 4) -> (p * p, size): the filters O x 4 C x K in blocks of outputs, o // block and o % block apart.

    ``strides`` are a block's of outputs, a channel's and a tap's; outputs that fill up the last block are 0.
    """
    out_channels, channels, taps = W.shape[:3]
    p = G.shape[0]
    for index in prange(-(-out_channels // block) * taps):
        first, k = index // taps * block, index % taps
        g, half = np.empty((2, 2, channels), np.float32), np.empty((p, 2, channels), np.float32)
        rows = np.empty((p * p, channels), np.float32)
        for phase in range(4):
            at = first // block * strides[0] + phase * channels * strides[1] + k * strides[2]
            for o in range(first, first + block):
                if o < out_channels:
                    _filter_rows(W, o, k, phase, G, g, half, rows)
                for f in range(p * p):
                    for c in range(channels):
                        value = rows[f, c] if o < out_channels else np.float32(0)
                        filters[f, at + o - first + c * strides[1]] = value


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_channels(W, G, block, padded, strides, filters):
    """The same in blocks of the 4 C channels, filled up to ``padded``; strides of an output, a block and a tap."""
    out_channels, channels, taps = W.shape[:3]
    p = G.shape[0]
    for index in prange(out_channels * taps):
        o, k = index // taps, index % taps
        g, half = np.empty((2, 2, channels), np.float32), np.empty((p, 2, channels), np.float32)
        rows = np.empty((p * p, channels), np.float32)
        at = o * strides[0] + k * strides[2]
        for phase in range(4):
            _filter_rows(W, o, k, phase, G, g, half, rows)
            done = 0
            while done < channels:
                channel = phase * channels + done
                count = min(block - channel % block, channels - done)
                start = at + channel // block * strides[1] + channel % block
                for f in range(p * p):
                    for i in range(count):
                        filters[f, start + i] = rows[f, done + i]
                done += count
        for channel in range(4 * channels, padded):
            for f in range(p * p):
                filters[f, at + channel // block * strides[1] + channel % block] = 0


@njit(parallel=True, cache=True, fastmath={"contract"})
def filters_to_weights(filters, first, G_transposed, W):
    """(p * p, some of K, O, 4 C) -> (O, C, K, 4, 4), from tap ``first`` on: the transpose of weights to filters."""
    out_channels, channels = W.shape[:2]
    taps, p = filters.shape[1], G_transposed.shape[1]
    for o in prange(out_channels):
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((2, p, channels), np.float32)
        out = np.empty(channels, np.float32)
        for k in range(taps):
            for phase in range(4):
                for i in range(p):
                    for j in range(p):
                        part = filters[i * p + j, k, o, phase * channels : (phase + 1) * channels]
                        _copy(part, column_of[j])
                    for b in range(2):
                        _combine(G_transposed[b], column_of, half[b, i])
                for a in range(2):
                    for b in range(2):
                        _combine(G_transposed[a], half[b], out)
                        for c in range(channels):
                            W[o, c, first + k, phase // 2 + 2 * a, phase % 2 + 2 * b] = out[c]
