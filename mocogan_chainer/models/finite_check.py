"""Whether a step's numbers are finite: flagged where they are made, read when somebody checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import chainer
import numpy as np

from mocogan_chainer import backends
from mocogan_chainer.backends import NonFiniteRecord
from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.errors import NonFiniteError

_AS_MANY = 3
"""Gradients that a message names."""


class FiniteCheck:
    """Flags in which iteration a network's reports and gradients were first not finite.

    Flags are set on the device in stream order, without synchronization, and a recorded step sets them each time it
    runs. On a CPU they are read at once, before the network takes its step, so that nothing is spoiled by it; on a GPU
    by whoever calls :meth:`check`, and weights may be spoiled by then.

    Args:
        device: where the step runs.
        feeds: what happens on the host after a part of the step goes through it.
        iteration: returns how many steps are done.
    """

    def __init__(self, device: chainer.backend.Device, feeds: Feeds, iteration: Callable[[], int]):
        self._device, self._feeds, self._iteration = device, feeds, iteration
        self._before: int | None = None  # steps done before the first one that is checked
        self._count = device.xp.zeros(1, np.int64)  # steps since, as the device counts them
        self._records: dict[tuple[str, ...], _NetworkRecord] = {}

    def begin_step(self) -> None:
        """Count one step more."""
        if self._before is None:
            self._before = self._iteration()
        self._count += 1

    def note(self, network: str, reports: Mapping[str, Array], target: chainer.Link) -> None:
        """Note a network's reports and its gradients, before its step.

        Args:
            network: its name.
            reports: scalars by name.
            target: the network.

        Raises:
            NonFiniteError: one of them is not finite, and the device is a CPU.
        """
        gradients = {name: p.grad for name, p in sorted(target.namedparams()) if p.grad is not None}
        names = (network, *reports, *gradients)
        record = self._records.get(names)
        if record is None:
            record = _NetworkRecord(network, tuple(reports), tuple(gradients), self._device.xp)
            self._records[names] = record
        with np.errstate(all="ignore"):
            record.add(self._count, reports.values(), gradients.values())
        if self._device.xp is np:
            self._feeds.afterwards(self.check)

    def check(self) -> None:
        """Read the flags, which waits for the device.

        Raises:
            NonFiniteError: something was not finite; the message says what was first, in which iteration and network.
        """
        findings = [finding for record in self._records.values() for finding in record.read()]
        if findings:
            first = min(findings, key=lambda finding: finding.step)
            raise NonFiniteError(f"iteration {self._before + first.step}: {first.in_words()}")


@dataclass(frozen=True)
class _Finding:
    """What was not finite in a network's step.

    Attributes:
        network: its name.
        step: the first one, counted from 1.
        reports: of each such report, what it was, and what it was the time before (nan: there was none).
        gradients: parameters whose gradients were not finite.
    """

    network: str
    step: int
    reports: dict[str, tuple[float, float]]
    gradients: list[str]

    def in_words(self) -> str:
        """One line."""
        found = [f"{name} is {value}{_before(last)}" for name, (value, last) in self.reports.items()]
        if self.gradients:
            shown, more = self.gradients[:_AS_MANY], len(self.gradients) - _AS_MANY
            rest = f" and {more} more" if more > 0 else ""
            found.append(f"not finite: the gradient of {', '.join(shown)}{rest}")
        return f"{self.network}: {', '.join(found)}"


def _before(last: float) -> str:
    return f" ({last:.4g} before)" if np.isfinite(last) else ""


class _NetworkRecord:
    """What was first not finite in a network's steps, on its device.

    Args:
        network: its name.
        reports, gradients: names of the numbers, in this order.
        xp: NumPy or CuPy.
    """

    def __init__(self, network: str, reports: tuple[str, ...], gradients: tuple[str, ...], xp: Array):
        self._network, self._reports, self._gradients = network, reports, gradients
        size = len(reports) + len(gradients)
        self._record = NonFiniteRecord(
            xp.zeros(size, np.int64), xp.zeros(size, np.float32), xp.full(size, np.nan, np.float32)
        )

    def add(self, step: Array, reports: Iterable[Array], gradients: Iterable[Array]) -> None:
        """Check what a step made, the first of which is 1, without reading it."""
        backends.current().note_non_finite([*reports, *gradients], step, self._record)

    def read(self) -> Iterator[_Finding]:
        """Yield what was first found, if anything was."""
        since = chainer.get_device("@numpy").send(self._record.since)
        if not since.any():
            return
        first = since[since > 0].min()
        value, last = map(chainer.get_device("@numpy").send, (self._record.value, self._record.last))
        numbers = zip(self._reports, value.tolist(), last.tolist(), since, strict=False)
        reports = {name: (value, last) for name, value, last, when in numbers if when == first}
        found = since[len(self._reports) :] == first
        gradients = [name for name, non_finite in zip(self._gradients, found, strict=True) if non_finite]
        yield _Finding(self._network, int(first), reports, gradients)
