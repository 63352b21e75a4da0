"""oneDNN's primitives for one shape of convolution, made once and kept."""

from __future__ import annotations

import functools
import threading
from collections.abc import Hashable
from ctypes import Array, c_int64, c_void_p
from math import prod

import numpy as np

from mocogan_chainer.backends.base import Geometry
from mocogan_chainer.backends.onednn import c_api as api
from mocogan_chainer.backends.onednn import memory
from mocogan_chainer.backends.onednn.c_api import Argument, Dims, Layout, Library
from mocogan_chainer.backends.onednn.kernels.bfloat16 import to_bfloat16
from mocogan_chainer.backends.onednn.memory import address

_execution = threading.RLock()  # memory handles are set just before a primitive runs; and for _forms

_forms: dict[Hashable, list[c_void_p]] = {}
"""Every memory that weights of a shape were wanted in."""


class Primitive:
    """A primitive with one memory object per argument."""

    def __init__(self, library: Library, descriptor: c_void_p, **memories: c_void_p):
        self._library = library
        self._handle = library.create("dnnl_primitive_create", descriptor)
        scratchpad = library.query(descriptor, api.QUERY_SCRATCHPAD)
        self._scratchpad_size = library.size(scratchpad)
        memories["SCRATCHPAD"] = scratchpad
        self._memories = [
            library.create("dnnl_memory_create", memory, library.engine, c_void_p(0)) for memory in memories.values()
        ]
        indexes = [getattr(api, name) for name in memories]
        self._arguments = (Argument * len(indexes))(
            *(Argument(index, memory) for index, memory in zip(indexes, self._memories, strict=True))
        )

    def __call__(self, *addresses: int) -> None:
        """Run on what lies at the addresses, in the order in which the memories were given."""
        library = self._library
        scratchpad = memory.empty((self._scratchpad_size,), np.uint8)
        with _execution:
            for handle, place in zip(self._memories, (*addresses, address(scratchpad)), strict=True):
                library.call("dnnl_memory_set_data_handle", handle, place)
            library.call("dnnl_primitive_execute", self._handle, library.stream, len(self._memories), self._arguments)
            library.call("dnnl_stream_wait", library.stream)


