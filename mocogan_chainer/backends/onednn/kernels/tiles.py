"""The transforms of convolutions that share products (see :mod:`mocogan_chainer.backends.onednn.winograd`).

A tile is ``m`` x ``m`` outputs and takes ``p`` x ``p`` products, p = m + r - 1 for r taps along an axis. Matrices A
(m, p), B (p, p) and G (p, r) say what is summed before and after. Pixels are (N, T, H, W, C) in that memory order,
outputs (N, T, H', W', O). In tiles, of which there are ``down`` times ``across``, they are (p * p, T, N, tiles, P C)
and (p * p, T, N, tiles, O). The P C channels are C of each phase: of ``phases`` along an axis (the stride), rows and
columns of one remainder. Tiles may reach beyond pixels, which are 0 there, and beyond outputs, which nobody asks for.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

RUN = 16
"""Channels, or outputs, whose filters are made together: enough for whole cache lines, few enough for the cache."""


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
def pixels_to_tiles(pixels, B, down, across, m, phases, tiles):
    """B d B^T of every tile and phase, where d (p, p) is every ``phases``-th pixel from the tile's corner on."""
    n, length, height, width, channels = pixels.shape
    p, step = B.shape[0], m * phases
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        zero = np.zeros(channels, np.float32)
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((p, p, channels), np.float32)  # rows done, columns not
        for v in range(across):
            for phase in range(phases * phases):
                top, left = step * u + phase // phases - 1, step * v + phase % phases - 1
                for j in range(p):
                    column = left + phases * j
                    for i in range(p):
                        row = top + phases * i
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
def tiles_to_pixels(tiles, B_transposed, down, across, m, phases, pixels):
    """The transpose of :func:`pixels_to_tiles`."""
    n, length, height, width, channels = pixels.shape
    p, step = B_transposed.shape[0], m * phases
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
            for phase in range(phases * phases):
                top, left = step * u + phase // phases - 1, step * v + phase % phases - 1
                for j in range(p):
                    for i in range(p):
                        part = tiles[i * p + j, t, sample, tile, phase * channels : (phase + 1) * channels]
                        _copy(part, column_of[i])
                    for i in range(p):
                        _combine(B_transposed[i], column_of, half[i, j])
                for i in range(p):
                    for j in range(p):
                        row, column = top + phases * i, left + phases * j
                        if 0 <= row < height and 0 <= column < width:
                            _combine(B_transposed[j], half[i], out)
                            _add(image[row, column], np.float32(1), out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def tiles_to_outputs(tiles, A, down, across, outputs):
    """A M A^T of every tile's products M (p, p)."""
    n, length, height, width, channels = outputs.shape
    m, p = A.shape
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
def outputs_to_tiles(outputs, A_transposed, down, across, tiles):
    """The transpose of :func:`tiles_to_outputs`."""
    n, length, height, width, channels = outputs.shape
    p, m = A_transposed.shape
    for index in prange(n * length * down):
        sample, rest = index // (length * down), index % (length * down)
        t, u = rest // down, rest % down
        zero = np.zeros(channels, np.float32)
        column_of = np.empty((m, channels), np.float32)
        half = np.empty((p, m, channels), np.float32)  # rows done, columns not
        for v in range(across):
            for j in range(m):
                for i in range(m):
                    if m * u + i < height and m * v + j < width:
                        _copy(outputs[sample, t, m * u + i, m * v + j], column_of[i])
                    else:
                        _copy(zero, column_of[i])
                for i in range(p):
                    _combine(A_transposed[i], column_of, half[i, j])
            for i in range(p):
                for j in range(p):
                    _combine(A_transposed[j], half[i], tiles[i * p + j, t, sample, u * across + v])


@njit(inline="always")
def _gather_taps(W, first, outputs, start, channels, k, phase, phases, o_step, c_step, g):
    """g (columns, rows, :) = a phase's taps of these outputs and channels, which lie so many numbers apart in it."""
    r = g.shape[0]
    for o in range(outputs):
        for c in range(channels):
            weights = W[first + o, start + c, k]
            for a in range(r):
                for b in range(r):
                    tap = weights[phase // phases + phases * a, phase % phases + phases * b]
                    g[b, a, o * o_step + c * c_step] = tap


@njit(inline="always")
def _write_filters(g, G, half, out, filters, start, stride, segments, length):
    """G g G^T of taps g (columns, rows, S * length) to ``filters``, each of S segments in one piece."""
    p, r = G.shape
    for i in range(p):
        for b in range(r):
            _combine(G[i], g[b], half[i, b])
    for i in range(p):
        for j in range(p):
            _combine(G[j], half[i], out)
            for segment in range(segments):
                for at in range(length):
                    filters[i * p + j, start + segment * stride + at] = out[segment * length + at]


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_outputs(W, G, phases, block, strides, filters):
    """(O, C, K, k, k) -> (p * p, size): the filters O x P C x K in blocks of outputs, o // block and o % block apart.

    ``strides`` are a block's of outputs, a channel's and a tap's; outputs that fill up the last block are 0.
    """
    out_channels, channels, taps = W.shape[:3]
    p, r = G.shape
    for index in prange(-(-out_channels // block) * taps):
        first, k = index // taps * block, index % taps
        outputs = min(block, out_channels - first)
        g, half = np.zeros((r, r, RUN * block), np.float32), np.empty((p, r, RUN * block), np.float32)
        out = np.empty(RUN * block, np.float32)
        for phase in range(phases * phases):
            at = first // block * strides[0] + phase * channels * strides[1] + k * strides[2]
            for start in range(0, channels, RUN):
                count = min(RUN, channels - start)
                _gather_taps(W, first, outputs, start, count, k, phase, phases, 1, block, g)
                _write_filters(g, G, half, out, filters, at + start * strides[1], strides[1], count, block)


@njit(parallel=True, cache=True, fastmath={"contract"})
def weights_to_filters_by_channels(W, G, phases, block, padded, strides, filters):
    """The same in blocks of the P C channels, filled up to ``padded``; strides of an output, a block and a tap."""
    out_channels, channels, taps = W.shape[:3]
    p, r = G.shape
    for index in prange(-(-out_channels // RUN) * taps):
        first, k = index // taps * RUN, index % taps
        outputs = min(RUN, out_channels - first)
        longest = min(block, channels)
        g, half = np.zeros((r, r, RUN * longest), np.float32), np.empty((p, r, RUN * longest), np.float32)
        out = np.empty(RUN * longest, np.float32)
        at = first * strides[0] + k * strides[2]
        for phase in range(phases * phases):
            done = 0
            while done < channels:
                channel = phase * channels + done
                count = min(block - channel % block, channels - done)
                _gather_taps(W, first, outputs, done, count, k, phase, phases, count, 1, g)
                start = at + channel // block * strides[1] + channel % block
                _write_filters(g, G, half, out, filters, start, strides[0], outputs, count)
                done += count
        for channel in range(phases * phases * channels, padded):
            for f in range(p * p):
                for o in range(outputs):
                    filters[f, at + o * strides[0] + channel // block * strides[1] + channel % block] = 0


@njit(parallel=True, cache=True, fastmath={"contract"})
def filters_to_weights(filters, first, G_transposed, phases, W):
    """(p * p, some of K, O, P C) -> (O, C, K, k, k), from tap ``first`` on: the transpose of weights to filters."""
    out_channels, channels = W.shape[:2]
    taps = filters.shape[1]
    r, p = G_transposed.shape
    for o in prange(out_channels):
        column_of = np.empty((p, channels), np.float32)
        half = np.empty((r, p, channels), np.float32)
        out = np.empty(channels, np.float32)
        for k in range(taps):
            for phase in range(phases * phases):
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
                            W[o, c, first + k, phase // phases + phases * a, phase % phases + phases * b] = out[c]
