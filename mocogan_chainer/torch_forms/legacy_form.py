"""The form of torch 0.1.9 to 1.5: pickles of a magic number, versions, structure and the storages' keys, then bytes.

Each storage is its number of elements (int64) and the elements, little-endian whatever machine wrote them.
"""

from __future__ import annotations

from typing import Any

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.pickles import nothing_persistent, unpickle
from mocogan_chainer.torch_forms.tensors import RAW, storage_of, view_of
from mocogan_chainer.torch_forms.values import Content, Name, Storage, described, shown
from mocogan_chainer.torch_forms.window import Window

MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read(file: Window) -> Content:
    """Read the structure and where its storages are.

    Raises:
        SnapshotError: it is damaged, or no file of this form.
    """
    try:
        magic = unpickle(file, nothing_persistent)
    except SnapshotError as error:
        raise SnapshotError(f"it is not a file of torch.save, or damaged ({error})") from error
    if magic != MAGIC:
        raise SnapshotError("it is not a file of torch.save: it begins with neither a zip archive nor the magic number")
    version = unpickle(file, nothing_persistent)
    if version != _VERSION:
        raise SnapshotError(f"its format is version {shown(version)}; version {_VERSION} is read")
    unpickle(file, nothing_persistent)  # of the machine that wrote it; nothing here depends on it
    whole: dict[str, Storage] = {}
    root = unpickle(file, lambda pid: _persistent(pid, whole))
    starts = _starts(file, unpickle(file, nothing_persistent), whole)
    return Content(root, lambda key: file.array(starts[key], whole[key].size))


def _persistent(pid: Any, whole: dict[str, Storage]) -> Storage | Name:
    if type(pid) is tuple and len(pid) == 4 and pid[0] == "module" and isinstance(pid[1], Name):
        return pid[1]  # with it stands the source of the class, which nobody runs
    if type(pid) is not tuple or len(pid) != 6 or pid[0] != "storage":
        raise SnapshotError(f"it refers to {described(pid)} that is not a storage; it is refused")
    storage = storage_of(pid[1], pid[2], pid[4])
    if whole.setdefault(storage.key, storage) != storage:
        raise SnapshotError(f"it describes storage {shown(storage.key)} in two ways; it is refused")
    view = pid[5]
    if view is None:
        return storage
    if type(view) is not tuple or len(view) != 3:
        raise SnapshotError(f"it refers to {described(view)} as a view of a storage; it is refused")
    return view_of(storage, view[1], view[2])


def _starts(file: Window, keys: Any, whole: dict[str, Storage]) -> dict[str, int]:
    """Return where each storage's bytes begin, having stepped over all of them."""
    if type(keys) is not list or set(map(type, keys)) - {str} or sorted(keys) != sorted(whole):
        raise SnapshotError("its list of storages is not the one that its tensors use; it is damaged")
    starts = {}
    for key in keys:
        count = int.from_bytes(file.exactly(8), "little")
        if count * RAW[whole[key].dtype].itemsize != whole[key].size:
            raise SnapshotError(
                f"storage {shown(key)} has {count} elements, not {whole[key].size} bytes; it is damaged"
            )
        file.require(file.tell(), whole[key].size)
        starts[key] = file.tell()
        file.seek(starts[key] + whole[key].size)
    return starts
