"""Arrays from untrusted ``.npz`` archives.

Nothing in a file is run, and nothing is unpacked before its sizes are known: what the archive's directory states and
what each array's header says must agree and stay within a limit. A small file cannot ask for much memory.
"""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from mocogan_chainer.errors import one_line
from mocogan_chainer.files import open_plain
from mocogan_chainer.npy_files import Header, NpyError, read_header
from mocogan_chainer.torch_forms.values import shown
from mocogan_chainer.torch_forms.window import Window

TIMES, MORE = 16, 64 << 20
"""Unless said otherwise the arrays of a file may take this many times its size, and this many bytes more."""

_SUFFIX = ".npy"
_KINDS = "biufcSU"  # what np.savez writes without pickles; no records, no dates
_HEADER = 1 << 16
_DIRECTORY = 8 << 20
_CHUNK = 1 << 20


class NpzError(ValueError):
    """A file is not an ``.npz`` archive, is damaged or refused; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class _Member:
    """A packed array: its place in the archive, and what its header says."""

    info: zipfile.ZipInfo
    header: Header


def read(
    path: str | os.PathLike, wanted: Collection[str] | None = None, *, limit: int | None = None
) -> dict[str, np.ndarray]:
    """Read arrays of an archive by their names, each with memory of its own.

    Args:
        path: the file.
        wanted: the only names to read, as far as they are there; None for all, and then nothing but arrays may be in
            the archive.
        limit: bytes that the arrays may take together; None stands for :data:`TIMES` the file's size and :data:`MORE`.

    Raises:
        NpzError: it is not an archive, damaged, too large when unpacked, or holds what ``np.savez`` does not write.
        OSError: the file cannot be opened or read.
    """
    with _opened(path) as archive:
        infos = _named(archive.infolist(), wanted)
        size = sum(info.file_size for info in infos.values())
        if limit is None:
            limit = TIMES * Path(path).stat().st_size + MORE
        if size > limit:
            raise NpzError(f"its arrays would take {size} bytes unpacked, and at most {limit} are read")
        members = {name: _member(archive, info) for name, info in infos.items()}
        return {name: _array(archive, member) for name, member in members.items()}


def names(path: str | os.PathLike) -> set[str]:
    """Return the names of an archive's arrays; no more than its directory is read.

    Raises:
        NpzError: it is not an archive, or damaged.
        OSError: the file cannot be opened or read.
    """
    with _opened(path) as archive:
        return {name.removesuffix(_SUFFIX) for name in archive.namelist() if name.endswith(_SUFFIX)}


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[zipfile.ZipFile]:
    with open_plain(path) as file:
        try:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise NpzError("a single array, not an .npz file of several")
            with zipfile.ZipFile(Window(file, longest=_DIRECTORY)) as archive:
                yield archive
        except (NpzError, OSError):
            raise
        except Exception as error:  # a damaged archive can raise anything
            raise NpzError(shown(one_line(error), 200)) from error


def _named(infos: Iterable[zipfile.ZipInfo], wanted: Collection[str] | None) -> dict[str, zipfile.ZipInfo]:
    """Return the members to read by their arrays' names."""
    seen, named = set(), {}
    for info in infos:
        what = shown(info.filename)
        if info.filename in seen:
            raise NpzError(f"it has {what} twice")
        seen.add(info.filename)
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename:
            raise NpzError(f"{what} lies outside of it")
        name = info.filename.removesuffix(_SUFFIX)
        if wanted is None and name == info.filename:
            raise NpzError(f"{what} is not an array")
        if name == info.filename or (wanted is not None and name not in wanted):
            continue
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NpzError(f"{what} is encrypted, or packed in a way that np.savez and np.savez_compressed do not use")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise NpzError(f"{what} is damaged: it is not packed and has two sizes")
        named[name] = info
    return named


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    """Read an array's header, and see that its size is the one that the directory states."""
    what = shown(info.filename)
    with archive.open(info) as packed:
        start = io.BytesIO(packed.read(_HEADER))
    try:
        header = read_header(start)
    except NpyError as error:
        raise NpzError(f"{what}: {error}") from error
    if header.dtype.kind not in _KINDS:
        raise NpzError(f"{what} holds neither numbers nor text")
    if header.end != info.file_size:
        raise NpzError(f"{what} takes {header.end} bytes by its shape and type where {info.file_size} are stated")
    return _Member(info, header)


def _array(archive: zipfile.ZipFile, member: _Member) -> np.ndarray:
    """Unpack an array piece by piece; its sum is checked at the end."""
    array = np.empty(member.header.shape, member.header.dtype, order=member.header.order)
    left = memoryview(array.reshape(-1, order="A").view(np.uint8) if array.nbytes else b"")
    with archive.open(member.info) as packed:
        packed.read(member.header.size)
        while left and (count := packed.readinto(left[:_CHUNK])):
            left = left[count:]
        more = packed.read(1)  # at the very end zipfile compares the sums
    if left or more:
        raise NpzError(f"{shown(member.info.filename)} ends too early or too late; it is damaged")
    return array
