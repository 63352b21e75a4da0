"""TensorBoard's event files: written so that a kill leaves whole records, read back, and cut where a run goes on.

A record is the length of its message (8 bytes), a checksum of that (4), the message, and a checksum of it (4).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import masked_crc32c

from mocogan_chainer.files import atomic_write, open_plain, os_errors_explained

PATTERN = "events.out.tfevents.*"


class EventFile:
    """A new file of events in a folder.

    What is added is handed to the system by :meth:`flush`, and has reached the disk after :meth:`sync`.

    Args:
        folder: where it goes.
        start: the first step that it may have; TensorBoard hides what other files have from there on.
    """

    def __init__(self, folder: Path, start: int):
        self._path = _new_path(folder)
        with os_errors_explained(self._path):
            self._file = self._path.open("xb")
        self.add(Event(file_version="brain.Event:2"))
        self.add(Event(step=start, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def add(self, event: Event) -> None:
        """Add an event, which gets the present time."""
        event.wall_time = time.time()
        with os_errors_explained(self._path):
            self._file.write(_record(event.SerializeToString()))

    def flush(self) -> None:
        """Hand all to the system: it is in the file even if this process is killed."""
        with os_errors_explained(self._path):
            self._file.flush()

    def sync(self) -> None:
        """Bring all to the disk: it is in the file even if the power fails."""
        self.flush()
        with os_errors_explained(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):  # a full disk is reported by the write that met it
            self._file.close()


def events(path: Path) -> Iterator[Event]:
    """Yield the events of a file up to its end, or to a record that was cut off or damaged."""
    with open_plain(path) as file:
        content = file.read()
    at = 0
    while at + 12 <= len(content):
        (size,) = struct.unpack_from("<Q", content, at)
        (checksum,) = struct.unpack_from("<I", content, at + 8)
        end = at + 16 + size
        if checksum != masked_crc32c(content[at : at + 8]) or end > len(content):
            return
        try:
            yield Event.FromString(content[at + 12 : end - 4])
        except Exception:  # protobuf's DecodeError; the package is tensorboardX's, not ours to import
            return
        at = end


def cut(folder: Path, iteration: int) -> set[str]:
    """Remove from a folder's files what is later than ``iteration``; return the tags that they have of it itself."""
    tags = set()
    for path in sorted(folder.glob(PATTERN)):
        kept = [event for event in events(path) if event.step <= iteration or not event.summary.value]
        tags |= {value.tag for event in kept if event.step == iteration for value in event.summary.value}
        if not any(event.summary.value for event in kept):
            with os_errors_explained(path):
                path.unlink()
            continue
        content = b"".join(_record(event.SerializeToString()) for event in kept)
        if len(content) != path.stat().st_size:
            with atomic_write(path) as file:
                file.write(content)
    return tags


def _new_path(folder: Path) -> Path:
    """Return a name that no file has; by name the files are in the order of their making."""
    now = time.time_ns()
    return folder / f"events.out.tfevents.{now // 10**9:010d}.{now % 10**9:09d}.{socket.gethostname()}.{os.getpid()}"


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    return b"".join(
        [length, struct.pack("<I", masked_crc32c(length)), message, struct.pack("<I", masked_crc32c(message))]
    )
