"""What the user sees while training: a table of losses, and a progress bar where there is a terminal."""

from __future__ import annotations

import shutil
from typing import Any

from chainer import training
from tqdm import tqdm

from mocogan_chainer.extensions.lines import write_line
from mocogan_chainer.extensions.triggers import StopTrigger

_SHORT = {"generator": "gen", "image_discriminator": "img", "video_discriminator": "vid"}


class LossTable(training.Extension):
    """Prints a row of the log: iteration, epoch, seconds, then every loss that the networks report."""

    def __init__(self) -> None:
        self._columns: list[str] | None = None

    def __call__(self, trainer: training.Trainer) -> None:
        """Print the newest row, before the first one the header."""
        row = trainer.get_extension("LogReport").newest
        if self._columns is None:
            self._columns = [name for name in sorted(row) if name.endswith("loss")]
            header = ["iteration", "epoch", "seconds", *map(_heading, self._columns)]
            write_line("  ".join(f"{name:>{_width(name)}}" for name in header))
        cells = [
            f"{row['iteration']:>9}",
            f"{trainer.updater.epoch_detail:>8.2f}",
            f"{row['elapsed_time']:>8.0f}",
        ]
        cells += [f"{_number(row.get(name, float('nan'))):>{_width(_heading(name))}}" for name in self._columns]
        write_line("  ".join(cells))


class Progress(training.Extension):
    """A progress bar with the time left; nothing where the output is not a terminal."""

    def __init__(self, stop: StopTrigger):
        self._stop = stop
        self._bar: Any = None

    def initialize(self, trainer: training.Trainer) -> None:
        """Show the bar, at the place where a resumed run goes on."""
        columns = min(shutil.get_terminal_size().columns, 100)
        form = "{percentage:3.1f}% |{bar}| {elapsed} passed, {remaining} left"
        start = self._stop.fraction(trainer)
        self._bar = tqdm(total=1.0, initial=start, bar_format=form, ncols=columns, disable=None, leave=False)

    def __call__(self, trainer: training.Trainer) -> None:
        """Move the bar."""
        self._bar.update(min(self._stop.fraction(trainer), 1.0) - self._bar.n)

    def finalize(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _heading(name: str) -> str:
    network, _, value = name.partition("/")
    short = _SHORT.get(network, network.replace("discriminator", "dis"))
    return f"{short}/{value.removesuffix('_loss')}"


def _number(value: float) -> str:
    return f"{value:.4f}" if not abs(value) >= 1000 else f"{value:.2e}"


def _width(heading: str) -> int:
    return max(len(heading), 8)
