"""Tensors: checked against their storages when a file describes them, cut out of the bytes when they are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.values import Name, Storage, Tensor, described

_SAME = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")
RAW = {name: np.dtype(name) for name in (*_SAME, "complex64", "complex128")}
RAW |= {"bfloat16": np.dtype(np.uint16), "bool": np.dtype(np.uint8)}
"""How the elements of PyTorch's types are stored."""

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}
_MOST_DIMENSIONS = 32


def count_of(value: Any, what: str) -> int:
    """Return ``value`` if it is a number that can count something, else refuse it."""
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise SnapshotError(f"{what} is negative, too large or not a whole number; it is refused")
    return value


def storage_of(kind: Any, key: Any, count: Any) -> Storage:
    """Return the whole storage that a file names by its class, its key and its number of elements."""
    module, _, name = kind.path.rpartition(".") if isinstance(kind, Name) else ("", "", "")
    if module not in ("torch", "torch.cuda", "torch.storage") or name not in _STORAGES or type(key) is not str:
        raise SnapshotError(f"it refers to {described(kind)} as a storage, a type that is not read; it is refused")
    dtype = _STORAGES[name]
    return Storage(key, dtype, 0, count_of(count, "a storage's number of elements") * RAW[dtype].itemsize)


def view_of(storage: Storage, offset: Any, count: Any) -> Storage:
    """Return a part of a whole storage; offset and count are elements."""
    size = RAW[storage.dtype].itemsize
    offset, count = count_of(offset, "a view's offset") * size, count_of(count, "a view's number of elements") * size
    if offset + count > storage.size:
        raise SnapshotError("a view reaches beyond its storage; it is refused")
    return Storage(storage.key, storage.dtype, offset, count)


def tensor_of(storage: Any, offset: Any, shape: Any, strides: Any, dtype: str | None = None) -> Tensor:
    """Return the tensor that a file describes, if it lies within its storage; by default of the storage's type."""
    if not isinstance(storage, Storage):
        raise SnapshotError(f"it builds a tensor from {described(storage)} instead of a storage; it is refused")
    if not all(isinstance(sizes, (tuple, list)) and len(sizes) <= _MOST_DIMENSIONS for sizes in (shape, strides)):
        raise SnapshotError(f"a tensor has no shape, or more than {_MOST_DIMENSIONS} dimensions; it is refused")
    if len(shape) != len(strides):
        raise SnapshotError(f"a tensor has {len(shape)} sizes and {len(strides)} strides; it is refused")
    offset = count_of(offset, "a tensor's offset")
    shape = tuple(count_of(n, "a tensor's size") for n in shape)
    strides = tuple(count_of(n, "a tensor's stride") for n in strides)
    dtype = dtype or storage.dtype
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and (last + 1) * RAW[dtype].itemsize > storage.size:
        raise SnapshotError("a tensor reaches beyond its storage; it is refused")
    return Tensor(storage, offset, shape, strides, dtype)


def arrays_of(
    tensors: Mapping[str, Tensor], load: Callable[[str], np.ndarray], most: int, order: str = "<"
) -> dict[str, np.ndarray]:
    """Return the tensors as arrays of their own, bfloat16 as float32.

    Args:
        tensors: by name.
        load: gives the bytes of the storage of a key, uint8.
        most: bytes that all arrays may take together; elements that tensors share count each time.
        order: "<" or ">", the byte order of the storages.

    Raises:
        SnapshotError: the arrays would take more than ``most``.
    """
    size = sum(math.prod(tensor.shape) * np.dtype(_final(tensor.dtype)).itemsize for tensor in tensors.values())
    if size > most:
        raise SnapshotError(f"its tensors would take {size} bytes, far more than the file has; it is refused")
    storages = {key: load(key) for key in {t.storage.key: None for t in tensors.values() if 0 not in t.shape}}
    return {name: _array(tensor, storages, order) for name, tensor in tensors.items()}


def _array(tensor: Tensor, storages: Mapping[str, np.ndarray], order: str) -> np.ndarray:
    if 0 in tensor.shape:
        return np.empty(tensor.shape, _final(tensor.dtype))
    raw = RAW[tensor.dtype].newbyteorder(order)
    start = tensor.storage.start + tensor.offset * raw.itemsize
    stop = tensor.storage.start + tensor.storage.size
    elements = storages[tensor.storage.key][start:stop]
    elements = elements[: len(elements) // raw.itemsize * raw.itemsize].view(raw)
    steps = tuple(step * raw.itemsize if n > 1 else 0 for n, step in zip(tensor.shape, tensor.strides, strict=True))
    values = np.lib.stride_tricks.as_strided(elements, tensor.shape, steps, writeable=False)
    if tensor.dtype == "bfloat16":
        high = np.left_shift(values, 16, dtype=np.uint32, order="C")
        return np.asarray(high).view(np.float32)
    return np.array(values, _final(tensor.dtype), order="C")


def _final(dtype: str) -> str:
    return "float32" if dtype == "bfloat16" else dtype
