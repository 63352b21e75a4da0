"""The layer that GANs are made of, 4 x 4, stride 2, pad 1, with or without taps in time, as products in bfloat16.

A processor's matrix unit (AMX) multiplies 16 rows at a time, and a convolution by oneDNN gives it the outputs of a row
of pixels: with 8 or 4 of them, most of it has nothing to do. Here the 4 x 4 pixels under each output are laid side by
side (im2col), so that all outputs of all samples are rows of one matrix; taps in time are products one after another,
added up.
Sums before the products, as :mod:`~mocogan_chainer.backends.onednn.winograd` takes them, would cost bfloat16 what
precision it has.

The gradient of the input is taken phase by phase, rows and columns even or odd: a pixel of a phase goes into 2 x 2
outputs, so it is the same kind of product, and nothing has to be added up from overlapping windows.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator

import numpy as np

from mocogan_chainer.backends.base import Geometry
from mocogan_chainer.backends.onednn import memory
from mocogan_chainer.backends.onednn.c_api import Library
from mocogan_chainer.backends.onednn.kernels import windows as kernels
from mocogan_chainer.backends.onednn.kernels.bfloat16 import to_bfloat16
from mocogan_chainer.backends.onednn.products import Product
from mocogan_chainer.backends.onednn.winograd import frames_of, halves, taps_axis

CACHE = 16 << 20
"""Bytes of windows at a time, where a sample has no more."""

ROW = 16
"""Outputs side by side that fill a matrix unit."""

MIN_CHANNELS = 64
"""With fewer, laying windows out takes longer than the products save."""

POSITIONS = 16
"""Pixels of a window in a frame."""

PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))

Matrices = tuple[np.ndarray, np.ndarray]
"""Weights for outputs (K, O, 16, C) and for pixels (K, 4, 4, O, C), in bfloat16."""


def suits(x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry) -> bool:
    """Whether a convolution of these shapes is such a layer, and its rows are too short for the matrix unit."""
    return halves(x_shape, w_shape, y_shape, geometry) and min(w_shape[:2]) >= MIN_CHANNELS and y_shape[-1] < ROW


class WindowsConvolution:
    """Forward, backward-data and backward-weights of one shape; see the module.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, [T,] H, W), (O, C, [K,] 4, 4), (N, O, [T - K + 1,] H / 2, W / 2).
    """

    def __init__(self, library: Library, x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...]):
        self.forward_form: Hashable = ("windows", w_shape)
        self.backward_data_form: Hashable = self.forward_form
        self._library = library
        self._samples, self._channels, self._out_channels = x_shape[0], x_shape[1], w_shape[0]
        three = len(x_shape) == 5
        self._frames, self._taps = (x_shape[2], w_shape[2]) if three else (1, 1)
        self._out_frames = self._frames - self._taps + 1
        self._size = y_shape[-2:]
        self._outputs = y_shape[-2] * y_shape[-1]  # of a frame
        sample_bytes = 2 * self._frames * self._outputs * POSITIONS * self._channels
        parts = -(-self._samples // max(CACHE // sample_bytes, 1))
        self._chunk = -(-self._samples // parts)
        self._product = functools.cache(self._make_product)

    def prepare_forward(self, W: np.ndarray) -> Matrices:
        """Return C-ordered weights in the form of both directions: together they are as large as the weights."""
        o, c, k = self._out_channels, self._channels, self._taps
        to_outputs, to_pixels = memory.empty((k, o, POSITIONS, c), np.uint16), memory.empty((k, 4, 4, o, c), np.uint16)
        kernels.weights_to_matrices(W.reshape(o, c, k, POSITIONS).view(np.uint32), to_outputs, to_pixels)
        return to_outputs, to_pixels

    prepare_backward_data = prepare_forward

    def forward(self, x: np.ndarray, weights: Matrices, y: np.ndarray) -> None:
        """Fill ``y`` (N, O, [T',] H / 2, W / 2) from ``x`` (N, C, [T,] H, W), both in channels-last memory."""
        pixels, outputs = to_bfloat16(frames_of(x)), frames_of(y)
        for part in self._parts():
            windows = self._windows(pixels[part])
            products = memory.empty((self._out_frames, part.stop - part.start, *self._size, self._out_channels))
            for k in range(self._taps):
                product = self._product("forward", part.stop - part.start, k > 0)
                product(self._frames_under(windows, k), weights[0][k], products)
            outputs[part] = products.swapaxes(0, 1)
            del windows, products  # before those of the next part are made

    def backward_data(self, gy: np.ndarray, weights: Matrices, gx: np.ndarray) -> None:
        """Fill ``gx`` (N, C, [T,] H, W) from ``gy`` (N, O, [T',] H / 2, W / 2), both in channels-last memory."""
        outputs, pixels = to_bfloat16(frames_of(gy)), frames_of(gx)
        for part in self._parts():
            samples = part.stop - part.start
            windows = memory.empty((self._out_frames, samples, *self._size, 4, self._out_channels), np.uint16)
            sums = memory.empty((self._frames, samples, *self._size, self._channels))
            for number, (down, across) in enumerate(PHASES):
                kernels.outputs_to_windows(outputs[part], down, across, windows)
                sums[self._out_frames :] = 0  # the first tap reaches the frames before alone
                for k in range(self._taps):
                    product = self._product("backward data", samples, k > 0)
                    product(windows, weights[1][k, number], self._frames_under(sums, k))
                pixels[part, :, down::2, across::2] = sums.swapaxes(0, 1)
            del windows, sums

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill C-ordered ``gW`` (O, C, [K,] 4, 4) from ``x`` and ``gy`` in channels-last memory."""
        pixels, outputs = to_bfloat16(frames_of(x)), to_bfloat16(frames_of(gy))
        matrices = memory.empty((self._taps, self._out_channels, POSITIONS, self._channels))
        for part in self._parts():
            windows = self._windows(pixels[part])
            rows = np.ascontiguousarray(outputs[part].swapaxes(0, 1))
            for k in range(self._taps):
                product = self._product("backward weights", part.stop - part.start, part.start > 0)
                product(rows, self._frames_under(windows, k), matrices[k])
            del windows, rows
        kernels.matrices_to_weights(matrices, taps_axis(gW).reshape(*taps_axis(gW).shape[:3], POSITIONS))

    def _parts(self) -> Iterator[slice]:
        """Yield the slices of samples; the last may be smaller."""
        for first in range(0, self._samples, self._chunk):
            yield slice(first, min(first + self._chunk, self._samples))

    def _windows(self, pixels: np.ndarray) -> np.ndarray:
        """(T, N, H / 2, W / 2, 16, C) of pixels (N, T, H, W, C)."""
        windows = memory.empty((self._frames, len(pixels), *self._size, POSITIONS, self._channels), np.uint16)
        kernels.pixels_to_windows(pixels, windows)
        return windows

    def _frames_under(self, frames: np.ndarray, tap: int) -> np.ndarray:
        """The frames, on the first axis, that a tap in time connects with the T' outputs."""
        return frames[tap : tap + self._out_frames]

    def _make_product(self, use: str, samples: int, adds: bool) -> Product:
        rows, c, o = self._out_frames * samples * self._outputs, self._channels, self._out_channels
        if use == "forward":
            return Product(self._library, rows, POSITIONS * c, o, transposed_b=True, adds=adds)
        if use == "backward data":
            return Product(self._library, rows, POSITIONS // len(PHASES) * o, c, adds=adds)
        return Product(self._library, o, rows, POSITIONS * c, transposed_a=True, adds=adds)
