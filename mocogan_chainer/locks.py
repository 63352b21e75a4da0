"""One process per folder or file: locks; a folder's lock says which process holds it.

The lock itself is the system's (``flock``) and ends with its process, however that ends; the text in the file says
who holds it, and is all there is to go by on file systems where locks do not reach other machines.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mocogan_chainer.errors import OutputError
from mocogan_chainer.files import open_to_change, os_errors_explained

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = "lock"
"""Name of the lock file."""


class Owner(NamedTuple):
    """Who holds a lock: the number of the process, and the machine's name."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@contextlib.contextmanager
def own_folder(folder: Path, otherwise: str) -> Iterator[None]:
    """Keep ``folder`` for this process while the block runs.

    A lock that a killed process of this machine left is taken over. One of another machine is not: whether its
    process has ended cannot be seen from here.

    Args:
        folder: made where it is missing.
        otherwise: what the user can do if another process holds it.

    Raises:
        OutputError: another process has it, or may have; the message names it.
    """
    path = folder / LOCK
    with os_errors_explained(path):
        folder.mkdir(parents=True, exist_ok=True)
        file, free = _opened(path)
    us = Owner(os.getpid(), socket.gethostname())
    with file:
        owner = _read(file)
        if free is None:
            free = owner is None or owner.host != us.host or not _alive(owner.pid)
        if not free:
            raise OutputError(f"{folder}: {owner or 'another process'} is at work there; {otherwise}")
        if owner is not None and owner.host != us.host:
            raise OutputError(
                f"{folder}: {owner} was at work there and did not say that it ended; see on {owner.host} whether it "
                f"still runs (ps {owner.pid}), and if not, remove {path}"
            )
        with os_errors_explained(path):
            file.seek(0)
            file.truncate()
            file.write(json.dumps(us._asdict()).encode())
            file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold the file ``path`` for this process alone while the block runs; the system lets go of it if we are killed.

    Raises:
        OutputError: another process holds it; with ``message``.
    """
    with os_errors_explained(path):
        file = open_to_change(path)
    with file:
        try:
            free = _lock(file, path)
        except FileNotFoundError:
            free = False  # a third may by now hold a new one
        if free is False:
            raise OutputError(message)
        yield


def _opened(path: Path) -> tuple[BinaryIO, bool | None]:
    """Open the lock file and lock it; see :func:`_lock`."""
    while True:
        file = open_to_change(path)
        try:
            return file, _lock(file, path)
        except FileNotFoundError:
            file.close()  # the next file of that name may be ours


def _lock(file: BinaryIO, path: Path) -> bool | None:
    """Lock an open file; return whether that succeeded, None where nothing can be locked.

    Raises:
        FileNotFoundError: who held it removed it from ``path`` before letting go.
    """
    try:
        if fcntl is None:
            return None
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    except OSError:
        return None  # a file system without locks
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _read(file: BinaryIO) -> Owner | None:
    """Return who wrote the file; None where it is empty or cut off, as by a process killed while it began."""
    file.seek(0)
    try:
        text = json.loads(file.read(1 << 12))
        return Owner(int(text["pid"]), str(text["host"]))
    except (ValueError, TypeError, KeyError):
        return None


def _alive(pid: int) -> bool:
    """Whether this machine has a process of that number; False on Windows, where asking would end it."""
    if os.name == "nt" or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True
