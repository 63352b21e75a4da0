"""Sums of what was reported, without a device's work for each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import chainer
import numpy as np
from chainer.reporter import DictSummary

from mocogan_chainer.backends.base import Array

_ROWS = 256
"""Reports are fetched from the device after at most this many iterations."""


class Sums(DictSummary):
    """Chainer's sums of reports, of which those on a device are fetched together when somebody asks.

    Chainer adds a number to its sums as it comes, and on a GPU each addition is a kernel of its own. Here a report is
    copied into one array, at once, because a recorded step overwrites its numbers when it is repeated. Sums are taken
    on the host, in the order of the reports: they are Chainer's numbers, to the last digit where a name always has an
    array, or never. Variables and numbers with weights are added as they come.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[tuple[str, ...], Array]] = []

    def add(self, d: Mapping[str, Any]) -> None:
        """Add a report: scalars, and arrays of no axes, by name."""
        arrays = {k: v for k, v in d.items() if isinstance(v, chainer.get_array_types()) and v.ndim == 0}
        super().add({k: v for k, v in d.items() if k not in arrays})
        for on_one_side in _by_module(arrays):
            self._waiting.append((tuple(on_one_side), _stacked(list(on_one_side.values()))))
        if len(self._waiting) >= _ROWS:
            self._fetch()

    def compute_mean(self) -> dict[str, Any]:
        """Return mean values by name."""
        self._fetch()
        return super().compute_mean()

    def make_statistics(self) -> dict[str, Any]:
        """Return mean values by name, and standard deviations as ``name.std``."""
        self._fetch()
        return super().make_statistics()

    def serialize(self, serializer: Any) -> None:
        """Save or load the sums, in Chainer's form."""
        if isinstance(serializer, chainer.serializer.Serializer):
            self._fetch()
        else:
            self._waiting.clear()
        super().serialize(serializer)

    def _fetch(self) -> None:
        """Add what waits, with one transfer for reports of the same names."""
        rows: dict[tuple[str, ...], list[Array]] = {}
        for names, numbers in self._waiting:
            rows.setdefault(names, []).append(numbers)
        fetched = {names: iter(_on_host(reports)) for names, reports in rows.items()}
        for names, _ in self._waiting:
            super().add(dict(zip(names, next(fetched[names]), strict=True)))
        self._waiting.clear()


def _on_host(reports: list[Array]) -> np.ndarray:
    """(reports, numbers) of arrays of as many numbers."""
    return chainer.get_device("@numpy").send(_stacked(reports))


def _by_module(arrays: Mapping[str, Array]) -> Iterable[dict[str, Array]]:
    """Divide arrays into NumPy's and CuPy's."""
    sides: dict[Any, dict[str, Array]] = {}
    for name, array in arrays.items():
        sides.setdefault(chainer.backend.get_array_module(array), {})[name] = array
    return sides.values()


def _stacked(arrays: list[Array]) -> Array:
    return chainer.backend.get_array_module(*arrays).stack(arrays)
