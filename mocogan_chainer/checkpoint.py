"""Snapshots that describe themselves.

One ``.npz`` file: the arrays that Chainer's serializers name, under "trainer/", and "meta", a JSON text with the
format's version, the resolved config and the data's description, from which the networks are rebuilt, and a checksum.
No pickles.

The archive has a CRC of each array's bytes. The checksum of its own covers what that does not: that all arrays are
there under their names, with their types and shapes, and go with this meta. SHA-256, as for prepared data: the
processors of the last years have instructions for it, and it takes a fraction of what reading the file does.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from chainer import backend

from mocogan_chainer import npz_files
from mocogan_chainer.errors import DamagedError, MocoganError, SnapshotError, one_line
from mocogan_chainer.files import atomic_write, os_errors_explained, require_room
from mocogan_chainer.shortage import memory_errors_as_shortage

FORMAT = "mocogan-chainer snapshot"
VERSION = 1
_NONE = "#none"
_CHECKSUM = "checksum"
_OVERHEAD = 1 << 9
"""Bytes that the archive takes for each array besides its content, at most."""


@memory_errors_as_shortage("networks", "a snapshot")
def save(path: str | os.PathLike, target: Any, *, config: str, data: dict[str, Any], iteration: int) -> int:
    """Write a snapshot, whole or not at all; when this returns the disk has it.

    Args:
        path: the file.
        target: what to save, usually the trainer; anything with ``serialize``.
        config: the resolved config as YAML.
        data: the data's description as plain values.
        iteration: updates made so far.

    Returns:
        The bytes that it takes, or a little more.

    Raises:
        OutputError: the file cannot be written; where the disk has no room that is known before.
    """
    writer = _Writer({}, "trainer/")
    target.serialize(writer)
    meta = {"format": FORMAT, "version": VERSION, "config": config, "data": data, "iteration": iteration}
    meta[_CHECKSUM] = _checksum(meta, writer.arrays)
    arrays = {"meta": np.array(json.dumps(meta))} | writer.arrays
    size = sum(array.nbytes + len(name) + _OVERHEAD for name, array in arrays.items())
    with os_errors_explained(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        require_room(path, size)
    with atomic_write(path) as file:
        np.savez(file, **arrays)
    return size


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that was read.

    Attributes:
        path: its file.
        config: the resolved config as YAML.
        data: the data's description as plain values.
        iteration: updates made before it.
        arrays: all arrays by name.
    """

    path: str
    config: str
    data: dict[str, Any]
    iteration: int
    arrays: dict[str, np.ndarray]

    def restore(self, target: Any, place: str = "") -> None:
        """Put the saved state into ``target``, which was built from the same config.

        Args:
            target: the trainer, or a part of it that was saved at ``place`` (for example "updater/model:generator").

        Raises:
            SnapshotError: something that the target needs is missing, of another shape, or not what it can take.
        """
        prefix = f"trainer/{place}/" if place else "trainer/"
        try:
            target.serialize(_Reader(self.arrays, prefix, self.path))
        except MocoganError:
            raise
        except Exception as error:  # texts and numbers that nobody wrote there can raise anything where they are used
            raise DamagedError(f"{self.path}: damaged: a value cannot be taken ({one_line(error)})") from error

    def has(self, place: str) -> bool:
        """Whether something was saved at ``place``."""
        return any(name.startswith(f"trainer/{place}/") for name in self.arrays)

    def require_finite(self, place: str) -> None:
        """See to it that the numbers at ``place`` are finite: a network's, before anything is made with it.

        Raises:
            SnapshotError: some are not.
        """
        prefix = f"trainer/{place}/"
        bad = [name for name, array in self.arrays.items() if name.startswith(prefix) and not _is_finite(array)]
        if bad:
            raise SnapshotError(
                f"{self.path}: {len(bad)} of the network's arrays hold numbers that are not finite, the first of them "
                f"{bad[0].removeprefix(prefix)}: training had diverged, or the file was changed; use another snapshot"
            )


