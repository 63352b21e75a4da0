"""The form since torch 1.6: an uncompressed zip archive of the pickle and a member for each storage, in one folder."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.pickles import unpickle
from mocogan_chainer.torch_forms.tensors import storage_of
from mocogan_chainer.torch_forms.values import Content, Storage, described, shown
from mocogan_chainer.torch_forms.window import Window

START = b"PK\x03\x04"
_LOCAL_HEADER = 30
_LONGEST_DIRECTORY = 4 << 20
_CHUNK = 1 << 20
_ORDERS = {b"little": "<", b"big": ">"}


def read(file: Window) -> Content:
    """Read the archive's structure; storages are read when they are needed.

    Raises:
        SnapshotError: it is damaged, or no archive that torch.save writes.
    """
    archive = zipfile.ZipFile(Window(file.file, longest=_LONGEST_DIRECTORY))
    members = _members(archive)

    def load(name: str) -> np.ndarray:
        return _bytes(archive, members[name])

    def storage(pid: Any) -> Storage:
        if type(pid) is not tuple or len(pid) != 5 or pid[0] != "storage":
            raise SnapshotError(f"it refers to {described(pid)} that is not a storage; it is refused")
        whole = storage_of(pid[1], pid[2], pid[4])
        member = members.get(f"data/{whole.key}")
        has = member.file_size if member else "none"
        if has != whole.size:
            raise SnapshotError(f"storage {shown(whole.key)} needs {whole.size} bytes and has {has}; it is damaged")
        return whole

    order = bytes(load("byteorder")) if "byteorder" in members else b"little"
    if order not in _ORDERS:
        raise SnapshotError(f"its byte order is {shown(order)}; little and big are read")
    root = unpickle(Window(io.BytesIO(load("data.pkl"))), storage)
    return Content(root, lambda key: load(f"data/{key}"), _ORDERS[order])


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their name within the archive's one folder, each checked to be plain and on its own."""
    infos = archive.infolist()
    folders = [name.removesuffix("data.pkl") for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise SnapshotError(f"it is not a file of torch.save: it has {len(folders)} members called data.pkl")
    members = {}
    for info in infos:
        name = info.filename.removeprefix(folders[0])
        parts = PurePosixPath(info.filename).parts
        if name == info.filename or ".." in parts or "/" in parts or "\\" in name or name in members:
            raise SnapshotError(f"it has a member {shown(info.filename)} outside its folder or twice; it is refused")
        if info.flag_bits & 1 or info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise SnapshotError(f"its member {shown(name)} is compressed or encrypted, which torch.save never does")
        members[name] = info
    if "constants.pkl" in members:
        raise SnapshotError("it is a TorchScript program; save the network's state_dict() with torch.save instead")
    infos.sort(key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in infos[1:]), archive.start_dir]
    for info, end in zip(infos, ends, strict=True):
        if info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.file_size > end:
            raise SnapshotError(f"its member {shown(info.filename)} overlaps another; it is refused")
    return members


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Return a member's bytes, uint8, read piece by piece and checked by their sum."""
    data = np.empty(info.file_size, np.uint8)
    left = memoryview(data)
    with archive.open(info) as member:
        while left and (count := member.readinto(left[:_CHUNK])):
            left = left[count:]
    if left:
        raise SnapshotError(f"its member {shown(info.filename)} ends too early; the file is damaged")
    return data
