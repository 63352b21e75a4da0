"""The form before torch 0.1.9: an uncompressed tar archive of storages, tensors and the pickle that refers to them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.pickles import nothing_persistent, unpickle
from mocogan_chainer.torch_forms.tensors import storage_of, tensor_of, view_of
from mocogan_chainer.torch_forms.values import Content, Name, Storage, Tensor, described, shown
from mocogan_chainer.torch_forms.window import Window

_BLOCK = 512


def recognized(file: Window) -> bool:
    """Whether a file begins as a tar archive does."""
    file.seek(257)
    return file.read(5) == b"ustar"


def read(file: Window) -> Content:
    """Read the archive's structure; storages are read when they are asked for.

    Raises:
        SnapshotError: it is damaged, or no archive that torch.save wrote.
    """
    members = _members(file)
    if not {"storages", "tensors", "pickle"} <= members.keys():
        raise SnapshotError("it is a tar archive, but none of torch.save: it lacks storages, tensors or pickle")
    whole, storages = _storages(members["storages"])
    tensors = _tensors(members["tensors"], storages)

    def persistent(pid: Any) -> Tensor | Storage | Name:
        if type(pid) is tuple and pid and isinstance(pid[0], Name):
            return pid[0]  # a class; with it stands its source, which nobody runs
        number = int(pid) if type(pid) in (int, str) else None
        if number in tensors:
            return tensors[number]
        if number in storages:
            return storages[number]
        raise SnapshotError(f"it refers to {described(pid)} that is no tensor; it is refused")

    def load(key: str) -> np.ndarray:
        start, size = whole[key]
        return members["storages"].array(start, size)

    return Content(unpickle(members["pickle"], persistent), load)


def _members(file: Window) -> dict[str, Window]:
    """Return the plain files of the archive, up to the empty block that ends it."""
    members: dict[str, Window] = {}
    at = 0
    while True:
        file.seek(at)
        header = file.exactly(_BLOCK)
        if not header.strip(b"\0"):
            return members
        name = header[:100].rstrip(b"\0").decode("ascii", "replace")
        size = int(header[124:136].rstrip(b" \0") or b"0", 8)
        file.require(at + _BLOCK, size)
        if header[156:157] in b"0\0":
            if name in members:
                raise SnapshotError(f"it has a member {shown(name)} twice; it is refused")
            members[name] = Window(file.file, at + _BLOCK, size)
        elif header[156:157] not in b"xg":
            raise SnapshotError(f"its member {shown(name)} is no plain file; it is refused")
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK


def _storages(file: Window) -> tuple[dict[str, tuple[int, int]], dict[int, Storage]]:
    """Return where the storages' bytes are, (start, size) by key, and the storages and their views by number."""
    whole: dict[str, tuple[int, int]] = {}
    storages: dict[int, Storage] = {}
    for _ in range(_count(file)):
        number, _location, kind = _listed(unpickle(file, nothing_persistent), 3)
        count = int.from_bytes(file.exactly(8), "little")
        storage = storage_of(kind, str(_number(number)), count)
        file.require(file.tell(), storage.size)
        whole[storage.key] = file.tell(), storage.size
        storages[number] = storage
        file.seek(file.tell() + storage.size)
    views = unpickle(file, nothing_persistent)
    for view in views if isinstance(views, list) else ():
        target, root, offset, count = _listed(view, 4)
        storages[_number(target)] = view_of(_known(storages, root), offset, count)
    return whole, storages


def _tensors(file: Window, storages: dict[int, Storage]) -> dict[int, Tensor]:
    tensors = {}
    for _ in range(_count(file)):
        number, storage, _kind = _listed(unpickle(file, nothing_persistent), 3)
        dimensions = int.from_bytes(file.exactly(8)[:4], "little")  # the upper half was never set
        numbers = struct.unpack(f"<{2 * dimensions + 1}q", file.exactly(8 * (2 * dimensions + 1)))
        shape, strides = numbers[:dimensions], numbers[dimensions:-1]
        tensors[_number(number)] = tensor_of(_known(storages, storage), numbers[-1], shape, strides)
    return tensors


def _count(file: Window) -> int:
    return _number(unpickle(file, nothing_persistent))


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise SnapshotError(f"it has {described(value)} where a number should be; it is damaged")
    return value


def _listed(value: Any, count: int) -> tuple | list:
    if type(value) not in (tuple, list) or len(value) != count:
        raise SnapshotError(f"it has {described(value)} where {count} values should be; it is damaged")
    return value


def _known(storages: dict[int, Storage], number: Any) -> Storage:
    if _number(number) not in storages:
        raise SnapshotError(f"it refers to storage {number}, which it does not have; it is damaged")
    return storages[number]
