"""Reads and writes safetensors files: a header in JSON, then the arrays' bytes, nothing to execute.

The header's length (8 bytes, little-endian), the header, and the bytes of all arrays in little-endian C order without
gap or overlap. For each array the header gives its type, its shape and where its bytes are, from its own end on.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.files import atomic_write, open_plain

_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_LONGEST_HEADER = 8 << 20
_MOST_DIMENSIONS = 32
_METADATA = "__metadata__"


def read_safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of a safetensors file.

    Returns:
        The arrays by name, in the header's order, writable; bfloat16 as float32.

    Raises:
        SnapshotError: the file is missing, damaged, of another form, or has a type that NumPy does not have.
    """
    try:
        with open_plain(path) as file:
            return _read(file)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such file; name a .safetensors file") from None
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}; name a .safetensors file") from error
    except Exception as error:  # damaged JSON can raise anything
        raise SnapshotError(f"{path}: not a safetensors file, or damaged ({one_line(error)[:200]})") from error


def write_safetensors(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a safetensors file; the same arrays give the same bytes, whatever their order.

    Args:
        path: the file.
        arrays: by name. In the file they stand by the size of their elements, then by name, so that each begins at a
            multiple of that size.

    Raises:
        SnapshotError: an array has a type that the format does not have, or the format does not allow its name.
        OutputError: the file cannot be written.
    """
    for name, array in arrays.items():
        if not isinstance(name, str) or name == _METADATA:
            raise SnapshotError(f"{name}: an array's name must be a text other than {_METADATA}")
        if array.dtype.name not in _NAMES:
            raise SnapshotError(f"{name}: {array.dtype} is not a safetensors type; allowed: {', '.join(_NAMES)}")
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    header, end = {}, 0
    for name, array in ordered.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype.name], "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in ordered.values():
            file.write(np.asarray(array, array.dtype.newbyteorder("<"), order="C").tobytes())


@dataclass(frozen=True)
class _Entry:
    """Where an array is: bytes ``[begin, end)`` after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    most = min(size - 8, _LONGEST_HEADER)
    if length > most:
        raise SnapshotError(f"its header has {length} bytes where at most {most} can be; it is damaged")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise SnapshotError("it is not a safetensors file: its header does not begin with {")
    header = json.loads(text, object_pairs_hook=_without_twins)
    entries = {name: _entry(name, value) for name, value in header.items() if name != _METADATA}
    _require_gapless(entries.values(), size - 8 - length)
    return {name: _array(file, 8 + length, entry) for name, entry in entries.items()}


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise SnapshotError("its header has a name twice; it is damaged")
    return result


def _entry(name: str, value: Any) -> _Entry:
    """Check what the header says of an array."""
    try:
        kind, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
        whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end)) and len(shape) <= _MOST_DIMENSIONS
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole:
        raise SnapshotError(f"{name[:80]!a}: its header has no type, shape and place of it; it is damaged")
    if kind not in (*_TYPES, "BF16"):
        raise SnapshotError(f"{name[:80]!a}: type {str(kind)[:20]!a} is not read; allowed: {', '.join(_TYPES)}, BF16")
    dtype = _TYPES.get(kind, "bfloat16")
    if math.prod(shape) * _stored(dtype).itemsize != end - begin:
        raise SnapshotError(f"{name[:80]!a}: its shape and type do not fill its {end - begin} bytes; it is damaged")
    return _Entry(dtype, tuple(shape), begin, end)


def _require_gapless(entries: Iterable[_Entry], size: int) -> None:
    """Raise unless the arrays fill ``size`` bytes one after the other."""
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != end:
            raise SnapshotError(f"its arrays overlap or leave a gap at byte {min(end, entry.begin)}; it is damaged")
        end = entry.end
    if end != size:
        raise SnapshotError(f"its arrays take {end} bytes and it has {size}; it is damaged")


def _array(file: BinaryIO, start: int, entry: _Entry) -> np.ndarray:
    data = np.empty(entry.end - entry.begin, np.uint8)
    file.seek(start + entry.begin)
    if file.readinto(memoryview(data)) != len(data):
        raise SnapshotError("it became shorter while it was read")
    values = data.view(_stored(entry.dtype)).reshape(entry.shape)
    if entry.dtype == "bfloat16":
        return np.asarray(np.left_shift(values, 16, dtype=np.uint32)).view(np.float32)
    return values.astype(entry.dtype, copy=False)


def _stored(dtype: str) -> np.dtype:
    """How the elements of a type are stored."""
    return np.dtype({"bfloat16": "<u2", "bool": "u1"}.get(dtype, dtype)).newbyteorder("<")
