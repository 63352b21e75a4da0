"""Writes the zip form."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

import numpy as np

from mocogan_chainer.errors import SnapshotError

_STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}
_FOLDER = "archive"
_VERSION = b"3\n"
_ALIGNMENT = 64
_LOCAL_HEADER = 30


def structure_of(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the pickle of an ordered dict of tensors; the n-th array is in the n-th storage.

    Raises:
        SnapshotError: a name is not a text, or an array has a type that PyTorch does not have.
    """
    items = b"".join(_text(name) + _tensor(number, name, array) for number, (name, array) in enumerate(arrays.items()))
    return b"\x80\x02" + _EMPTY_ORDERED_DICT + b"(" + items + b"u."


def write(file: BinaryIO, structure: bytes, arrays: Iterable[np.ndarray]) -> None:
    """Write the archive; its bytes depend on nothing but the arguments."""
    with zipfile.ZipFile(file, "w") as archive:
        _add(archive, "data.pkl", structure)
        _add(archive, "byteorder", b"little")
        for number, array in enumerate(arrays):
            little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            _add(archive, f"data/{number}", little.tobytes())
        _add(archive, "version", _VERSION)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member whose bytes begin at a multiple of 64, as torch has it, so that they can be mapped into memory."""
    info = zipfile.ZipInfo(f"{_FOLDER}/{name}")
    info.create_system = 3  # the same on every system
    begin = archive.fp.tell() + _LOCAL_HEADER + len(info.filename) + 4
    info.extra = struct.pack("<2sH", b"FB", -begin % _ALIGNMENT).ljust(4 + -begin % _ALIGNMENT, b"Z")
    archive.writestr(info, data)


def _tensor(number: int, name: str, array: np.ndarray) -> bytes:
    storage = _STORAGES.get(np.asarray(array).dtype.name)
    if storage is None:
        raise SnapshotError(f"{name}: {array.dtype} has no type in PyTorch; write it as one of {', '.join(_STORAGES)}")
    strides = [1] * array.ndim
    for axis in range(array.ndim - 1, 0, -1):
        strides[axis - 1] = strides[axis] * max(array.shape[axis], 1)
    kind = b"ctorch\n" + storage.encode() + b"\n"
    reference = b"(" + _text("storage") + kind + _text(str(number)) + _text("cpu") + _number(array.size) + b"tQ"
    sizes = b"(" + b"".join(map(_number, array.shape)) + b"t(" + b"".join(map(_number, strides)) + b"t"
    no_gradient_no_hooks = b"\x89" + _EMPTY_ORDERED_DICT
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + _number(0) + sizes + no_gradient_no_hooks + b"tR"


def _text(text: str) -> bytes:
    if not isinstance(text, str):
        raise SnapshotError(f"{text}: an array's name must be a text")
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(value: int) -> bytes:
    if value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


_EMPTY_ORDERED_DICT = b"ccollections\nOrderedDict\n)R"
