"""oneDNN's shared library: where it is found, and the few C functions that we call."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import site
import sys
from collections.abc import Sequence
from ctypes import POINTER, c_char, c_float, c_int, c_int32, c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.errors import DeviceError

MAX_DIMS = 12
Dims = c_int64 * MAX_DIMS

# Constants of oneDNN 3.x's C API (dnnl_types.h, dnnl_common_types.h)
OUT_OF_MEMORY = 1
CPU = 1
UNDEFINED, BFLOAT16, FLOAT32 = 0, 2, 3
ISA_AVX512_BF16 = 0xE7  # a set of flags; every processor with AMX has these too
TAG_ANY = 1
FORWARD_TRAINING, FORWARD_INFERENCE = 64, 96
CONVOLUTION_DIRECT = 1
RELU, BINARY_ADD, POOLING_MAX = 0x20, 0x1FFF0, 0x1FF
OUR_SCRATCHPAD = 1
QUERY_WEIGHTS, QUERY_DIFF_WEIGHTS, QUERY_SCRATCHPAD = 131, 132, 136
QUERY_STRIDES, QUERY_DIMS, QUERY_PADDED_DIMS = 14, 257, 260
QUERY_FORMAT_KIND, QUERY_INNER_BLOCKS, QUERY_INNER_SIZES, QUERY_INNER_AXES = 262, 263, 264, 265
BLOCKED = 2
SRC, DST, WEIGHTS, BIAS, SCRATCHPAD = 1, 17, 33, 41, 80
FIRST_ADDEND = 32768 | 2  # the second operand of the first operation after a primitive
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS = 129, 145, 161


class Argument(ctypes.Structure):
    """dnnl_exec_arg_t."""

    _fields_ = (("index", c_int), ("memory", c_void_p))


@dataclass(frozen=True)
class Layout:
    """Where the numbers of an array lie, one of whose axes is cut into blocks that lie innermost.

    Attributes:
        axis: which axis.
        block: numbers of a block.
        padded: the size of that axis, up to whole blocks.
        strides: in numbers, a step along each axis; along ``axis`` a step from block to block.
    """

    axis: int
    block: int
    padded: int
    strides: tuple[int, ...]


class OneDNNError(DeviceError):
    """A call that oneDNN refused."""


@functools.cache
def load() -> Library | None:
    """Return the library, or None where there is none of version 3."""
    _wait_briefly()
    for candidate in _candidates():
        try:
            return Library(ctypes.CDLL(candidate))
        except (OSError, AttributeError, OneDNNError):  # absent, of another version, or for another processor
            continue
    return None


def _wait_briefly() -> None:
    """Let a thread that waits for the others sleep after some microseconds, not milliseconds (GNU's OpenMP).

    GNU's library reads this once, as it is loaded. By default a waiting thread keeps its core; where another process
    wants one too, our own other threads then wait for theirs, at every step that they take together.
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = "4000"


def _candidates() -> list[str]:
    """The environment's library first (its wheels put it under the prefix), then the system's."""
    prefixes = [Path(sys.prefix), Path(site.getuserbase())]  # the second: pip install --user
    folders = [prefix / folder for prefix in prefixes for folder in ("lib", "Library/bin")]
    names = ["libdnnl.so.3", "dnnl.dll", "libdnnl.3.dylib"]
    present = [str(folder / name) for folder in folders for name in names if (folder / name).exists()]
    system = ctypes.util.find_library("dnnl")
    return [*present, "libdnnl.so.3", *([system] if system else [])]


class Library:
    """The C functions with their types, an engine for the CPU and its stream.

    Every handle is a ``c_void_p``: a bare int argument would be cut to 32 bits.
    """

    def __init__(self, dll: ctypes.CDLL):
        self._dll = dll
        handle, dims = POINTER(c_void_p), POINTER(c_int64)
        signatures = {
            "dnnl_engine_create": (handle, c_int, c_size_t),
            "dnnl_stream_create": (handle, c_void_p, c_int),
            "dnnl_stream_wait": (c_void_p,),
            "dnnl_memory_desc_create_with_tag": (handle, c_int, dims, c_int, c_int),
            "dnnl_memory_desc_create_with_strides": (handle, c_int, dims, c_int, dims),
            "dnnl_memory_create": (handle, c_void_p, c_void_p, c_void_p),
            "dnnl_memory_set_data_handle": (c_void_p, c_void_p),
            "dnnl_primitive_attr_create": (handle,),
            "dnnl_primitive_attr_set_scratchpad_mode": (c_void_p, c_int),
            "dnnl_primitive_attr_set_post_ops": (c_void_p, c_void_p),
            "dnnl_post_ops_create": (handle,),
            "dnnl_post_ops_append_sum": (c_void_p, c_float, c_int32, c_int),
            "dnnl_post_ops_append_binary": (c_void_p, c_int, c_void_p),
            "dnnl_post_ops_append_eltwise": (c_void_p, c_int, c_float, c_float),
            "dnnl_post_ops_destroy": (c_void_p,),
            "dnnl_reorder_primitive_desc_create": (handle, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
            "dnnl_convolution_forward_primitive_desc_create": (
                *(handle, c_void_p, c_int, c_int, c_void_p, c_void_p, c_void_p, c_void_p),
                *(dims, dims, dims, dims, c_void_p),
            ),
            "dnnl_convolution_backward_data_primitive_desc_create": (
                *(handle, c_void_p, c_int, c_void_p, c_void_p, c_void_p),
                *(dims, dims, dims, dims, c_void_p, c_void_p),
            ),
            "dnnl_convolution_backward_weights_primitive_desc_create": (
                *(handle, c_void_p, c_int, c_void_p, c_void_p, c_void_p, c_void_p),
                *(dims, dims, dims, dims, c_void_p, c_void_p),
            ),
            "dnnl_pooling_forward_primitive_desc_create": (
                *(handle, c_void_p, c_int, c_int, c_void_p, c_void_p),
                *(dims, dims, dims, dims, dims, c_void_p),
            ),
            "dnnl_matmul_primitive_desc_create": (handle, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
            "dnnl_sgemm": (
                *(c_char, c_char, c_int64, c_int64, c_int64, c_float),
                *(c_void_p, c_int64, c_void_p, c_int64, c_float, c_void_p, c_int64),
            ),
            "dnnl_primitive_create": (handle, c_void_p),
            "dnnl_primitive_execute": (c_void_p, c_void_p, c_int, POINTER(Argument)),
        }
        for name, types in signatures.items():
            function = getattr(dll, name)
            function.argtypes, function.restype = types, c_int
        dll.dnnl_primitive_desc_query_md.argtypes = (c_void_p, c_int, c_int)
        dll.dnnl_primitive_desc_query_md.restype = c_void_p
        dll.dnnl_memory_desc_query.argtypes, dll.dnnl_memory_desc_query.restype = (c_void_p, c_int, c_void_p), c_int
        dll.dnnl_memory_desc_get_size.argtypes = (c_void_p,)
        dll.dnnl_memory_desc_get_size.restype = c_size_t
        dll.dnnl_get_effective_cpu_isa.argtypes, dll.dnnl_get_effective_cpu_isa.restype = (), c_int
        dll.dnnl_memory_desc_equal.argtypes = (c_void_p, c_void_p)
        dll.dnnl_memory_desc_equal.restype = c_int
        self.engine = self.create("dnnl_engine_create", CPU, 0)
        self.stream = self.create("dnnl_stream_create", self.engine, 1)
        self.attributes = self.make_attributes()

    def call(self, name: str, *arguments: object) -> None:
        """Call a C function and raise :class:`OneDNNError`, or a MemoryError, unless it succeeds."""
        status = getattr(self._dll, name)(*arguments)
        if status == OUT_OF_MEMORY:
            raise MemoryError(f"in oneDNN's {name}")
        if status:
            raise OneDNNError(
                f"oneDNN cannot compute this here ({name} returned status {status}); use another precision, or --set "
                "backend=stock"
            )

    def create(self, name: str, *arguments: object) -> c_void_p:
        """Call a C function whose first argument receives a new handle, and return the handle."""
        handle = c_void_p()
        self.call(name, ctypes.byref(handle), *arguments)
        return handle

    def make_attributes(self) -> c_void_p:
        """Attributes by which a primitive works in memory that we give it.

        oneDNN's own memory belongs to the thread that made the primitive.
        """
        attributes = self.create("dnnl_primitive_attr_create")
        self.call("dnnl_primitive_attr_set_scratchpad_mode", attributes, OUR_SCRATCHPAD)
        return attributes

    def adding_attributes(self) -> c_void_p:
        """Attributes by which a primitive adds its result to what is there."""
        operations = self.create("dnnl_post_ops_create")
        self.call("dnnl_post_ops_append_sum", operations, 1, 0, UNDEFINED)
        return self._attributes_with(operations)

    def activation_attributes(self, addend: c_void_p | None, rectify: bool) -> c_void_p:
        """Attributes by which a primitive also adds memory of this description to its result, then rectifies it."""
        operations = self.create("dnnl_post_ops_create")
        if addend is not None:
            self.call("dnnl_post_ops_append_binary", operations, BINARY_ADD, addend)
        if rectify:
            self.call("dnnl_post_ops_append_eltwise", operations, RELU, 0, 0)
        return self._attributes_with(operations)

    def _attributes_with(self, operations: c_void_p) -> c_void_p:
        """Attributes with these operations after a primitive, which are done with."""
        attributes = self.make_attributes()
        self.call("dnnl_primitive_attr_set_post_ops", attributes, operations)
        self.call("dnnl_post_ops_destroy", operations)
        return attributes

    def descriptor(self, shape: Sequence[int], strides: Sequence[int] | None, data_type: int = FLOAT32) -> c_void_p:
        """Describe memory; strides count elements, None leaves the format to oneDNN."""
        dims = Dims(*shape)
        if strides is None:
            return self.create("dnnl_memory_desc_create_with_tag", len(shape), dims, data_type, TAG_ANY)
        return self.create("dnnl_memory_desc_create_with_strides", len(shape), dims, data_type, Dims(*strides))

    @property
    def has_bfloat16(self) -> bool:
        """Whether the processor multiplies bfloat16 numbers."""
        return self._dll.dnnl_get_effective_cpu_isa() & ISA_AVX512_BF16 == ISA_AVX512_BF16

    def query(self, primitive_descriptor: c_void_p, what: int) -> c_void_p:
        """Return the memory descriptor that a primitive chose."""
        return c_void_p(self._dll.dnnl_primitive_desc_query_md(primitive_descriptor, what, 0))

    def size(self, descriptor: c_void_p) -> int:
        """Bytes of memory of this description."""
        return self._dll.dnnl_memory_desc_get_size(descriptor)

    def equal(self, one: c_void_p, other: c_void_p) -> bool:
        """Whether two descriptors describe the same memory."""
        return bool(self._dll.dnnl_memory_desc_equal(one, other))

    def layout(self, descriptor: c_void_p, ndim: int) -> Layout | None:
        """How a descriptor's memory lies, where it is as simple as a :class:`Layout`; else None."""
        kind, blocks = c_int(), c_int()
        self.call("dnnl_memory_desc_query", descriptor, QUERY_FORMAT_KIND, ctypes.addressof(kind))
        self.call("dnnl_memory_desc_query", descriptor, QUERY_INNER_BLOCKS, ctypes.addressof(blocks))
        if kind.value != BLOCKED or blocks.value != 1:
            return None
        (axis,), (block,) = (
            self._numbers(descriptor, QUERY_INNER_AXES, 1),
            self._numbers(descriptor, QUERY_INNER_SIZES, 1),
        )
        padded = self._numbers(descriptor, QUERY_PADDED_DIMS, ndim)
        dims = self._numbers(descriptor, QUERY_DIMS, ndim)
        if any(p != d for a, (p, d) in enumerate(zip(padded, dims, strict=True)) if a != axis):
            return None
        return Layout(axis, block, padded[axis], self._numbers(descriptor, QUERY_STRIDES, ndim))

    def _numbers(self, descriptor: c_void_p, what: int, count: int) -> tuple[int, ...]:
        found = POINTER(c_int64)()
        self.call("dnnl_memory_desc_query", descriptor, what, ctypes.addressof(found))
        return tuple(found[:count])
