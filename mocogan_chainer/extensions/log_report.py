"""The log of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chainer import training
from chainer.training import extensions

from mocogan_chainer.files import atomic_write


class LogReport(extensions.LogReport):
    """Chainer's report of mean values, whose file is whole at any time and has what the run's history has.

    The rows and the sums since the last one are part of a snapshot. The file of a resumed run begins with the rows of
    its snapshot, without those that were written after it.

    Args:
        trigger: when a row is written.
    """

    def __init__(self, trigger: Any):
        super().__init__(trigger=trigger, filename=None)
        self._written = 0

    def initialize(self, trainer: training.Trainer) -> None:
        """Write the rows of the snapshot that the run goes on from."""
        self._write(trainer)

    def __call__(self, trainer: training.Trainer) -> None:
        """Take in what was reported; write a row where one is due."""
        super().__call__(trainer)
        if len(self.log) > self._written:
            self._write(trainer)

    def _write(self, trainer: training.Trainer) -> None:
        self._written = len(self.log)
        if self.log:
            with atomic_write(Path(trainer.out) / "log") as file:
                file.write(json.dumps(self.log, indent=4).encode())
