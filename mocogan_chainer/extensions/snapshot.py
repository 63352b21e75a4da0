"""Saving the whole run."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from chainer import training

from mocogan_chainer import checkpoint
from mocogan_chainer.files import explained

LATEST = "snapshot_latest.npz"


class Snapshot(training.Extension):
    """Writes ``snapshot_iter_N.npz`` and lets ``snapshot_latest.npz`` be the same file.

    Args:
        config: the resolved config as YAML.
        data: the data's description as plain values.
    """

    def __init__(self, config: str, data: dict[str, Any]):
        self._config, self._data = config, data

    def __call__(self, trainer: training.Trainer) -> None:
        """Save the trainer."""
        iteration = trainer.updater.iteration
        path = Path(trainer.out) / f"snapshot_iter_{iteration}.npz"
        checkpoint.save(path, trainer, config=self._config, data=self._data, iteration=iteration)
        with explained(path.parent / LATEST):
            temporary = path.parent / f".{LATEST}.part"
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            try:
                os.link(path, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(path, temporary)
            temporary.replace(path.parent / LATEST)
