"""Convolutions by oneDNN on the CPU, in channels-last memory; everything that it does not take goes to ``stock``."""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.base import Array, Geometry
from mocogan_chainer.backends.onednn.c_api import load
from mocogan_chainer.backends.onednn.primitives import ConvolutionPrimitives, aligned_empty, channels_last_empty

name = "onednn"


def available() -> bool:
    """Whether the library is on this machine."""
    return load() is not None


def convolution_forward(x: Array, W: Array, geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    size = geometry.output_size(x.shape[2:], W.shape[2:])
    if not _takes(x, W) or min(size) < 1:
        return stock.convolution_forward(x, W, geometry)
    y = channels_last_empty((x.shape[0], W.shape[0], *size))
    _primitives(x.shape, W.shape, y.shape, geometry).forward(_channels_last(x), np.ascontiguousarray(W), y)
    return y


def convolution_backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(gy, W):
        return stock.convolution_backward_data(gy, W, x_size, geometry)
    gx = channels_last_empty((gy.shape[0], W.shape[1] * geometry.groups, *x_size))
    primitives = _primitives(gx.shape, W.shape, gy.shape, geometry)
    primitives.backward_data(_channels_last(gy), np.ascontiguousarray(W), gx)
    return gx


def convolution_backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    if not _takes(x, gy):
        return stock.convolution_backward_weights(x, gy, ksize, geometry)
    gW = aligned_empty((gy.shape[1], x.shape[1] // geometry.groups, *ksize))
    primitives = _primitives(x.shape, gW.shape, gy.shape, geometry)
    primitives.backward_weights(_channels_last(x), _channels_last(gy), gW)
    return gW


def normal(shape: tuple[int, ...], seed: int, xp: Any) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return stock.normal(shape, seed, xp)


def _takes(*arrays: Array) -> bool:
    """Float32 NumPy arrays of 1 to 3 spatial axes that hold something."""
    return all(
        isinstance(a, np.ndarray) and a.dtype == np.float32 and 3 <= a.ndim <= 5 and prod(a.shape) > 0 for a in arrays
    )


def _channels_last(x: np.ndarray) -> np.ndarray:
    """The same numbers in channels-last memory; ``x`` itself where it is that already."""
    moved = np.moveaxis(x, 1, -1)
    return x if moved.flags.c_contiguous else np.moveaxis(np.ascontiguousarray(moved), -1, 1)


@functools.lru_cache(maxsize=512)
def _primitives(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> ConvolutionPrimitives:
    return ConvolutionPrimitives(load(), x_shape, w_shape, y_shape, geometry)
