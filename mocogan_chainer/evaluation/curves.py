"""Results that are more than a number, as pictures."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mocogan_chainer.evaluation.result import Result, shown
from mocogan_chainer.files import atomic_write


def write(path: str | os.PathLike, result: Result) -> bool:
    """Draw a result's curve as PNG; return whether it has one.

    Raises:
        OutputError: the file cannot be written.
    """
    draw = _CURVES.get(result.protocol.metric)
    if draw is None:
        return False
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    panel = figure.subplots()
    draw(panel, result)
    panel.set_title(result.evaluated, fontsize=8)
    panel.grid(alpha=0.3)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=110)
    return True


def _precision_recall(panel: Axes, result: Result) -> None:
    label = f"F8 {shown(result.value, result.spread)}, F1/8 {shown(result.others['F1/8 (precision)'], None)}"
    curve = result.others["recall"], result.others["precision"]
    panel.plot(*curve, linewidth=2, marker="o", markersize=3, label=label, clip_on=False)  # it may be a single point
    panel.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="recall", ylabel="precision")
    panel.legend(loc="center", fontsize=8)


def _per_frame(panel: Axes, result: Result) -> None:
    context = dict(result.protocol.settings)["context"]
    for name, label in (("per frame", "evaluated"), ("copy-last-frame per frame", "copy of the last frame seen")):
        if name in result.others:
            scores = result.others[name]
            if not np.isfinite(scores).any():
                label += ": equal, so infinite"
            panel.plot(range(context + 1, context + 1 + len(scores)), scores, marker="o", markersize=3, label=label)
    unit = "PSNR, dB" if result.protocol.metric == "psnr" else "SSIM"
    panel.set(xlabel="frame", ylabel=unit)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize=8)


_CURVES = {"prd": _precision_recall, "psnr": _per_frame, "ssim": _per_frame}