class ConvolutionPrimitives:
    """Forward, backward-data and backward-weights of one shape, each made at its first use.

    Activations are float32 in channels-last memory. Weights go through ``prepare_...`` into the form that a primitive
    prefers.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, *size), (O, C / groups, *ksize), (N, O, *output size).
        geometry: of the convolution.
        w_channels_last: whether plain weights lie as (O, *ksize, C) instead of in C order.
        bfloat16: multiply in bfloat16; what is given and returned, and sums, stay float32.
    """

    def __init__(
        self,
        library: Library,
        x_shape: tuple[int, ...],
        w_shape: tuple[int, ...],
        y_shape: tuple[int, ...],
        geometry: Geometry,
        w_channels_last: bool = False,
        bfloat16: bool = False,
    ):
        self._library = library
        self._bfloat16 = bfloat16
        self._ndim = len(w_shape) + (geometry.groups > 1)
        groups = geometry.groups
        w_shape = by_group(w_shape, groups)
        data_type = api.BFLOAT16 if bfloat16 else api.FLOAT32
        self._x = library.descriptor(x_shape, channels_last_strides(x_shape))
        self._y = library.descriptor(y_shape, channels_last_strides(y_shape))
        self._x_given = library.descriptor(x_shape, channels_last_strides(x_shape), data_type)
        self._y_given = library.descriptor(y_shape, channels_last_strides(y_shape), data_type)
        self._w_key = w_shape, w_channels_last, bfloat16
        strides = channels_last_strides if w_channels_last else c_strides
        self._w_plain = library.descriptor(w_shape, strides(w_shape))
        self._w_any = library.descriptor(w_shape, None)
        self._w_given = library.descriptor(w_shape, None, data_type)
        self._walk = walk(x_shape, w_shape, y_shape, geometry)

    @functools.cached_property
    def _forward_descriptor(self) -> c_void_p:
        return self._library.create(
            "dnnl_convolution_forward_primitive_desc_create",
            self._library.engine,
            api.FORWARD_TRAINING,
            api.CONVOLUTION_DIRECT,
            self._x_given,
            self._w_given,
            None,
            self._y,
            *self._walk,
            self._library.attributes,
        )

    @functools.cached_property
    def _forward(self) -> tuple[Primitive, c_void_p]:
        descriptor = self._forward_descriptor
        weights = self._library.query(descriptor, api.QUERY_WEIGHTS)
        return Primitive(self._library, descriptor, SRC=self._x_given, WEIGHTS=weights, DST=self._y), weights

    @functools.cached_property
    def _backward_data(self) -> tuple[Primitive, c_void_p]:
        descriptor = self._library.create(
            "dnnl_convolution_backward_data_primitive_desc_create",
            self._library.engine,
            api.CONVOLUTION_DIRECT,
            self._x,
            self._w_given,
            self._y_given,
            *self._walk,
            self._forward_descriptor,
            self._library.attributes,
        )
        weights = self._library.query(descriptor, api.QUERY_WEIGHTS)
        primitive = Primitive(self._library, descriptor, DIFF_DST=self._y_given, WEIGHTS=weights, DIFF_SRC=self._x)
        return primitive, weights

    @functools.cached_property
    def _backward_weights(self) -> tuple[Primitive, c_void_p]:
        descriptor = self._library.create(
            "dnnl_convolution_backward_weights_primitive_desc_create",
            self._library.engine,
            api.CONVOLUTION_DIRECT,
            self._x_given,
            self._w_any,
            None,
            self._y_given,
            *self._walk,
            self._forward_descriptor,
            self._library.attributes,
        )
        weights = self._library.query(descriptor, api.QUERY_DIFF_WEIGHTS)
        primitive = Primitive(
            self._library, descriptor, SRC=self._x_given, DIFF_DST=self._y_given, DIFF_WEIGHTS=weights
        )
        return primitive, weights

    @functools.cached_property
    def _to_forward(self) -> Primitive:
        return reorder(self._library, self._w_plain, self._forward[1])

    @functools.cached_property
    def _to_backward_data(self) -> Primitive:
        return reorder(self._library, self._w_plain, self._backward_data[1])

    @functools.cached_property
    def _from_backward_weights(self) -> Primitive:
        return reorder(self._library, self._backward_weights[1], self._w_plain)

    @functools.cached_property
    def forward_form(self) -> Hashable:
        """What tells the weights of :meth:`forward` from those in another form."""
        return weights_form(self._library, self._w_key, self._forward[1])

    @functools.cached_property
    def backward_data_form(self) -> Hashable:
        """What tells the weights of :meth:`backward_data` from those in another form."""
        return weights_form(self._library, self._w_key, self._backward_data[1])

    @functools.cached_property
    def forward_layout(self) -> Layout | None:
        """How the weights of :meth:`forward` lie, where that is simple."""
        return self._library.layout(self._forward[1], self._ndim)

    @functools.cached_property
    def backward_data_layout(self) -> Layout | None:
        """How the weights of :meth:`backward_data` lie, where that is simple."""
        return self._library.layout(self._backward_data[1], self._ndim)

    @property
    def run_forward(self) -> Primitive:
        """:meth:`forward` on addresses of data, weights and result; the data is in the precision of the products."""
        return self._forward[0]

    @property
    def run_backward_data(self) -> Primitive:
        """:meth:`backward_data` on addresses of gradient, weights and result, as :attr:`run_forward`."""
        return self._backward_data[0]

    def prepare_forward(self, W: np.ndarray) -> np.ndarray:
        """Return plain weights in the form that :meth:`forward` takes."""
        weights = buffer(self._library, self._forward[1])
        self._to_forward(address(W), address(weights))
        return weights

    def prepare_backward_data(self, W: np.ndarray) -> np.ndarray:
        """Return plain weights in the form that :meth:`backward_data` takes."""
        weights = buffer(self._library, self._backward_data[1])
        self._to_backward_data(address(W), address(weights))
        return weights

    def forward(self, x: np.ndarray, weights: np.ndarray, y: np.ndarray) -> None:
        """Fill ``y``."""
        x = self._given(x)
        self.run_forward(address(x), address(weights), address(y))

    def backward_data(self, gy: np.ndarray, weights: np.ndarray, gx: np.ndarray) -> None:
        """Fill ``gx``."""
        gy = self._given(gy)
        self.run_backward_data(address(gy), address(weights), address(gx))

    def backward_weights(self, x: np.ndarray, gy: np.ndarray, gW: np.ndarray) -> None:
        """Fill plain ``gW``."""
        primitive, form = self._backward_weights
        x, gy, weights = self._given(x), self._given(gy), buffer(self._library, form)
        primitive(address(x), address(gy), address(weights))
        self._from_backward_weights(address(weights), address(gW))

    def _given(self, x: np.ndarray) -> np.ndarray:
        """Channels-last ``x`` as primitives take it."""
        return to_bfloat16(np.moveaxis(x, 1, -1)) if self._bfloat16 else x


