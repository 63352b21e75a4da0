"""Pixels as windows and weights as matrices, for the products of :mod:`mocogan_chainer.backends.onednn.windows`.

Pixels are (N, T, H, W, C) in that memory order, outputs (N, T', H / 2, W / 2, O); both are bfloat16 here, in uint16.
"""

from __future__ import annotations

from numba import njit, prange, uint16

from mocogan_chainer.backends.onednn.kernels.bfloat16 import rounded

_BLOCK = 32
"""Channels whose 16 taps are transposed at a time; a cache line of bfloat16 numbers."""


@njit(inline="always")
def _copy_or_clear(image, row, column, out):
    """out = image[row, column], or 0 where that is outside."""
    if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
        pixel = image[row, column]
        for c in range(out.size):
            out[c] = pixel[c]
    else:
        for c in range(out.size):
            out[c] = uint16(0)


@njit(parallel=True, cache=True)
def pixels_to_windows(pixels, windows):
    """windows (T, N, H / 2, W / 2, 16, C): the 4 x 4 pixels, rows before columns, that each output is made of."""
    length, n, down, across = windows.shape[:4]
    for index in prange(length * n * down):
        t, sample, y = index // (n * down), index // down % n, index % down
        image = pixels[sample, t]
        for x in range(across):
            for tap in range(16):
                _copy_or_clear(image, 2 * y - 1 + tap // 4, 2 * x - 1 + tap % 4, windows[t, sample, y, x, tap])


@njit(parallel=True, cache=True)
def outputs_to_windows(outputs, down_phase, across_phase, windows):
    """windows (T', N, H / 2, W / 2, 4, O): the 2 x 2 outputs that pixels of a phase (row and column parity) go into."""
    length, n, down, across = windows.shape[:4]
    for index in prange(length * n * down):
        t, sample, y = index // (n * down), index // down % n, index % down
        image = outputs[sample, t]
        for x in range(across):
            for tap in range(4):
                row, column = y + down_phase - tap // 2, x + across_phase - tap % 2
                _copy_or_clear(image, row, column, windows[t, sample, y, x, tap])


@njit(parallel=True, cache=True)
def weights_to_matrices(bits, to_outputs, to_pixels):
    """Weights (O, C, K, 16), float32's bits, as what windows are multiplied with.

    ``to_outputs`` is (K, O, 16, C), ``to_pixels`` (K, 4, 4, O, C): of each tap in time and each phase of pixels, the
    four taps that :func:`outputs_to_windows` has in its windows.
    """
    out_channels, channels, taps = bits.shape[:3]
    for index in prange(out_channels * taps):
        o, k = index // taps, index % taps
        for first in range(0, channels, _BLOCK):
            last = min(first + _BLOCK, channels)
            for tap in range(16):
                row, column = tap // 4, tap % 4
                phase = (row + 1) % 2 * 2 + (column + 1) % 2  # of the pixels 2 y - 1 + row, 2 x - 1 + column
                pixel_tap = row // 2 * 2 + column // 2
                for c in range(first, last):
                    number = rounded(bits[o, c, k, tap])
                    to_outputs[k, o, tap, c] = number
                    to_pixels[k, phase, pixel_tap, o, c] = number


@njit(parallel=True, cache=True)
def matrices_to_weights(matrices, weights):
    """(K, O, 16, C) -> (O, C, K, 16), float32."""
    taps, out_channels, _, channels = matrices.shape
    for o in prange(out_channels):
        for k in range(taps):
            for first in range(0, channels, _BLOCK):
                for c in range(first, min(first + _BLOCK, channels)):
                    for tap in range(16):
                        weights[o, c, k, tap] = matrices[k, o, tap, c]