def load(path: str | os.PathLike) -> Snapshot:
    """Read a snapshot.

    Raises:
        DamagedError: it is not what was written.
        SnapshotError: no such file, no snapshot, or of a newer format.
    """
    try:
        arrays = npz_files.read(path)
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such snapshot; train.py writes them as result/NAME/snapshot_*.npz") from None
    except OSError as error:
        kind = DamagedError if error.errno == errno.EIO else SnapshotError  # EIO: the disk cannot read its own sectors
        raise kind(f"{path}: cannot be read: {error.strerror}; name a snapshot_*.npz file") from error
    except npz_files.NpzError as error:
        raise DamagedError(f"{path}: not a snapshot, or damaged ({error}); use another one") from error
    if "meta" not in arrays:
        raise SnapshotError(f"{path}: not a snapshot of train.py")
    meta = _meta(path, arrays.pop("meta"))
    if _CHECKSUM in meta and meta[_CHECKSUM] != _checksum(meta, arrays):  # those of earlier versions have none
        raise DamagedError(f"{path}: damaged: its content does not match its checksum; use another snapshot")
    return Snapshot(str(path), meta["config"], meta["data"], meta["iteration"], arrays)


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _checksum(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return the digest of a snapshot: of the meta, and of every array's name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps({k: v for k, v in meta.items() if k != _CHECKSUM}, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(json.dumps([name, array.dtype.str, arrays[name].shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.nbytes else b"")
    return digest.hexdigest()


def _meta(path: str | os.PathLike, text: np.ndarray) -> dict[str, Any]:
    try:
        meta = json.loads(str(text))
        kind, version = meta["format"], meta["version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a snapshot of train.py") from error
    if kind != FORMAT:
        raise SnapshotError(f"{path}: it is a {kind}, not a {FORMAT}")
    if version != VERSION:
        raise SnapshotError(
            f"{path}: its format is version {version} and this program reads version {VERSION}; "
            "use the program's version that wrote it"
        )
    types = {"config": str, "data": dict, "iteration": int}
    for key, kind in types.items():
        if not isinstance(meta.get(key), kind):
            raise DamagedError(f"{path}: damaged: its {key} is missing or of another type; use another snapshot")
    if meta["iteration"] < 0:
        raise DamagedError(f"{path}: damaged: iteration {meta['iteration']}; use another snapshot")
    return meta


class _Writer(chainer.serializer.Serializer):
    """Collects arrays by name; None becomes an empty array of a marked name."""

    def __init__(self, arrays: dict[str, np.ndarray], prefix: str):
        self.arrays, self.prefix = arrays, prefix

    def __getitem__(self, key: str) -> _Writer:
        return _Writer(self.arrays, f"{self.prefix}{key}/")

    def __call__(self, key: str, value: Any) -> Any:
        name = f"{self.prefix}{key.lstrip('/')}"
        if value is None:
            self.arrays[name + _NONE] = np.empty(0, np.uint8)
        else:
            self.arrays[name] = np.asarray(backend.CpuDevice().send(chainer.as_array(value)))
        return value


class _Reader(chainer.serializer.Deserializer):
    """Hands arrays back by name, into the arrays that wait for them where there are some."""

    def __init__(self, arrays: dict[str, np.ndarray], prefix: str, path: str):
        self.arrays, self.prefix, self.path = arrays, prefix, path

    def __getitem__(self, key: str) -> _Reader:
        return _Reader(self.arrays, f"{self.prefix}{key}/", self.path)

    def __call__(self, key: str, value: Any) -> Any:
        name = f"{self.prefix}{key.lstrip('/')}"
        if name + _NONE in self.arrays:
            return None
        if name not in self.arrays:
            if value is None:
                return None
            raise SnapshotError(f"{self.path}: it lacks {name}; it was made with other settings")
        stored = self.arrays[name]
        if isinstance(value, chainer.get_array_types()):
            if value.shape != stored.shape:
                raise SnapshotError(
                    f"{self.path}: {name} has shape {stored.shape} where {value.shape} is needed; it was made with "
                    "other settings"
                )
            if stored.dtype.kind not in "biuf":
                raise SnapshotError(f"{self.path}: {name} holds {stored.dtype} where numbers are needed; it is damaged")
            chainer.backend.copyto(value, stored.astype(value.dtype, copy=False))
            return value
        if value is None or stored.ndim > 0:
            return stored
        try:
            return type(value)(stored.item())
        except (ValueError, TypeError, OverflowError) as error:
            raise SnapshotError(f"{self.path}: {name} holds another type than is needed; it is damaged") from error
