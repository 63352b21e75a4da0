"""Loss curves as a picture."""

from __future__ import annotations

from pathlib import Path

from chainer import training
from matplotlib.figure import Figure

from mocogan_chainer.files import atomic_write


class LossPlot(training.Extension):
    """Draws what the networks report, a panel each, to ``losses.png``."""

    def __call__(self, trainer: training.Trainer) -> None:
        """Draw the log as it is."""
        log = trainer.get_extension("LogReport").log
        if not log:  # the first row is still to come
            return
        names = sorted({name for row in log for name in row if "/" in name})
        networks = sorted({name.split("/")[0] for name in names})
        figure = Figure(figsize=(8, 2.6 * len(networks)), layout="constrained")
        panels = figure.subplots(len(networks), 1, sharex=True, squeeze=False)[:, 0]
        for panel, network in zip(panels, networks, strict=True):
            for name in names:
                if name.startswith(f"{network}/"):
                    points = [(row["iteration"], row[name]) for row in log if name in row]
                    panel.plot(*zip(*points, strict=True), label=name.split("/")[1], linewidth=1)
            panel.set_title(network)
            panel.legend(loc="upper right")
            panel.grid(alpha=0.3)
        panels[-1].set_xlabel("iteration")
        with atomic_write(Path(trainer.out) / "losses.png") as file:
            figure.savefig(file, format="png", dpi=100)
