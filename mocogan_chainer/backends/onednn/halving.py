"""Fast convolution of the layer that GANs are made of: 4 x 4, stride 2, pad 1, with or without taps in time.

A stride of 2 splits rows, columns and taps into even and odd phases, and each phase is an ordinary convolution with
2 x 2 taps. A few outputs of two taps can share products (Winograd 1980; Lavin and Gray 2016): two of them take three
products instead of four,

    y0 = g0 d0 + g1 d1 = (d0 - d1) g0 + d1 (g0 + g1)
    y1 = g0 d1 + g1 d2 = d1 (g0 + g1) + (d2 - d1) g1

and four take five instead of eight. In two dimensions that is 9 for 16, and 25 for 64. Each product of a tile is, over
the tiles, samples and 4 C channels (the phases side by side), a convolution in time, which is oneDNN's work;
kernels/tiles.py has the sums around them. Larger tiles save more products, but their weights take more memory and their
sums round more: relative to the largest output the error is some 1e-6, as that of a direct sum.

Samples are handled a few at a time, so that what stands between the sums and the products stays in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from mocogan_chainer.backends.base import Geometry
from mocogan_chainer.backends.onednn import memory
from mocogan_chainer.backends.onednn.c_api import Layout, Library
from mocogan_chainer.backends.onednn.kernels import tiles
from mocogan_chainer.backends.onednn.primitives import ConvolutionPrimitives

Filters = np.ndarray | list[np.ndarray]
"""Prepared weights: an array a product."""

CACHE = 8 << 20
"""Bytes of transformed input at a time."""

MIN_CHANNELS = 16
"""Fewer do not fill a vector."""

WEIGHTS_COST = 150
"""What it takes to transform and to read a weight, in products with it. Deterministic, so that results are."""


@dataclass(frozen=True, eq=False)
class Tiling:
    """How the outputs of a tile share products (names as Lavin and Gray's): y = A [(G g) * (B d)].

    Attributes:
        A: (m, m + 1).
        B: (m + 1, m + 1).
        G: (m + 1, 2).
    """

    A: np.ndarray
    B: np.ndarray
    G: np.ndarray

    @property
    def outputs(self) -> int:
        """Outputs of a tile along an axis."""
        return len(self.A)

    @property
    def products(self) -> int:
        """Products of a tile in two dimensions."""
        return len(self.B) ** 2


def interpolating(*points: float) -> Tiling:
    """Return the tiling that multiplies polynomials by their values at ``points`` and at infinity (Toom and Cook)."""
    p = len(points) + 1
    A, B, G = np.zeros((p - 1, p)), np.zeros((p, p)), np.zeros((p, 2))
    for j, point in enumerate(points):
        others = [other for other in points if other != point]
        A[:, j] = point ** np.arange(p - 1.0)
        B[j, : p - 1] = np.poly(others)[::-1]
        G[j] = np.array([1, point]) / np.prod(point - np.array(others))
    A[-1, -1] = G[-1, -1] = 1
    B[-1] = np.poly(points)[::-1]
    return Tiling(*(a.astype(np.float32) for a in (A, B, G)))


F22 = interpolating(0, 1)
"""Two outputs: the formula above, up to signs."""

F42 = interpolating(0, -1, 1 / 2, 2)
"""Four outputs. Of small fractions these points round least: the error is a third of that with 0, 1, -1, 2."""


def halves(x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry) -> bool:
    """Whether it is 4 x 4, stride 2, pad 1 of even heights and widths, and plain in time where it has taps there."""
    time = len(x_shape) - 4  # 0 or 1 axis before height and width
    if time not in (0, 1) or geometry.groups != 1 or any(d != 1 for d in geometry.dilate):
        return False
    if geometry.stride != (1,) * time + (2, 2) or geometry.pad != (0,) * time + (1, 1) or w_shape[-2:] != (4, 4):
        return False
    if x_shape[1] != w_shape[1] or any(n % 2 for n in x_shape[-2:]):
        return False
    return y_shape == (x_shape[0], w_shape[0], *geometry.output_size(x_shape[2:], w_shape[2:]))


def choose_tiling(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> Tiling | None:
    """Return the tiling that takes the least, or None where a direct convolution does or it is of another kind."""
    if not halves(x_shape, w_shape, y_shape, geometry) or min(w_shape[:2]) < MIN_CHANNELS:
        return None
    outputs = y_shape[0] * prod(y_shape[2:])
    best, least = None, 4 * (outputs + WEIGHTS_COST)
    for tiling in (F22, F42):
        cost = tiling.products * (outputs / tiling.outputs**2 + WEIGHTS_COST)
        if cost < least and all(n % tiling.outputs == 0 for n in y_shape[-2:]):
            best, least = tiling, cost
    return best


class HalvingConvolution:
    """Forward, backward-data and backward-weights of one shape; see the module.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, [T,] H, W), (O, C, [K,] 4, 4), (N, O, [T - K + 1,] H / 2, W / 2).
        tiling: how outputs share products.
    """

    def __init__(
        self,
        library: Library,
        x_shape: tuple[int, ...],
        w_shape: tuple[int, ...],
        y_shape: tuple[int, ...],
        tiling: Tiling,
    ):
        self._library, self._tiling, self._products = library, tiling, tiling.products
        transposed = (np.ascontiguousarray(a.T) for a in (tiling.A, tiling.B, tiling.G))
        self._A_transposed, self._B_transposed, self._G_transposed = transposed
        self._samples, self._channels, self._out_channels = x_shape[0], x_shape[1], w_shape[0]
        three = len(x_shape) == 5
        self._frames, self._taps = (x_shape[2], w_shape[2]) if three else (1, 1)
        self._out_frames = self._frames - self._taps + 1
        self._tiles = (y_shape[-2] // tiling.outputs) * (y_shape[-1] // tiling.outputs)
        sample_bytes = self._products * self._frames * self._tiles * 4 * self._channels * 4
        parts = -(-self._samples // max(CACHE // sample_bytes, 1))
        self._chunk = -(-self._samples // parts)

    @property
    def forward_form(self) -> Hashable:
        """What tells the weights of :meth:`forward` from those in another form."""
        return self._products, self._primitives.forward_form

    @property
    def backward_data_form(self) -> Hashable:
        """What tells the weights of :meth:`backward_data` from those in another form."""
        return self._products, self._primitives.backward_data_form

    def prepare_forward(self, W: np.ndarray) -> Filters:
        """Return C-ordered weights in the form that :meth:`forward` takes."""
        return self._prepare(W, self._primitives.forward_layout, self._primitives.prepare_forward)

    def prepare_backward_data(self, W: np.ndarray) -> Filters:
        """Return C-ordered weights in the form that :meth:`backward_data` takes."""
        return self._prepare(W, self._primitives.backward_data_layout, self._primitives.prepare_backward_data)

    def forward(self, x: np.ndarray, weights: Filters, y: np.ndarray) -> None:
        """Fill ``y`` (N, O, [T',] H / 2, W / 2) from ``x`` (N, C, [T,] H, W), both in channels-last memory."""
        pixels, outputs = frames_of(x), frames_of(y)
        inputs, products = self._input_tiles(self._chunk), self._output_tiles(self._chunk)
        addresses = [tuple(map(memory.address, arrays)) for arrays in zip(inputs, weights, products, strict=True)]
        for part in self._parts():
            tiles.pixels_to_tiles(pixels[part], self._tiling.B, inputs)
            for of_product in addresses:
                self._primitives.run_forward(*of_product)
            tiles.tiles_to_outputs(products, self._tiling.A, outputs[part])

    def backward_data(self, gy: np.ndarray, weights: Filters, gx: np.ndarray) -> None:
        """Fill ``gx`` (N, C, [T,] H, W) from ``gy`` (N, O, [T',] H / 2, W / 2), both in channels-last memory."""
        outputs, pixels = frames_of(gy), frames_of(gx)
        products, inputs = self._output_tiles(self._chunk), self._input_tiles(self._chunk)
        addresses = [tuple(map(memory.address, arrays)) for arrays in zip(products, weights, inputs, strict=True)]
        for part in self._parts():
            tiles.outputs_to_tiles(outputs[part], self._A_transposed, products)
            for of_product in addresses:
                self._primitives.run_backward_data(*of_product)
            tiles.tiles_to_pixels(inputs, self._B_transposed, pixels[part])

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill C-ordered ``gW`` (O, C, [K,] 4, 4) from ``x`` and ``gy`` in channels-last memory."""
        pixels, outputs, target = frames_of(x), frames_of(gy), taps_axis(gW)
        at_once = 1 if self._chunk == self._samples else self._taps  # taps whose sums must be kept from part to part
        filters = memory.empty((self._products, at_once, self._out_channels, 4 * self._channels))
        for part in self._parts():
            samples = part.stop - part.start
            inputs = self._input_tiles(samples)
            columns = memory.empty((self._products, self._out_channels, self._out_frames * samples * self._tiles))
            tiles.pixels_to_tiles(pixels[part], self._tiling.B, inputs)
            tiles.outputs_to_columns(outputs[part], self._A_transposed, columns)
            for tap in range(self._taps):
                self._add_products(columns, inputs[:, tap:], filters[:, tap % at_once], part.start > 0)
                if at_once == 1:
                    tiles.filters_to_weights(filters, tap, self._G_transposed, target)
        if at_once > 1:
            tiles.filters_to_weights(filters, 0, self._G_transposed, target)

    def _add_products(self, columns: np.ndarray, inputs: np.ndarray, filters: np.ndarray, kept: bool) -> None:
        """``filters`` (p * p, O, 4 C) = or += columns (p * p, O, rows) @ inputs (p * p, rows, 4 C), the first rows."""
        (_, out_width, rows), width = columns.shape, filters.shape[2]
        for a, b, c in zip(columns, inputs, filters, strict=True):
            self._library.call(
                *("dnnl_sgemm", b"N", b"N", out_width, width, rows, 1.0, memory.address(a), rows),
                *(memory.address(b), width, float(kept), memory.address(c), width),
            )

    def _prepare(self, W: np.ndarray, layout: Layout | None, reorder: Callable[[np.ndarray], np.ndarray]) -> Filters:
        """The products' filters (O, 4 C, K, 1), written as their primitive wants them, or else reordered."""
        W, G, width = taps_axis(W), self._tiling.G, 4 * self._channels
        if layout is None or layout.axis > 1:
            plain = memory.empty((self._products, self._out_channels * self._taps * width))
            strides = (self._taps * width, 0, width)
            tiles.weights_to_filters_by_channels(W, G, width, width, strides, plain)
            return [reorder(f) for f in plain]
        if layout.axis == 0:
            filters = memory.empty((self._products, layout.padded * self._taps * width))
            tiles.weights_to_filters_by_outputs(W, G, layout.block, layout.strides[:3], filters)
            return filters
        filters = memory.empty((self._products, self._out_channels * self._taps * layout.padded))
        tiles.weights_to_filters_by_channels(W, G, layout.block, layout.padded, layout.strides[:3], filters)
        return filters

    def _parts(self) -> Iterator[slice]:
        """Yield the slices of samples; the last may be smaller, and leaves the end of its buffers unused."""
        for first in range(0, self._samples, self._chunk):
            yield slice(first, min(first + self._chunk, self._samples))

    def _input_tiles(self, samples: int) -> np.ndarray:
        return memory.empty((self._products, self._frames, samples, self._tiles, 4 * self._channels))

    def _output_tiles(self, samples: int) -> np.ndarray:
        return memory.empty((self._products, self._out_frames, samples, self._tiles, self._out_channels))

    @functools.cached_property
    def _primitives(self) -> ConvolutionPrimitives:
        """The convolution in time: (1, 4 C, T, columns) -> (1, O, T - K + 1, columns), all tiles of a part in a row."""
        columns = self._chunk * self._tiles
        return ConvolutionPrimitives(
            self._library,
            (1, 4 * self._channels, self._frames, columns),
            (self._out_channels, 4 * self._channels, self._taps, 1),
            (1, self._out_channels, self._out_frames, columns),
            Geometry((1, 1), (0, 0), (1, 1)),
            w_channels_last=True,
        )


def frames_of(x: np.ndarray) -> np.ndarray:
    """(N, C, [T,] H, W) in channels-last memory as contiguous (N, T, H, W, C)."""
    moved = np.moveaxis(x, 1, -1)
    return moved if moved.ndim == 5 else moved[:, None]


def taps_axis(W: np.ndarray) -> np.ndarray:
    """(O, C, [K,] 4, 4) with the axis of taps in time."""
    return W if W.ndim == 5 else W[:, :, None]
