"""Saving the whole run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainer import training

from mocogan_chainer import checkpoint, snapshot_files
from mocogan_chainer.extensions.lines import write_line
from mocogan_chainer.files import mebibytes, room

SLOW = 20 << 20
"""Bytes a second that a snapshot is expected to be written at before one was."""


class Snapshot(training.Extension):
    """Writes ``snapshot_iter_N.npz``, lets ``snapshot_latest.npz`` be the same file, and removes what need not stay.

    Args:
        config: the resolved config as YAML.
        data: the data's description as plain values.
        size: bytes of a snapshot, about.
        first: brings to the disk what the snapshot will take for written.
        keep_last: how many of the newest snapshots stay; None for all.
        keep_every: older ones of every such iteration stay too; None for none.

    Attributes:
        seconds: that one took at most; before the first, a guess.
    """

    def __init__(
        self,
        config: str,
        data: dict[str, Any],
        *,
        size: int = 0,
        first: Callable[[], None] = lambda: None,
        keep_last: int | None = None,
        keep_every: int | None = None,
    ):
        self._config, self._data, self._first = config, data, first
        self._keep_last, self._keep_every = keep_last, keep_every
        self._measured: float | None = None
        self._guessed = size / SLOW

    @property
    def seconds(self) -> float:
        return self._guessed if self._measured is None else self._measured

    def __call__(self, trainer: training.Trainer) -> None:
        """Save the trainer.

        Raises:
            OutputError: it cannot be written; those before are as they were.
        """
        begin = time.monotonic()
        iteration = trainer.updater.iteration
        path = snapshot_files.place(Path(trainer.out), iteration)
        self._first()
        size = checkpoint.save(path, trainer, config=self._config, data=self._data, iteration=iteration)
        snapshot_files.point_latest(path)
        if self._keep_last is not None:
            snapshot_files.prune(path.parent, self._keep_last, self._keep_every)
        self._warn(path, size)
        self._measured = max(self._measured or 0.0, time.monotonic() - begin)

    def _warn(self, path: Path, size: int) -> None:
        """Warn in time that the next snapshot has no room."""
        free = room(path)
        if free < size:
            write_line(
                f"{path.parent}: the next snapshot takes {mebibytes(size)} and the disk has {mebibytes(free)} left; "
                "free some space, or the run stops there"
            )
