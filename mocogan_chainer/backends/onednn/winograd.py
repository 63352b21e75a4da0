"""Fast convolutions over squares of taps that GANs are made of, with or without taps in time.

These are 4 x 4 taps with stride 2, and 4 x 4 or 3 x 3 with stride 1, all of pad 1. A stride of 2 splits rows, columns
and taps into even and odd phases, and each phase is a convolution of stride 1 with 2 x 2 taps. Neighbouring outputs can
share products (Winograd 1980; Lavin and Gray 2016): two outputs of two taps take three products instead of four,

    y0 = g0 d0 + g1 d1 = (d0 - d1) g0 + d1 (g0 + g1)
    y1 = g0 d1 + g1 d2 = d1 (g0 + g1) + (d2 - d1) g1

and m outputs of r taps take m + r - 1 instead of m r. In two dimensions that is, of two taps, 9 for 16 or 25 for 64;
of three or four, 36 for 144. Each product of a tile is, over the tiles, samples and P C channels (the P phases side by
side, 1 or 4), a convolution in time, which is oneDNN's work; kernels/tiles.py has the sums around them. Larger tiles
save more products, but their weights take more memory and their sums round more: relative to the largest output the
error is some 1e-6, as that of a direct sum.

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
"""Prepared weights: one array per product."""

CACHE = 8 << 20
"""Bytes of transformed input at a time."""

MIN_CHANNELS = 24
"""Fewer do not fill a vector."""

WEIGHT, FILTER = 150, 120
"""What it takes to lay out and to read a weight, or a product's filter, in products with it. Fitted to measured
layers, but the same everywhere: how results round depends on them."""

SUMMED = {2: 80, 1: 250}
"""The same of an input or an output that is transformed, by stride: with stride 1, more are summed for each."""


@dataclass(frozen=True, eq=False)
class Tiling:
    """How the outputs of a tile share products (names as Lavin and Gray's): y = A [(G g) * (B d)].

    Attributes:
        A: (m, p), p = m + r - 1.
        B: (p, p).
        G: (p, r).
    """

    A: np.ndarray
    B: np.ndarray
    G: np.ndarray

    @property
    def outputs(self) -> int:
        """Outputs of a tile along an axis."""
        return len(self.A)

    @property
    def taps(self) -> int:
        """Taps along an axis."""
        return self.G.shape[1]

    @property
    def products(self) -> int:
        """Products of a tile in two dimensions."""
        return len(self.B) ** 2


def interpolating(taps: int, *points: float) -> Tiling:
    """Return the tiling that multiplies polynomials by their values at ``points`` and at infinity (Toom and Cook)."""
    p = len(points) + 1
    m = p - taps + 1
    A, B, G = np.zeros((m, p)), np.zeros((p, p)), np.zeros((p, taps))
    for j, point in enumerate(points):
        others = [other for other in points if other != point]
        A[:, j] = point ** np.arange(float(m))
        B[j, : p - 1] = np.poly(others)[::-1]
        G[j] = point ** np.arange(float(taps)) / np.prod(point - np.array(others))
    A[-1, -1] = G[-1, -1] = 1
    B[-1] = np.poly(points)[::-1]
    return Tiling(*(a.astype(np.float32) for a in (A, B, G)))


F22 = interpolating(2, 0, 1)
"""Two outputs of two taps: the formula above, up to signs."""

F42 = interpolating(2, 0, -1, 1 / 2, 2)
"""Four outputs. Of small fractions these points round least: the error is a third of that with 0, 1, -1, 2."""

F34 = interpolating(4, 0, 3 / 2, -3 / 2, 2 / 3, -2 / 3)
"""Three outputs of four taps. Of fractions up to 4 these round least, half as much as 0, 1, -1, 2, -2."""

F43 = interpolating(3, 0, 3 / 2, -3 / 2, 2 / 3, -2 / 3)
"""Four outputs of three taps; the same points round least here."""

TILINGS = {(4, 2): (F22, F42), (4, 1): (F34,), (3, 1): (F43,)}
"""By taps along an axis and stride."""


def halves(x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry) -> bool:
    """Whether it is 4 x 4, stride 2, pad 1 of even heights and widths, and plain in time where it has taps there."""
    square = _square(x_shape, w_shape, y_shape, geometry)
    return square == (4, 2) and all(n % 2 == 0 for n in x_shape[-2:])


def _square(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> tuple[int, int] | None:
    """Return taps along an axis and stride, or None where it is not square, of pad 1 and plain in time."""
    time = len(x_shape) - 4  # 0 or 1 axis before height and width
    if time not in (0, 1) or geometry.groups != 1:
        return None
    *stride, down, across = geometry.stride
    if any(s != 1 for s in stride) or down != across or geometry.pad != (0,) * time + (1, 1):
        return None
    if w_shape[-2] != w_shape[-1] or x_shape[1] != w_shape[1]:
        return None
    if y_shape != (x_shape[0], w_shape[0], *geometry.output_size(x_shape[2:], w_shape[2:])):
        return None
    return w_shape[-1], down


def choose_tiling(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> Tiling | None:
    """Return the tiling that takes the least, or None where a direct convolution does or it is of another kind."""
    square = _square(x_shape, w_shape, y_shape, geometry)
    if square not in TILINGS or min(w_shape[:2]) < MIN_CHANNELS or min(y_shape) < 1:
        return None
    taps, stride = square
    images, in_time = y_shape[0] * prod(y_shape[2:-2]), prod(w_shape[2:-2])
    summed = 1 + SUMMED[stride] * (1 / (stride**2 * x_shape[1]) + 1 / w_shape[0]) / in_time
    best, least = None, (taps // stride) ** 2 * (images * prod(y_shape[-2:]) + WEIGHT)
    for tiling in TILINGS[square]:
        cost = tiling.products * (images * prod(_grid(y_shape, tiling)) * summed + FILTER)
        if cost < least:
            best, least = tiling, cost
    return best


def _grid(y_shape: tuple[int, ...], tiling: Tiling) -> tuple[int, int]:
    """Tiles down and across; the last of them may reach beyond the outputs."""
    down, across = (-(-n // tiling.outputs) for n in y_shape[-2:])
    return down, across


class WinogradConvolution:
    """Forward, backward-data and backward-weights of one shape; see the module.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, [T,] H, W), (O, C, [K,] k, k), (N, O, [T - K + 1,] H', W').
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
        self._phases = w_shape[-1] // tiling.taps  # along an axis: as many as the stride
        self._width = self._phases**2 * self._channels
        self._grid = _grid(y_shape, tiling)
        self._tiles = prod(self._grid)
        sample_bytes = self._products * self._frames * self._tiles * self._width * 4
        parts = -(-self._samples // max(CACHE // sample_bytes, 1))
        self._chunk = -(-self._samples // parts)

    @property
    def _places(self) -> tuple[int, int, int, int]:
        """Where pixels of tiles are: tiles down and across, outputs of a tile along an axis, phases along an axis."""
        return *self._grid, self._tiling.outputs, self._phases

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
        """Fill ``y`` (N, O, [T',] H', W') from ``x`` (N, C, [T,] H, W), both in channels-last memory."""
        pixels, outputs = frames_of(x), frames_of(y)
        inputs, products = self._input_tiles(self._chunk), self._output_tiles(self._chunk)
        addresses = [tuple(map(memory.address, arrays)) for arrays in zip(inputs, weights, products, strict=True)]
        for part in self._parts():
            tiles.pixels_to_tiles(pixels[part], self._tiling.B, *self._places, inputs)
            for of_product in addresses:
                self._primitives.run_forward(*of_product)
            tiles.tiles_to_outputs(products, self._tiling.A, *self._grid, outputs[part])

    def backward_data(self, gy: np.ndarray, weights: Filters, gx: np.ndarray) -> None:
        """Fill ``gx`` (N, C, [T,] H, W) from ``gy`` (N, O, [T',] H', W'), both in channels-last memory."""
        outputs, pixels = frames_of(gy), frames_of(gx)
        products, inputs = self._output_tiles(self._chunk), self._input_tiles(self._chunk)
        addresses = [tuple(map(memory.address, arrays)) for arrays in zip(products, weights, inputs, strict=True)]
        for part in self._parts():
            tiles.outputs_to_tiles(outputs[part], self._A_transposed, *self._grid, products)
            for of_product in addresses:
                self._primitives.run_backward_data(*of_product)
            tiles.tiles_to_pixels(inputs, self._B_transposed, *self._places, pixels[part])

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill C-ordered ``gW`` (O, C, [K,] k, k) from ``x`` and ``gy`` in channels-last memory."""
        pixels, outputs, target = frames_of(x), frames_of(gy), taps_axis(gW)
        at_once = 1 if self._chunk == self._samples else self._taps  # taps whose sums must be kept from part to part
        filters = memory.empty((self._products, at_once, self._out_channels, self._width))
        for part in self._parts():
            samples = part.stop - part.start
            inputs, products = self._input_tiles(samples), self._output_tiles(samples)
            tiles.pixels_to_tiles(pixels[part], self._tiling.B, *self._places, inputs)
            tiles.outputs_to_tiles(outputs[part], self._A_transposed, *self._grid, products)
            for tap in range(self._taps):
                self._add_products(products, inputs[:, tap:], filters[:, tap % at_once], part.start > 0)
                if at_once == 1:
                    tiles.filters_to_weights(filters, tap, self._G_transposed, self._phases, target)
        if at_once > 1:
            tiles.filters_to_weights(filters, 0, self._G_transposed, self._phases, target)

    def _add_products(self, products: np.ndarray, inputs: np.ndarray, filters: np.ndarray, kept: bool) -> None:
        """``filters`` (p * p, O, P C) = or += the sum over all rows (frames, samples, tiles) of O by P C products."""
        (rows, out_width), width = (prod(products.shape[1:-1]), products.shape[-1]), filters.shape[-1]
        for a, b, c in zip(products, inputs, filters, strict=True):
            self._library.call(
                *("dnnl_sgemm", b"T", b"N", out_width, width, rows, 1.0, memory.address(a), out_width),
                *(memory.address(b), width, float(kept), memory.address(c), width),
            )

    def _prepare(self, W: np.ndarray, layout: Layout | None, reorder: Callable[[np.ndarray], np.ndarray]) -> Filters:
        """The products' filters (O, P C, K, 1), written as their primitive wants them, or else reordered."""
        W, G, phases, width = taps_axis(W), self._tiling.G, self._phases, self._width
        if layout is None or layout.axis > 1:
            plain = memory.empty((self._products, self._out_channels * self._taps * width))
            strides = (self._taps * width, 0, width)
            tiles.weights_to_filters_by_channels(W, G, phases, width, width, strides, plain)
            return [reorder(f) for f in plain]
        if layout.axis == 0:
            filters = memory.empty((self._products, layout.padded * self._taps * width))
            tiles.weights_to_filters_by_outputs(W, G, phases, layout.block, layout.strides[:3], filters)
            return filters
        filters = memory.empty((self._products, self._out_channels * self._taps * layout.padded))
        tiles.weights_to_filters_by_channels(W, G, phases, layout.block, layout.padded, layout.strides[:3], filters)
        return filters

    def _parts(self) -> Iterator[slice]:
        """Yield the slices of samples; the last may be smaller, and leaves the end of its buffers unused."""
        for first in range(0, self._samples, self._chunk):
            yield slice(first, min(first + self._chunk, self._samples))

    def _input_tiles(self, samples: int) -> np.ndarray:
        return memory.empty((self._products, self._frames, samples, self._tiles, self._width))

    def _output_tiles(self, samples: int) -> np.ndarray:
        return memory.empty((self._products, self._out_frames, samples, self._tiles, self._out_channels))

    @functools.cached_property
    def _primitives(self) -> ConvolutionPrimitives:
        """The convolution in time: (1, P C, T, columns) -> (1, O, T - K + 1, columns), all tiles of a part in a row."""
        columns = self._chunk * self._tiles
        return ConvolutionPrimitives(
            self._library,
            (1, self._width, self._frames, columns),
            (self._out_channels, self._width, self._taps, 1),
            (1, self._out_channels, self._out_frames, columns),
            Geometry((1, 1), (0, 0)),
            w_channels_last=True,
        )


def frames_of(x: np.ndarray) -> np.ndarray:
    """(N, C, [T,] H, W) in channels-last memory as contiguous (N, T, H, W, C)."""
    moved = np.moveaxis(x, 1, -1)
    return moved if moved.ndim == 5 else moved[:, None]


def taps_axis(W: np.ndarray) -> np.ndarray:
    """(O, C, [K,] k, k) with the axis of taps in time."""
    return W if W.ndim == 5 else W[:, :, None]
