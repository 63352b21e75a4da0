"""Pixels as the columns that a convolution's weights are multiplied with, and back.

Pixels are (N, H, W, C) in that memory order; columns are (N * H' * W', C, kernel taps), the last two in the order of
C-ordered weights, and hold zeros where a tap lies outside.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_LINE = 16
"""Numbers of a cache line."""


@njit(parallel=True, cache=True)
def pixels_to_columns(pixels, ksize, stride, pad, size, columns):
    """columns[n, y, x; c, i, j] = pixels[n, y stride + i - pad, x stride + j - pad, c]; pairs are (down, across)."""
    n, height, width, channels = pixels.shape
    for index in prange(n * size[0]):
        sample, y = index // size[0], index % size[0]
        for x in range(size[1]):
            out = columns[index * size[1] + x]
            for tap in range(ksize[0] * ksize[1]):
                row = y * stride[0] + tap // ksize[1] - pad[0]
                column = x * stride[1] + tap % ksize[1] - pad[1]
                if 0 <= row < height and 0 <= column < width:
                    pixel = pixels[sample, row, column]
                    for c in range(channels):
                        out[c, tap] = pixel[c]
                else:
                    for c in range(channels):
                        out[c, tap] = np.float32(0)


@njit(parallel=True, cache=True)
def pixels_to_rows(pixels, ksize, stride, pad, size, rows):
    """The same transposed, (C, kernel taps, outputs): a cache line of channels at a time, as they are neighbours."""
    n, height, width, channels = pixels.shape
    for block in prange((channels + _LINE - 1) // _LINE):
        first, last = block * _LINE, min(block * _LINE + _LINE, channels)
        for tap in range(ksize[0] * ksize[1]):
            down, across = tap // ksize[1] - pad[0], tap % ksize[1] - pad[1]
            for index in range(n * size[0]):
                sample, row = index // size[0], index % size[0] * stride[0] + down
                for x in range(size[1]):
                    column, place = x * stride[1] + across, index * size[1] + x
                    if 0 <= row < height and 0 <= column < width:
                        pixel = pixels[sample, row, column]
                        for c in range(first, last):
                            rows[c, tap, place] = pixel[c]
                    else:
                        for c in range(first, last):
                            rows[c, tap, place] = np.float32(0)


@njit(parallel=True, cache=True)
def columns_to_pixels(columns, ksize, stride, pad, size, pixels):
    """Fill pixels with the sums of the columns' numbers that :func:`pixels_to_columns` would take from each."""
    n, height, width, channels = pixels.shape
    for index in prange(n * height):
        sample, row = index // height, index % height
        for column in range(width):
            pixel = pixels[sample, row, column]
            for c in range(channels):
                pixel[c] = np.float32(0)
            for tap in range(ksize[0] * ksize[1]):
                down, across = row + pad[0] - tap // ksize[1], column + pad[1] - tap % ksize[1]
                y, x = down // stride[0], across // stride[1]
                if down % stride[0] or across % stride[1] or not (0 <= y < size[0] and 0 <= x < size[1]):
                    continue
                given = columns[(sample * size[0] + y) * size[1] + x]
                for c in range(channels):
                    pixel[c] += given[c, tap]
