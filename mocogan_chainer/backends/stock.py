"""The reference backend: Chainer's own im2col code and array-library matrix products, on NumPy and CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer import backend
from chainer.utils import conv_nd

from mocogan_chainer.backends.base import Array, Geometry

name = "stock"


def convolution_forward(x: Array, W: Array, geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_forward, geometry.groups, (x, 1), (W, 0), out_axis=1, geometry=geometry)


def convolution_backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_backward_data, geometry.groups, (gy, 1), (W, 0), out_axis=1, x_size=x_size, geometry=geometry)


def convolution_backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_backward_weights, geometry.groups, (x, 1), (gy, 1), out_axis=0, ksize=ksize, geometry=geometry)


def normal(shape: tuple[int, ...], seed: int, xp: Any) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if xp is np:
        return np.random.Generator(np.random.SFC64(seed)).standard_normal(shape, dtype=np.float32)
    return xp.random.Generator(xp.random.Philox4x3210(seed)).standard_normal(shape, dtype=xp.float32)


def _by_group(
    function: Callable[..., Array],
    groups: int,
    first: tuple[Array, int],
    second: tuple[Array, int],
    out_axis: int,
    **arguments: Any,
) -> Array:
    """Apply ``function`` to each group's slice of both arrays (given with the axis to slice) and join the results."""
    if groups == 1:
        return function(first[0], second[0], **arguments)
    xp = backend.get_array_module(first[0])
    parts = zip(xp.split(first[0], groups, first[1]), xp.split(second[0], groups, second[1]), strict=True)
    return xp.concatenate([function(a, b, **arguments) for a, b in parts], axis=out_axis)


def _forward(x: Array, W: Array, geometry: Geometry) -> Array:
    xp = backend.get_array_module(x)
    g = geometry
    col = conv_nd.im2col_nd(x, W.shape[2:], g.stride, g.pad, dilate=g.dilate)  # (N, C, *k, *out)
    axes = tuple(range(1, W.ndim))
    y = xp.tensordot(col, W, (axes, axes))  # (N, *out, O)
    return xp.moveaxis(y, -1, 1)


def _backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    xp = backend.get_array_module(gy)
    g = geometry
    col = xp.tensordot(W, gy, (0, 1))  # (C, *k, N, *out)
    col = xp.moveaxis(col, W.ndim - 1, 0)  # (N, C, *k, *out)
    return conv_nd.col2im_nd(col, g.stride, g.pad, tuple(x_size), dilate=g.dilate)


def _backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    xp = backend.get_array_module(x)
    g = geometry
    col = conv_nd.im2col_nd(x, tuple(ksize), g.stride, g.pad, dilate=g.dilate)  # (N, C, *k, *out)
    n_axes = len(ksize)
    out_axes = (0, *range(2, 2 + n_axes))
    col_axes = (0, *range(2 + n_axes, 2 + 2 * n_axes))
    return xp.tensordot(gy, col, (out_axes, col_axes))  # (O, C, *k)
