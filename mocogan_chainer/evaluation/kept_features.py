"""The features that are kept for what needs more of them than a mean and a covariance: bootstraps and clusterings.

All of them while they take at most 64 MiB, as 2048 features of 2048 numbers do (16 MiB). Of more, an evenly drawn
subset: the rows whose digests are smallest. Which ones these are depends on the rows alone, not on the order or the
process in which they came, so that subsets merge exactly.
"""

from __future__ import annotations

import hashlib
import heapq

import numpy as np

KEPT_BYTES = 64 * 2**20
MOST_ROWS = 1 << 18
"""However short they are: each takes about a hundred bytes besides its numbers."""


def most_rows(dimensions: int) -> int:
    """Return how many rows of so many numbers are kept."""
    return min(max(1, KEPT_BYTES // (4 * dimensions)), MOST_ROWS)


class KeptFeatures:
    """Rows of features, all or an even subset.

    Equal rows stand or fall together, which matters only where many are equal and not all are kept.

    Attributes:
        dimensions: numbers a row.
        limit: the most rows that are kept.
        count: rows that came.
    """

    def __init__(self, dimensions: int, limit: int | None = None):
        """``limit`` None stands for as many float32 rows as 64 MiB hold, 0 for none."""
        self.dimensions = dimensions
        self.limit = most_rows(dimensions) if limit is None else limit
        self.count = 0
        self._heap: list[tuple[int, bytes]] = []  # its first item is the next to go: the largest digest, negated

    @classmethod
    def restored(cls, rows: np.ndarray, count: int) -> KeptFeatures:
        """Return what had kept ``rows`` (n, D) out of ``count``; a subset does not grow."""
        kept = cls(rows.shape[1], len(rows) if len(rows) < count else None)
        kept.update(rows)
        kept.count = count
        return kept

    @property
    def rows(self) -> np.ndarray:
        """float32 ``(n, D)``, in an order that does not depend on the order in which they came; a copy at each call."""
        data = b"".join(row for _, row in sorted(self._heap))
        return np.frombuffer(data, np.float32).reshape(-1, self.dimensions)

    def update(self, features: np.ndarray) -> None:
        """Take rows ``(N, D)`` of any float dtype in; they are kept as float32."""
        for row in features.astype(np.float32):
            data = row.tobytes()
            digest = hashlib.blake2b(data, digest_size=8).digest()
            self._push((-int.from_bytes(digest, "big"), data))
        self.count += len(features)

    def merge(self, other: KeptFeatures) -> None:
        """Take the rows of another one in; the smaller limit holds from then on."""
        self.limit = min(self.limit, other.limit)
        for item in other._heap:
            self._push(item)
        while len(self._heap) > self.limit:
            heapq.heappop(self._heap)
        self.count += other.count

    def _push(self, item: tuple[int, bytes]) -> None:
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)
