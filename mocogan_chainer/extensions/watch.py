"""Warnings of a run that goes wrong without ending."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np
from chainer import training

from mocogan_chainer.extensions import failure_signs
from mocogan_chainer.extensions.lines import write_line


class Watch(training.Extension):
    """Warns when a discriminator wins outright, generated videos become alike, or the generator stands still.

    A warning is a line for the user, printed when what it says begins; its number goes to ``also`` at once and to the
    next row of the log.

    Args:
        name: of the network that generates.
        network: that network, as trained.
        also: takes (tag, number, iteration), for example TensorBoard.
        varied: whether the videos that it is shown differ by their codes only.
    """

    priority = training.PRIORITY_EDITOR

    def __init__(self, name: str, network: chainer.Link, also: Callable[[str, float, int], Any], varied: bool):
        self._name, self._network, self._also, self._varied = name, network, also, varied
        self._distances: list[float] = []
        self._seen: dict[str, tuple[int, int]] = {}  # by what was looked at: its digest, and the first iteration of it
        self._looked = 0
        self._doubted: dict[str, int] = {}  # by discriminator: the last iteration that it had doubts in
        self._judged: int | None = None  # the last row's iteration, or where the watch began
        self._due: dict[str, float] = {}

    def initialize(self, trainer: training.Trainer) -> None:
        """Begin to watch, perhaps in the middle of a run."""
        if self._judged is None:
            self._judged = trainer.updater.iteration

    def __call__(self, trainer: training.Trainer) -> None:
        """Judge a new row of the log, and report what was warned of since the last iteration."""
        row = trainer.get_extension("LogReport").newest
        if row is not None and row["iteration"] == trainer.updater.iteration - 1:
            self._judge(row, trainer.updater.certain)
        trainer.observation.update(self._due)
        self._due.clear()

    def look(self, videos: np.ndarray, iteration: int) -> None:
        """Judge what the network generates.

        Args:
            videos: uint8 (N, T, H, W, 3), from the same codes or pictures each time.
            iteration: the present one.
        """
        if self._varied and len(videos) > 1:
            self._judge_distance(failure_signs.distance(videos), iteration)
        weights, shown = failure_signs.weights_digest(self._network), failure_signs.digest(videos)
        stand = [what for what, d in (("weights", weights), ("videos", shown)) if self._stands(what, d, iteration)]
        if stand:
            passed = iteration - self._looked
            line = f"the {self._name} stands still: its {' and '.join(stand)} are those of {passed} iterations before"
            self._warn("frozen", passed, iteration, line)
        self._looked = iteration

    def serialize(self, serializer: Any) -> None:
        """Save or load what was seen."""
        state = {"distances": self._distances, "seen": self._seen, "looked": self._looked}
        state |= {"doubted": self._doubted, "judged": self._judged}
        saves = isinstance(serializer, chainer.serializer.Serializer)
        stored = serializer("state", json.dumps(state) if saves else None)
        if stored is not None and not saves:  # a snapshot of a run that was not watched has none
            state = json.loads(str(stored))
            self._distances, self._looked = state["distances"], state["looked"]
            self._seen = {what: tuple(seen) for what, seen in state["seen"].items()}
            self._doubted, self._judged = state.get("doubted", {}), state.get("judged")  # earlier versions: neither

    def _judge(self, row: failure_signs.Row, certain: tuple[float, float]) -> None:
        """Judge a row: the mean values since the row before."""
        iteration = row["iteration"]
        for network in failure_signs.discriminators(row):
            doubted = self._doubted.setdefault(network, self._judged)
            if not failure_signs.wins(row, network, certain):
                self._doubted[network] = iteration
            elif iteration - doubted >= failure_signs.LONG > self._judged - doubted:
                line = _certainty(network, row, iteration - doubted)
                self._warn(f"{network}_wins", iteration - doubted, iteration, line)
        self._judged = iteration

    def _judge_distance(self, distance: float, iteration: int) -> None:
        self._also("preview/distance", distance, iteration)
        before, self._distances = self._distances, [*self._distances[-failure_signs.REMEMBERED :], distance]
        ratio = failure_signs.shrinkage(self._distances)
        if ratio is not None and (len(before) < 2 or failure_signs.shrinkage(before) is None):
            self._warn(
                "collapse",
                ratio,
                iteration,
                f"the preview's videos are {distance:.3g} of 255 apart, {ratio:.2f} times what they were: different "
                "codes come to look alike",
            )

    def _stands(self, what: str, digest: int, iteration: int) -> bool:
        """Whether it has just been seen to be as at the last look."""
        known, since = self._seen.get(what, (None, 0))
        if digest != known:
            self._seen[what] = digest, iteration
            return False
        return since == self._looked

    def _warn(self, name: str, number: float, iteration: int, line: str) -> None:
        write_line(f"warning: iteration {iteration}: {line}")
        self._also(f"warning/{name}", number, iteration)
        self._due[f"warning_{name}"] = number


def _certainty(network: str, row: failure_signs.Row, iterations: int) -> str:
    names = [name for name in ("real", "fake", "loss") if f"{network}/{name}" in row]
    means = ", ".join(f"{name} {row[f'{network}/{name}']:.3g}" for name in names)
    return f"the {network} has had no doubts for {iterations} iterations ({means}): it wins outright"