def reorder(library: Library, source: c_void_p, target: c_void_p) -> Primitive:
    """Return the primitive that brings numbers from one description of memory into another."""
    engine = library.engine
    descriptor = library.create(
        "dnnl_reorder_primitive_desc_create", source, engine, target, engine, library.attributes
    )
    return Primitive(library, descriptor, SRC=source, DST=target)


def buffer(library: Library, descriptor: c_void_p) -> np.ndarray:
    """Memory of a description of float32 or bfloat16 numbers."""
    return memory.empty((-(-library.size(descriptor) // 4),))


def weights_form(library: Library, key: Hashable, weights: c_void_p) -> Hashable:
    """What tells prepared weights from those in another form: shapes whose primitives want the same memory share them.

    Args:
        library: oneDNN.
        key: what the weights are made of.
        weights: describes the memory that a primitive wants.
    """
    with _execution:
        known = _forms.setdefault(key, [])
        for number, other in enumerate(known):
            if library.equal(other, weights):
                return key, number
        known.append(weights)
        return key, len(known) - 1


def reaches_beyond(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> bool:
    """Whether a kernel is longer than the data along some axis.

    In bfloat16 oneDNN 3.2 makes wrong weights' gradients of such shapes, and writes outside of its buffers.
    """
    return any(taps > size for size, taps in zip(x_shape[2:], w_shape[2:], strict=True))


@functools.lru_cache(maxsize=512)
def fails_on_weights(
    x_shape: tuple[int, ...], ksize: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> bool:
    """Whether it is of the shapes whose weights' gradients oneDNN 3.2 makes wrong.

    In three dimensions with a stride in depth, where the padding there is half of the kernel or more, it writes
    outside of its buffers; where a tap meets no number of the data along some axis, bfloat16 leaves it unwritten.
    """
    g = geometry
    if len(ksize) == 3 and g.stride[0] > 1 and 2 * g.pad[0] >= ksize[0]:
        return True
    for size, taps, outputs, stride, pad in zip(x_shape[2:], ksize, y_shape[2:], g.stride, g.pad, strict=True):
        for tap in range(taps):
            if not any(0 <= o * stride - pad + tap < size for o in range(outputs)):
                return True
    return False


def by_group(w_shape: tuple[int, ...], groups: int) -> tuple[int, ...]:
    """The shape of a convolution's weights as oneDNN has it: several groups are an axis."""
    return (groups, w_shape[0] // groups, *w_shape[1:]) if groups > 1 else w_shape


def walk(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...], geometry: Geometry
) -> tuple[Array[c_int64], ...]:
    """Strides, gaps between taps, and pads before and after, as a convolution's descriptor takes them."""
    ksize, g = w_shape[-len(geometry.stride) :], geometry
    after = (
        (out - 1) * s + k - n - p  # the padding that is left to do on the far side
        for out, s, k, n, p in zip(y_shape[2:], g.stride, ksize, x_shape[2:], g.pad, strict=True)
    )
    gaps = (0 for _ in g.stride)  # between taps
    return Dims(*g.stride), Dims(*gaps), Dims(*g.pad), Dims(*after)


def channels_last_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of (N, C, *size) over (N, *size, C) memory."""
    strides = c_strides((shape[0], *shape[2:], shape[1]))
    return (strides[0], strides[-1], *strides[1:-1])


def c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
