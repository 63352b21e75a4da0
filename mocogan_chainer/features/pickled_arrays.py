"""Reads NumPy arrays out of a pickle without running anything in it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.files import open_plain
from mocogan_chainer.torch_forms.pickles import nothing_persistent, unpickle
from mocogan_chainer.torch_forms.values import Name, Placeholder, described, shown
from mocogan_chainer.torch_forms.window import Window

MOST_BYTES = 64 << 20
"""Of a file; the arrays in it take no more."""
MOST_PARTS = 10_000
"""Arrays and dicts in a file, each counted as often as it is held."""
_LONGEST_NAME = 200


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the float32 arrays of a pickle that holds nothing but dicts of dicts of them.

    Args:
        path: the file.

    Returns:
        The arrays by the keys that lead to them, joined by "/"; read-only.

    Raises:
        SnapshotError: the file is missing, damaged or larger than ``MOST_BYTES``, holds or calls anything else.
    """
    try:
        with open_plain(path) as file:
            window = Window(file)
            if window.size > MOST_BYTES:
                raise SnapshotError(f"it has {window.size} bytes where at most {MOST_BYTES} are read")
            return _arrays_of(unpickle(window, nothing_persistent, _rebuild))
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise SnapshotError(f"{path}: not a pickle of arrays, or damaged ({shown(one_line(error), 200)})") from error


class _DType(Placeholder):
    """A dtype: its code, and as the state its byte order."""

    __slots__ = ("code",)

    def __init__(self, code: Any):
        super().__init__(Name("numpy.dtype"))
        self.code = code


class _Array(Placeholder):
    """An array: as the state its shape, dtype, order and bytes."""

    __slots__ = ()


def _rebuild(name: Name, arguments: Any) -> Placeholder:
    """Return what stands for one of the two calls that a pickled array makes."""
    if name.path not in _CALLS:
        raise SnapshotError(f"it calls {name}, which is refused")
    if type(arguments) is not tuple or len(arguments) != 3:
        raise SnapshotError(f"it calls {name} with arguments that NumPy does not write; it is refused")
    return _CALLS[name.path](arguments[0])


_CALLS: dict[str, Callable[[Any], Placeholder]] = {
    "numpy.dtype": _DType,
    "numpy.core.multiarray._reconstruct": lambda _kind: _Array(Name("numpy.ndarray")),
    "numpy._core.multiarray._reconstruct": lambda _kind: _Array(Name("numpy.ndarray")),
}


def _arrays_of(root: Any) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    waiting = [("", root)]
    visited = 0
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, dict):
            arrays[path] = _array(path, value)
            continue
        visited += 1 + len(value)
        if visited > MOST_PARTS:
            raise SnapshotError(f"it has more than {MOST_PARTS} parts, or dicts that hold each other; it is refused")
        waiting.extend((_joined(path, key), inner) for key, inner in reversed(value.items()))
    return arrays


def _joined(path: str, key: str) -> str:
    if len(path) + len(key) > _LONGEST_NAME:
        raise SnapshotError(f"it has a name of more than {_LONGEST_NAME} letters; it is refused")
    return f"{path}/{key}" if path else key


def _array(path: str, value: Any) -> np.ndarray:
    if not isinstance(value, _Array):
        raise SnapshotError(f"{shown(path) or 'it'} is {described(value)} where an array should be; it is refused")
    if type(value.state) is not tuple or len(value.state) != 5:
        raise SnapshotError(f"{shown(path)}: an array without its values; the file is damaged")
    _version, shape, dtype, is_fortran, data = value.state
    if not isinstance(dtype, _DType) or dtype.code != "f4" or type(dtype.state) is not tuple or dtype.state[1] != "<":
        raise SnapshotError(f"{shown(path)}: an array that is not of little-endian float32, which is refused")
    sizes = shape if type(shape) is tuple else (None,)
    if not all(type(size) is int and size >= 0 for size in sizes) or is_fortran is not False:
        raise SnapshotError(f"{shown(path)}: an array of another layout than NumPy's usual one, which is refused")
    if type(data) is not bytes or len(data) != 4 * math.prod(sizes):
        raise SnapshotError(f"{shown(path)}: its shape is {shown(shape)} and its values do not fit; it is damaged")
    return np.frombuffer(data, "<f4").reshape(sizes)
