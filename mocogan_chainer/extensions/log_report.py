"""The log of a run."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from chainer import training
from chainer.training import extensions

from mocogan_chainer.extensions.sums import Sums
from mocogan_chainer.files import atomic_write, open_plain, open_to_change, os_errors_explained

Row = dict[str, float]

_END = b"\n]\n"


class LogReport(extensions.LogReport):
    """Chainer's report of mean values, whose rows are in the file ``log`` and not in memory.

    The file is a JSON array, one row per line, and whole whenever its run is killed. A snapshot has the rows that the
    file has then, and the sums since the last one; the file of a resumed run begins with the rows of its snapshot,
    without those that were written after it.

    Args:
        trigger: when a row is written.

    Attributes:
        newest: the last row; None before the first one.
    """

    def __init__(self, trigger: Any):
        super().__init__(trigger=trigger)
        self._log_name = None  # Chainer would write all rows of its memory
        self._path: Path | None = None
        self._restored: list[Row] = []
        self.newest: Row | None = None

    @property
    def log(self) -> list[Row]:
        """All rows."""
        return list(self.rows())

    def rows(self) -> Iterator[Row]:
        """Yield the rows from the first to the last; each is read when its turn comes."""
        return _parsed(_texts(self._path))

    def initialize(self, trainer: training.Trainer) -> None:
        """Let the file have the rows of the snapshot that the run goes on from, and no others."""
        self._path = Path(trainer.out) / "log"
        if self._restored:
            _write(self._path, map(_text, self._restored))
            self._restored.clear()
        else:
            with os_errors_explained(self._path):
                self._path.unlink(missing_ok=True)

    def __call__(self, trainer: training.Trainer) -> None:
        """Take in what was reported; write a row where one is due."""
        super().__call__(trainer)
        if self._log:  # where Chainer puts it
            self.newest = self._log.pop()
            _add(self._path, _text(self.newest))

    def serialize(self, serializer: Any) -> None:
        """Save or load the rows, and the sums since the last one."""
        self._summary.serialize(serializer["_summary"])
        if isinstance(serializer, chainer.serializer.Serializer):
            serializer("rows", np.frombuffer(b"\n".join(_texts(self._path)), np.uint8))
            return
        stored = serializer("rows", None)
        earlier = serializer("_log", None)  # where earlier versions put them
        texts = stored.tobytes().splitlines() if earlier is None else map(_text, json.loads(str(earlier)))
        self._restored = list(_parsed(texts))
        self.newest = self._restored[-1] if self._restored else None

    def _init_summary(self) -> None:
        self._summary = Sums()  # Chainer's own would keep a GPU's host busy


def _add(path: Path, text: bytes) -> None:
    """Put a row behind the others, where the file's end was: those of a long run are not written anew each time.

    A file that does not end like a log of ours, as after a loss of power, is: with the rows that are whole.
    """
    if path.is_file() and not path.is_symlink():
        with os_errors_explained(path), open_to_change(path) as file:
            end = max(file.seek(0, os.SEEK_END) - len(_END), 0)
            file.seek(end)
            if file.read() == _END:
                _replace_end(file.fileno(), end, b",\n" + text + _END)
                return
    _write(path, chain(map(_text, _parsed(_texts(path))), [text]))


def _replace_end(handle: int, end: int, text: bytes) -> None:
    """Write from ``end`` on; where that fails, the file is as it was."""
    try:
        os.lseek(handle, end, os.SEEK_SET)
        while text:
            text = text[os.write(handle, text) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, end)
            os.lseek(handle, end, os.SEEK_SET)
            os.write(handle, _END)
        raise


def _write(path: Path, texts: Iterable[bytes]) -> None:
    """Write rows, one after another: the file grows with the run, and memory does not."""
    with atomic_write(path) as file:
        before = b"[\n"
        for text in texts:
            file.write(before + text)
            before = b",\n"
        file.write(_END)


def _text(row: Row) -> bytes:
    return json.dumps(row).encode()


def _texts(path: Path) -> Iterator[bytes]:
    """Yield the rows of a file as they stand there; none where there is no file."""
    try:
        with open_plain(path) as file:
            yield from (line.rstrip(b",\n") for line in file if line.startswith(b"{"))
    except FileNotFoundError:
        return


def _parsed(texts: Iterable[bytes]) -> Iterator[Row]:
    """Yield rows, without what somebody else has made of some."""
    for text in texts:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if "iteration" in row and all(map(_is_number, row.values())):
            yield row


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 63)
