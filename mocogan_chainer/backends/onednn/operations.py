"""The backend's primitives (see :class:`~mocogan_chainer.backends.base.Backend`)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from mocogan_chainer.backends import random, stock
from mocogan_chainer.backends.base import AdamState, Array, Geometry, Noise, RunningStatistics, Window
from mocogan_chainer.backends.onednn import columns, windows, winograd
from mocogan_chainer.backends.onednn.c_api import load
from mocogan_chainer.backends.onednn.columns import ColumnsConvolution
from mocogan_chainer.backends.onednn.inference import InferenceConvolution, MaxPooling
from mocogan_chainer.backends.onednn.kernels import activation, normalization
from mocogan_chainer.backends.onednn.kernels.parameters import adam as update_parameter
from mocogan_chainer.backends.onednn.memory import channels_last, empty, empty_channels_last
from mocogan_chainer.backends.onednn.primitives import ConvolutionPrimitives, fails_on_weights, reaches_beyond
from mocogan_chainer.backends.onednn.weights import PreparedWeights
from mocogan_chainer.backends.onednn.windows import WindowsConvolution
from mocogan_chainer.backends.onednn.winograd import WinogradConvolution

name = "onednn"
adds_gradients = False

bfloat16 = False
"""Whether convolutions multiply in bfloat16; set when the backend is taken."""

_prepared = PreparedWeights()
_float = np.float32  # a kernel is compiled for the types of its arguments


def convolution_forward(x: Array, W: Array, geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    size = geometry.output_size(x.shape[2:], W.shape[2:])
    if not _takes_convolution(x, W) or min(size) < 1:
        return stock.convolution_forward(x, W, geometry)
    y = empty_channels_last((x.shape[0], W.shape[0], *size))
    plan = _plan(x.shape, W.shape, y.shape, geometry, bfloat16)
    weights = _weights(plan, W, "forward")
    plan.forward(channels_last(x), weights, y)
    return y


def convolution_backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes_convolution(gy, W) or min(x_size) < 1:
        return stock.convolution_backward_data(gy, W, x_size, geometry)
    gx = empty_channels_last((gy.shape[0], W.shape[1] * geometry.groups, *x_size))
    plan = _plan(gx.shape, W.shape, gy.shape, geometry, bfloat16)
    weights = _weights(plan, W, "backward_data")
    plan.backward_data(channels_last(gy), weights, gx)
    return gx


def convolution_backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes_convolution(x, gy) or fails_on_weights(x.shape, tuple(ksize), gy.shape, geometry):
        return stock.convolution_backward_weights(x, gy, ksize, geometry)
    gW = empty((gy.shape[1], x.shape[1] // geometry.groups, *ksize))
    _plan(x.shape, gW.shape, gy.shape, geometry, bfloat16).backward_weights(channels_last(x), channels_last(gy), gW)
    return gW


def convolution_activation(
    x: Array, W: Array, b: Array, geometry: Geometry, residual: Array | None, rectify: bool
) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    y_shape = (x.shape[0], W.shape[0], *geometry.output_size(x.shape[2:], W.shape[2:]))
    addends = (b,) if residual is None else (b, residual)
    fits = b.shape == y_shape[1:2] and (residual is None or residual.shape == y_shape)  # oneDNN would read on behind
    if not fits or not _takes_convolution(x, W) or not _takes(*addends) or min(y_shape) < 1:
        return stock.convolution_activation(x, W, b, geometry, residual, rectify)
    y = empty_channels_last(y_shape)
    plan = _inference_plan(x.shape, W.shape, y.shape, geometry, residual is not None, rectify)
    weights = _prepared.get(np.ascontiguousarray(W), plan.form, plan.prepare)
    plan(channels_last(x), weights, np.ascontiguousarray(b), y, None if residual is None else channels_last(residual))
    return y


def max_pooling(x: Array, window: Window) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    size = window.output_size(x.shape[2:])
    if not _takes_convolution(x) or min(size) < 1:
        return stock.max_pooling(x, window)
    y = empty_channels_last((*x.shape[:2], *size))
    _pooling_plan(x.shape, y.shape, window)(channels_last(x), y)
    return y


def add_noise(x: Array, noise: Noise) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x):
        return stock.add_noise(x, noise)
    y = empty_channels_last(x.shape)
    activation.add_normal(_flat(channels_last(x)), np.uint64(noise.key), _float(noise.sigma), _flat(y))
    return y


def rectify(x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x):
        return stock.rectify(x, slope, noise)
    y, positive = empty_channels_last(x.shape), empty_channels_last(x.shape, np.bool_)
    activation.rectify(_flat(channels_last(x)), _float(slope), *_noise(noise), _flat(y), _flat(positive))
    return y, positive


def rectify_backward(positive: Array, gy: Array, slope: float) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(gy):
        return stock.rectify_backward(positive, gy, slope)
    gx = empty_channels_last(gy.shape)
    activation.rectify_gradient(_flat(channels_last(positive)), _flat(channels_last(gy)), _float(slope), _flat(gx))
    return gx


def drop(x: Array, ratio: float, key: int) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x):
        return stock.drop(x, ratio, key)
    y = empty_channels_last(x.shape)
    threshold = np.uint32(random.threshold(ratio))
    activation.drop(_flat(channels_last(x)), np.uint64(key), threshold, _float(1 / (1 - ratio)), _flat(y))
    return y


def moments(x: Array, by_sample: bool = False, running: RunningStatistics | None = None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x):
        return stock.moments(x, by_sample, running)
    tables = _tables(channels_last(x), by_sample)
    rows, counts = _blocks(tables)
    means, squares, rests = np.empty((3, len(tables), len(counts), x.shape[1]), _float)
    normalization.block_moments(tables, rows, means, squares, rests)
    mean, variance = normalization.combine_moments(means + rests.astype(np.float64), squares, counts)
    if by_sample:
        return mean, variance
    if running is not None:
        stock.move_running(running, mean[0], variance[0], x.size // x.shape[1])
    return mean[0], variance[0]


def normalize_rectify(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    eps: float,
    slope: float,
    noise: Noise | None,
) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x, gamma, beta, mean, variance):
        return stock.normalize_rectify(x, gamma, beta, mean, variance, eps, slope, noise)
    y = empty_channels_last(x.shape)
    affine = _affine(gamma, beta, mean, variance, eps)
    activation.normalize(_flat(channels_last(x)), *affine, _float(slope), *_noise(noise), _flat(y))
    return y


def normalize_rectify_backward(
    x: Array, gy: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float, slope: float
) -> tuple[Array, Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x, gy, gamma, beta, mean, variance):
        return stock.normalize_rectify_backward(x, gy, gamma, beta, mean, variance, eps, slope)
    affine = _affine(gamma, beta, mean, variance, eps)
    _, scale, _ = affine
    by_sample = mean.ndim == 2
    tables, gy_tables = _tables(channels_last(x), by_sample), _tables(channels_last(gy), by_sample)
    rows, counts = _blocks(tables)
    totals, products = np.empty((2, len(tables), len(counts), x.shape[1]), _float)
    normalization.block_gradients(tables, gy_tables, *affine, _float(slope), rows, totals, products)
    deviation = np.sqrt(variance.reshape(scale.shape) + np.float64(eps))
    gbeta = totals.sum(axis=1, dtype=np.float64)
    ggamma = products.sum(axis=1, dtype=np.float64) / deviation
    # gx = scale (g - gbeta / n - x_hat ggamma / n) with x_hat = (x - mean) / deviation, as (g - b) scale + (x - mean) a
    n = tables.shape[1]
    a, b = ((-scale * ggamma / deviation / n).astype(_float), (gbeta / n).astype(_float))
    gx = empty_channels_last(x.shape)
    normalization.input_gradient(tables, gy_tables, *affine, _float(slope), a, b, rows, _tables(gx, by_sample))
    return gx, ggamma.sum(axis=0).astype(_float), gbeta.sum(axis=0).astype(_float)


filters = stock.filters
product = stock.product
gru = stock.gru
gru_backward = stock.gru_backward
gather_clips = stock.gather_clips
adam_rate = stock.adam_rate
move_average = stock.move_average
add = stock.add
note_non_finite = stock.note_non_finite


def adam(
    parameters: Sequence[AdamState], *, rate: float | Array, beta1: float, beta2: float, eps: float, decay: float
) -> None:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    for p in parameters:
        if not _takes(p.w, p.g, p.m, p.v) or not all(a.flags.c_contiguous for a in (p.w, p.m, p.v)):
            stock.adam([p], rate=rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay)
            continue
        numbers = (_float(n) for n in (np.asarray(rate).item(), 1 - beta1, 1 - beta2, eps, decay))
        w, g, m, v = (a.reshape(-1) for a in (p.w, np.ascontiguousarray(p.g), p.m, p.v))
        update_parameter(w, g, m, v, *numbers)


def _takes(*arrays: Array) -> bool:
    """Float32 NumPy arrays that hold something."""
    return all(isinstance(a, np.ndarray) and a.dtype == np.float32 and a.size > 0 for a in arrays)


def _takes_convolution(*arrays: Array) -> bool:
    """Such arrays of 1 to 3 spatial axes."""
    return _takes(*arrays) and all(3 <= a.ndim <= 5 for a in arrays)


Plan = ConvolutionPrimitives | WinogradConvolution | ColumnsConvolution | WindowsConvolution


def _weights(plan: Plan, W: np.ndarray, use: str) -> Any:
    """The weights in the form in which the plan takes them for ``use``."""
    W, form = np.ascontiguousarray(W), getattr(plan, f"{use}_form")
    return W if form is None else _prepared.get(W, form, getattr(plan, f"prepare_{use}"))


@functools.lru_cache(maxsize=512)
def _plan(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry, in_bfloat16: bool
) -> Plan:
    """What computes convolutions of these shapes."""
    if in_bfloat16 and windows.suits(x_shape, w_shape, y_shape, geometry):
        return WindowsConvolution(load(), x_shape, w_shape, y_shape)
    if in_bfloat16 and not reaches_beyond(x_shape, w_shape):
        return ConvolutionPrimitives(load(), x_shape, w_shape, y_shape, geometry, bfloat16=True)
    if columns.suits(w_shape, y_shape, geometry):
        return ColumnsConvolution(load(), w_shape, y_shape, geometry)
    tiling = winograd.choose_tiling(x_shape, w_shape, y_shape, geometry)
    if tiling is None:
        return ConvolutionPrimitives(load(), x_shape, w_shape, y_shape, geometry)
    return WinogradConvolution(load(), x_shape, w_shape, y_shape, tiling)


@functools.lru_cache(maxsize=512)
def _inference_plan(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    geometry: Geometry,
    residual: bool,
    rectify: bool,
) -> InferenceConvolution:
    return InferenceConvolution(load(), x_shape, w_shape, y_shape, geometry, residual, rectify)


@functools.lru_cache(maxsize=512)
def _pooling_plan(x_shape: tuple[int, ...], y_shape: tuple[int, ...], window: Window) -> MaxPooling:
    return MaxPooling(load(), x_shape, y_shape, window)


def _noise(noise: Noise | None) -> tuple[bool, np.uint64, np.float32]:
    """Noise as kernels take it: whether, key, deviation."""
    return (False, np.uint64(0), _float(0)) if noise is None else (True, np.uint64(noise.key), _float(noise.sigma))


def _affine(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalization as (x - mean) * scale + shift: these three, (1, C) each, or (N, C) by moments of samples."""
    scale = np.atleast_2d(gamma / np.sqrt(variance + np.float64(eps))).astype(_float)
    mean, shift = (np.ascontiguousarray(np.broadcast_to(a, scale.shape)) for a in (mean, beta))
    return mean, scale, shift


def _tables(x: np.ndarray, by_sample: bool) -> np.ndarray:
    """(N, C, *size) in channels-last memory as (1, rows, C), or as (N, rows of a sample, C)."""
    return np.moveaxis(x, 1, -1).reshape(len(x) if by_sample else 1, -1, x.shape[1])


def _flat(x: np.ndarray) -> np.ndarray:
    """(N, C, *size) in channels-last memory as one axis."""
    return np.moveaxis(x, 1, -1).reshape(prod(x.shape))


def _blocks(tables: np.ndarray) -> tuple[int, np.ndarray]:
    """Rows of a block, and how many each block of a table of ``tables`` (tables, rows, C) has."""
    rows = normalization.block_rows(tables.shape[2])
    starts = np.arange(0, tables.shape[1], rows)
    return rows, np.minimum(rows, tables.shape[1] - starts)
