"""Convolution as one matrix product, for layers of many weights and few outputs.

Where a picture has become a few pixels, reading the weights takes longer than multiplying with them. oneDNN's
convolutions want them in an order of their own, so they are checked for changes, read, written and read again. A
product with columns of pixels (im2col) reads them once, as they lie; the columns are small, as outputs are few.
"""

from __future__ import annotations

from math import prod

import numpy as np

from mocogan_chainer.backends.base import Geometry
from mocogan_chainer.backends.onednn import memory
from mocogan_chainer.backends.onednn.c_api import Library
from mocogan_chainer.backends.onednn.kernels import columns as kernels

MOST_OUTPUTS = 512
"""With more, the products take longer than the weights, and columns too much memory."""

LEAST_WEIGHTS = 1 << 16
"""Fewer stay in a cache."""


def suits(w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry) -> bool:
    """Whether a convolution of these shapes is such a layer, with height and width alone."""
    plain = len(w_shape) == 4 and geometry.groups == 1
    return plain and y_shape[0] * prod(y_shape[2:]) <= MOST_OUTPUTS and prod(w_shape) >= LEAST_WEIGHTS


class ColumnsConvolution:
    """Forward, backward-data and backward-weights of one shape; weights are taken in C order, as they lie.

    Args:
        library: oneDNN.
        w_shape, y_shape: (O, C, *ksize), (N, O, *output size).
        geometry: of the convolution.
    """

    forward_form = backward_data_form = None  # none but the weights' own

    def __init__(self, library: Library, w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry):
        self._library = library
        self._walk = w_shape[2:], geometry.stride, geometry.pad, y_shape[2:]
        self._taps = w_shape[1], prod(w_shape[2:])
        self._rows, self._width, self._out_channels = y_shape[0] * prod(y_shape[2:]), prod(w_shape[1:]), w_shape[0]

    def forward(self, x: np.ndarray, W: np.ndarray, y: np.ndarray) -> None:
        """Fill ``y`` (N, O, H', W') from ``x`` (N, C, H, W), both in channels-last memory: W columns'.

        oneDNN shares this product between threads; columns W' with so few rows it hardly does.
        """
        rows, width, out = self._rows, self._width, self._out_channels
        columns, products = memory.empty((width, rows)), memory.empty((out, rows))
        kernels.pixels_to_rows(np.moveaxis(x, 1, -1), *self._walk, columns.reshape(*self._taps, rows))
        self._multiply(b"N", out, rows, width, W, columns, products)
        np.moveaxis(y, 1, -1).reshape(rows, out)[...] = products.T

    def backward_data(self, gy: np.ndarray, W: np.ndarray, gx: np.ndarray) -> None:
        """Fill ``gx`` (N, C, H, W) from ``gy`` (N, O, H', W'), both in channels-last memory: gy W, summed up."""
        rows, width, out = self._rows, self._width, self._out_channels
        columns = memory.empty((rows, width))
        self._multiply(b"N", rows, width, out, gy, W, columns)
        kernels.columns_to_pixels(columns.reshape(rows, *self._taps), *self._walk, np.moveaxis(gx, 1, -1))

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill C-ordered ``gW`` (O, C, *ksize) from ``x`` and ``gy`` in channels-last memory: gy' columns."""
        rows, width, out = self._rows, self._width, self._out_channels
        columns = memory.empty((rows, width))
        kernels.pixels_to_columns(np.moveaxis(x, 1, -1), *self._walk, columns.reshape(rows, *self._taps))
        self._multiply(b"T", out, width, rows, gy, columns, gW)

    def _multiply(
        self,
        transposed_a: bytes,
        m: int,
        n: int,
        k: int,
        a: np.ndarray,
        b: np.ndarray,
        c: np.ndarray,
    ) -> None:
        """c (m, n) = a b, where a (m, k) may lie transposed."""
        a_row = m if transposed_a == b"T" else k
        self._library.call(
            *("dnnl_sgemm", transposed_a, b"N", m, n, k, 1.0, memory.address(a), a_row),
            *(memory.address(b), n, 0.0, memory.address(c), n),
        )
