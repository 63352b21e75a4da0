"""Reads the arrays in PyTorch's files without PyTorch and without executing anything.

The zip form that torch.save writes since 1.6: an archive with a pickle of the structure and one member a storage.
"""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from typing import Any

import numpy as np

from mocogan_chainer.errors import SnapshotError

_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a state dict saved by ``torch.save``.

    Returns:
        The arrays by name, in the file's order.

    Raises:
        SnapshotError: the file is missing, damaged, of another form, or names anything but tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise SnapshotError(f"{path}: no file of torch.save (it holds no data.pkl)")
            prefix = pickles[0].removesuffix("data.pkl")
            state = _Unpickler(io.BytesIO(archive.read(pickles[0])), archive, prefix).load()
    except SnapshotError:
        raise
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such file") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise SnapshotError(f"{path}: not a state dict of torch.save, or damaged ({error})") from error
    if not isinstance(state, dict) or not all(isinstance(v, np.ndarray) for v in state.values()):
        raise SnapshotError(f"{path}: it holds more than tensors by name; save the network's state_dict() alone")
    return dict(state)


class _Unpickler(pickle.Unpickler):
    """Knows tensors, storages and ordered dicts; refuses every other name."""

    def __init__(self, file: io.BytesIO, archive: zipfile.ZipFile, prefix: str):
        super().__init__(file)
        self.archive, self.prefix = archive, prefix

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise SnapshotError(f"the file names {module}.{name}, which is no tensor; it is refused")

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, dtype, key, _location, count = pid
        if kind != "storage" or not str(key).isalnum():
            raise SnapshotError(f"the file refers to a {kind} called {key}, which is no storage; it is refused")
        return np.frombuffer(self.archive.read(f"{self.prefix}data/{key}"), dtype, count)


def _tensor(storage: np.ndarray, offset: int, shape: tuple, stride: tuple, *_ignored: Any) -> np.ndarray:
    """Cut a tensor out of its storage; strides count elements."""
    if min(offset, *shape, *stride, 0) < 0:
        raise SnapshotError("a tensor has a negative offset, size or stride; the file is damaged")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    if 0 not in shape and last >= len(storage):
        raise SnapshotError("a tensor reaches beyond its storage; the file is damaged")
    steps = tuple(s * storage.itemsize for s in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps).copy()
