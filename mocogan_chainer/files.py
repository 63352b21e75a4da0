"""Files and folders that are either whole or not there.

Results are written next to their final place, brought to the disk and renamed, so that a killed run, a full disk or a
failing power leaves what was there before. Errors of the operating system become
:class:`~mocogan_chainer.errors.OutputError`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mocogan_chainer.errors import OutputError

_PART = ".part"
_LONGEST_PART = 160
"""Bytes of a text in a name, which has more parts."""


def part_of_name(text: str) -> str:
    """Return a text as it may be part of a file's name: letters, digits, "-" and "_", which stands for all else.

    Of a long text it is the beginning: names of more than 255 bytes are refused by most file systems.
    """
    return re.sub(r"[^\w-]+", "_", text).encode()[:_LONGEST_PART].decode(errors="ignore")


@contextlib.contextmanager
def os_errors_explained(path: str | os.PathLike) -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into an :class:`OutputError` that says what to do."""
    try:
        yield
    except IsADirectoryError as error:
        what = "a folder stands where a file is needed; remove it or choose another name"
        raise OutputError(f"{path}: cannot be written: {what}") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {reason(error)}") from error


def reason(error: OSError) -> str:
    """Say why the system refused, and what to do where that is known."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there; choose another folder or change its permissions"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "a file stands where a folder is needed; choose another folder"
    return error.strerror or str(error)


def open_plain(path: str | os.PathLike) -> BinaryIO:
    """Open a plain file for reading bytes. Links are followed; a pipe or a device could keep us waiting forever.

    Raises:
        OSError: it is missing, cannot be opened, or is something else than a plain file.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    handle = os.open(path, flags)
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a plain file but a pipe or a device", str(path))


def read_plain(path: str | os.PathLike, most: int) -> bytes:
    """Return the bytes of a plain file.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        OSError: see :func:`open_plain`; or it has more.
    """
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"more than the {most} bytes that are read of such a file", str(path))
    return data


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Give a binary file whose content appears at ``path`` only when the block ends without an error.

    Raises:
        OutputError: the folder cannot be written or the disk is full; ``path`` is then as it was before.
    """
    path = Path(path)
    with os_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PART, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder next to ``path`` that takes its name when the block ends without an error.

    Args:
        path: the final folder.
        force: replace what stands at ``path`` (only at the very end).

    Raises:
        OutputError: ``path`` exists and ``force`` is false, or it cannot be written.
    """
    path = Path(path)
    if not force and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path}: it exists already; use --force to replace it, or choose another folder")
    with os_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_PART, dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            sync_content(temporary)
            put_folder(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def put_folder(folder: Path, path: Path) -> None:
    """Give ``folder`` the name ``path`` beside it, in place of what stands there, which is back after a failure."""
    if not os.path.lexists(path):
        folder.replace(path)
        sync_folder(path.parent)
        return
    away = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    old = away / path.name
    try:
        path.replace(old)
        folder.replace(path)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(path):
            old.replace(path)
        with contextlib.suppress(OSError):
            away.rmdir()
        raise
    sync_folder(path.parent)
    shutil.rmtree(away, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk: until then a rename in it may be undone when the power fails."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows, which has no such call
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that keeps its names by other means
            raise
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Bring a file's content to the disk."""
    with path.open("r+b") as file:  # Windows syncs no file that is open for reading alone
        os.fsync(file.fileno())


def sync_content(folder: Path) -> None:
    """Bring every file of a folder to the disk, and the folder itself."""
    for path in folder.iterdir():
        if path.is_file():
            sync_file(path)
    sync_folder(folder)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what :func:`atomic_write` left of files named so when it was killed; nobody may be writing them now."""
    for path in folder.glob(f".{pattern}.*{_PART}"):
        path.unlink(missing_ok=True)


def require_room(path: str | os.PathLike, size: int) -> None:
    """Raise :class:`OutputError` where the disk of ``path`` does not have ``size`` bytes left."""
    free = room(path)
    if free < size:
        raise OutputError(
            f"{path}: cannot be written: it takes {mebibytes(size)} and the disk has {mebibytes(free)} left; free some "
            "space or choose another folder"
        )


def sha256(path: str | os.PathLike) -> str:
    """Return a file's SHA-256, 64 hexadecimal digits.

    Raises:
        OSError: see :func:`open_plain`.
    """
    digest = hashlib.sha256()
    with open_plain(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def room(path: str | os.PathLike) -> int:
    """Return how many bytes may be written on the disk where ``path`` is or will be; its folder exists."""
    return shutil.disk_usage(Path(path).parent).free


def mebibytes(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / 2**20:,.{0 if size >= 10 * 2**20 or size == 0 else 2}f} MiB"


def open_to_change(path: Path) -> BinaryIO:
    """Open a file for reading and changing bytes, made where there is none; a link in its place is not followed.

    For files whose names others can foresee: a link there could make us write into any file of ours.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b")


def ensure_writable(folder: str | os.PathLike) -> Path:
    """Make ``folder`` and check that files can be written into it; return it as a path.

    Raises:
        OutputError: it cannot be made or written.
    """
    folder = Path(folder)
    with os_errors_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    return folder


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
