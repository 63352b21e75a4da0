"""The average of one number a video, with its spread, merged over processes."""

from __future__ import annotations

import math


class Average:
    """Gathers numbers in memory of one size (the pairwise update of Chan, Golub and LeVeque 1979).

    Attributes:
        count: numbers so far.
        mean: their mean; 0 before the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._scatter = 0.0

    @property
    def spread(self) -> float | None:
        """The standard error of the mean, which a bootstrap over the numbers tends to; None for fewer than two."""
        if self.count < 2:
            return None
        return math.sqrt(self._scatter / (self.count - 1) / self.count)

    def add(self, value: float) -> None:
        """Take a finite number in."""
        if not math.isfinite(value):
            raise ValueError(f"{value}: an average takes finite numbers")
        self._join(1, float(value), 0.0)

    def merge(self, other: Average) -> None:
        """Take in what another process gathered; the order of merging changes no more than the last digits."""
        if other.count:
            self._join(other.count, other.mean, other._scatter)

    def _join(self, count: int, mean: float, scatter: float) -> None:
        total = self.count + count
        step = mean - self.mean
        self._scatter += scatter + step * step * self.count * count / total
        self.mean += step * count / total
        self.count = total
