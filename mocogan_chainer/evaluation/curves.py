"""Results that are more than a number, as pictures."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mocogan_chainer.evaluation.metrics.baselines import LABELS
from mocogan_chainer.evaluation.metrics.best_of import BEST, FUTURES
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
    context, others = dict(result.protocol.settings)["context"], result.others
    labels = {"per frame": "evaluated"} | {f"{name} per frame": label for name, label in LABELS.items()}
    if BEST in others:
        labels |= {"per frame": "mean future", f"{BEST} per frame": f"best of {result.counts[FUTURES]} futures"}
    for name in [name for name in labels if name in others]:
        scores = np.array(others[name])
        label = labels[name] + ": equal, so infinite" * (not np.isfinite(scores).any())
        style = "--" if name.startswith(BEST) else "-"  # it may lie on that of the mean
        panel.plot(_frames(context, scores), scores, style, marker="o", markersize=3, label=label)
    if "per frame spread" in others:
        scores, spread = np.array(others["per frame"]), np.array(others["per frame spread"])
        known = np.isfinite(scores) & np.isfinite(spread)
        low, high = (np.where(known, scores + side * np.where(known, spread, 0), np.nan) for side in (-1, 1))
        panel.fill_between(_frames(context, scores), low, high, color="C0", alpha=0.25, label="± standard error")
    if context:
        panel.axvline(context + 1, color="grey", linestyle=":", label="first predicted: 1 of the horizon")
    unit = "PSNR, dB" if result.protocol.metric == "psnr" else "SSIM"
    panel.set(xlabel="frame of the clip", ylabel=unit)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(fontsize=8)


def _frames(context: int, scores: np.ndarray) -> np.ndarray:
    """Return the numbers, from 1, of the frames that are scored."""
    return np.arange(len(scores)) + context + 1


_CURVES = {"prd": _precision_recall, "psnr": _per_frame, "ssim": _per_frame}
