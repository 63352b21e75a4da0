"""Loss curves as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from chainer import training

from mocogan_chainer.extensions.log_report import Row
from mocogan_chainer.files import atomic_write

MOST = 400
"""Points of a curve: its panel has about twice as many pixels, and what drawing takes does not grow with the run."""


class LossPlot(training.Extension):
    """Draws what the networks report, a panel each, to ``losses.png``.

    Of a long log a point of a curve stands for several rows: the line has their mean, the band reaches from the least
    to the greatest of them.
    """

    def __init__(self) -> None:
        # Not before, as it takes a third of the time that commands need to start, and not when memory may be short.
        from matplotlib.figure import Figure

        self._new_figure = Figure

    def __call__(self, trainer: training.Trainer) -> None:
        """Draw the log as it is."""
        curves = _curves(trainer.get_extension("LogReport").rows())
        if not curves:  # the first row is still to come
            return
        networks = sorted({name.split("/")[0] for name in curves})
        figure = self._new_figure(figsize=(8, 2.6 * len(networks)), layout="constrained")
        panels = figure.subplots(len(networks), 1, sharex=True, squeeze=False)[:, 0]
        for panel, network in zip(panels, networks, strict=True):
            for name, curve in sorted(curves.items()):
                if name.startswith(f"{network}/"):
                    iterations, means, least, greatest, _ = zip(*curve.points, strict=True)
                    (line,) = panel.plot(iterations, means, label=name.split("/")[1], linewidth=1)
                    panel.fill_between(iterations, least, greatest, color=line.get_color(), alpha=0.2, linewidth=0)
            panel.set_title(network)
            panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
            panel.grid(alpha=0.3)
        panels[-1].set_xlabel("iteration")
        with atomic_write(Path(trainer.out) / "losses.png") as file:
            figure.savefig(file, format="png", dpi=100)


class Point(NamedTuple):
    """Some rows in a row: their mean iteration, the values' mean, least and greatest, and how many rows they are."""

    iteration: float
    mean: float
    least: float
    greatest: float
    rows: int

    def with_next(self, other: Point) -> Point:
        """Return these rows and those that follow them as one point."""
        rows = self.rows + other.rows
        iteration, mean = ((a * self.rows + b * other.rows) / rows for a, b in zip(self[:2], other[:2], strict=True))
        return Point(iteration, mean, min(self.least, other.least), max(self.greatest, other.greatest), rows)


class Curve:
    """Values of one kind, of a log of any length.

    Attributes:
        points: at most :data:`MOST`, of as many rows each, the last one perhaps of fewer.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._rows = 1  # of a point

    def add(self, iteration: int, value: float) -> None:
        """Add the next row's value."""
        point = Point(iteration, value, value, value, 1)
        if self.points and self.points[-1].rows < self._rows:
            self.points[-1] = self.points[-1].with_next(point)
            return
        if len(self.points) == MOST:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [first.with_next(second) for first, second in pairs]
            self._rows *= 2
        self.points.append(point)


def _curves(rows: Iterable[Row]) -> dict[str, Curve]:
    """Return the curves of whatever networks report, by its name."""
    curves: dict[str, Curve] = {}
    for row in rows:
        for name in filter(lambda name: "/" in name, row):
            curves.setdefault(name, Curve()).add(row["iteration"], row[name])
    return curves
