"""oneDNN's primitives for one shape of convolution, made once and kept."""

from __future__ import annotations

import functools
import threading
from ctypes import c_void_p
from math import prod

import numpy as np

from mocogan_chainer.backends.base import Geometry
from mocogan_chainer.backends.onednn import c_api as api
from mocogan_chainer.backends.onednn.c_api import Argument, Dims, Library

ALIGNMENT = 64  # a cache line, and the width of a vector register

_execution = threading.RLock()  # memory handles are set just before a primitive runs, and weight buffers are shared


def aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised float32 array that starts at a multiple of the alignment."""
    size = prod(shape) * 4
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % ALIGNMENT
    return buffer[offset : offset + size].view(np.float32).reshape(shape)


def channels_last_empty(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised float32 (N, C, *size) whose memory is (N, *size, C)."""
    return np.moveaxis(aligned_empty((shape[0], *shape[2:], shape[1])), -1, 1)


class Primitive:
    """A primitive with one memory object an argument."""

    def __init__(self, library: Library, descriptor: c_void_p, **memories: c_void_p):
        self._library = library
        self._handle = library.create("dnnl_primitive_create", descriptor)
        self._memories = [
            library.create("dnnl_memory_create", memory, library.engine, c_void_p(0)) for memory in memories.values()
        ]
        indexes = [getattr(api, name) for name in memories]
        self._arguments = (Argument * len(indexes))(
            *(Argument(index, memory) for index, memory in zip(indexes, self._memories, strict=True))
        )

    def __call__(self, *arrays: np.ndarray) -> None:
        """Run on arrays, in the order in which the memories were given."""
        library = self._library
        with _execution:
            for memory, array in zip(self._memories, arrays, strict=True):
                library.call("dnnl_memory_set_data_handle", memory, array.ctypes.data)
            library.call("dnnl_primitive_execute", self._handle, library.stream, len(self._memories), self._arguments)
            library.call("dnnl_stream_wait", library.stream)


class ConvolutionPrimitives:
    """Forward, backward-data and backward-weights of one shape, each made at its first use.

    Activations are in channels-last memory, weights in C order; weights are reordered to what each primitive prefers.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, *size), (O, C / groups, *ksize), (N, O, *output size).
        geometry: of the convolution.
    """

    def __init__(
        self,
        library: Library,
        x_shape: tuple[int, ...],
        w_shape: tuple[int, ...],
        y_shape: tuple[int, ...],
        geometry: Geometry,
    ):
        self._library = library
        groups = geometry.groups
        if groups > 1:
            w_shape = (groups, w_shape[0] // groups, *w_shape[1:])
        self._x = library.descriptor(x_shape, _channels_last_strides(x_shape))
        self._y = library.descriptor(y_shape, _channels_last_strides(y_shape))
        self._w_plain = library.descriptor(w_shape, _c_strides(w_shape))
        self._w_any = library.descriptor(w_shape, None)
        ksize, g = w_shape[-len(geometry.stride) :], geometry
        after = (
            (out - 1) * s + d * (k - 1) + 1 - n - p  # the padding that is left to do on the far side
            for out, s, d, k, n, p in zip(y_shape[2:], g.stride, g.dilate, ksize, x_shape[2:], g.pad, strict=True)
        )
        dilates = (d - 1 for d in g.dilate)  # oneDNN counts the gaps between taps
        self._walk = (Dims(*g.stride), Dims(*dilates), Dims(*g.pad), Dims(*after))

    @functools.cached_property
    def _forward_descriptor(self) -> c_void_p:
        return self._library.create(
            "dnnl_convolution_forward_primitive_desc_create",
            self._library.engine,
            api.FORWARD_TRAINING,
            api.CONVOLUTION_DIRECT,
            self._x,
            self._w_any,
            None,
            self._y,
            *self._walk,
            None,
        )

    @functools.cached_property
    def _forward(self) -> tuple[Primitive, Primitive, np.ndarray]:
        descriptor = self._forward_descriptor
        weights = self._library.query(descriptor, api.QUERY_WEIGHTS)
        primitive = Primitive(self._library, descriptor, SRC=self._x, WEIGHTS=weights, DST=self._y)
        return primitive, self._reorder(self._w_plain, weights), self._buffer(weights)

    @functools.cached_property
    def _backward_data(self) -> tuple[Primitive, Primitive, np.ndarray]:
        descriptor = self._library.create(
            "dnnl_convolution_backward_data_primitive_desc_create",
            self._library.engine,
            api.CONVOLUTION_DIRECT,
            self._x,
            self._w_any,
            self._y,
            *self._walk,
            self._forward_descriptor,
            None,
        )
        weights = self._library.query(descriptor, api.QUERY_WEIGHTS)
        primitive = Primitive(self._library, descriptor, DIFF_DST=self._y, WEIGHTS=weights, DIFF_SRC=self._x)
        return primitive, self._reorder(self._w_plain, weights), self._buffer(weights)

    @functools.cached_property
    def _backward_weights(self) -> tuple[Primitive, Primitive, np.ndarray]:
        descriptor = self._library.create(
            "dnnl_convolution_backward_weights_primitive_desc_create",
            self._library.engine,
            api.CONVOLUTION_DIRECT,
            self._x,
            self._w_any,
            None,
            self._y,
            *self._walk,
            self._forward_descriptor,
            None,
        )
        weights = self._library.query(descriptor, api.QUERY_DIFF_WEIGHTS)
        primitive = Primitive(self._library, descriptor, SRC=self._x, DIFF_DST=self._y, DIFF_WEIGHTS=weights)
        return primitive, self._reorder(weights, self._w_plain), self._buffer(weights)

    def forward(self, x: np.ndarray, W: np.ndarray, y: np.ndarray) -> None:
        """Fill ``y``."""
        with _execution:
            primitive, reorder, weights = self._forward
            reorder(W, weights)
            primitive(x, weights, y)

    def backward_data(self, gy: np.ndarray, W: np.ndarray, gx: np.ndarray) -> None:
        """Fill ``gx``."""
        with _execution:
            primitive, reorder, weights = self._backward_data
            reorder(W, weights)
            primitive(gy, weights, gx)

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill ``gW``."""
        with _execution:
            primitive, reorder, weights = self._backward_weights
            primitive(x, gy, weights)
            reorder(weights, gW)

    def _reorder(self, source: c_void_p, target: c_void_p) -> Primitive:
        engine = self._library.engine
        descriptor = self._library.create("dnnl_reorder_primitive_desc_create", source, engine, target, engine, None)
        return Primitive(self._library, descriptor, SRC=source, DST=target)

    def _buffer(self, descriptor: c_void_p) -> np.ndarray:
        return aligned_empty((-(-self._library.size(descriptor) // 4),))


def _channels_last_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of (N, C, *size) over (N, *size, C) memory."""
    strides = _c_strides((shape[0], *shape[2:], shape[1]))
    return (strides[0], strides[-1], *strides[1:-1])


def _c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
