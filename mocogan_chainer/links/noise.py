"""Gaussian instance noise."""

from __future__ import annotations

from typing import Any

import chainer
import numpy as np
from chainer import Variable, backend

from mocogan_chainer import backends


class NoiseSource:
    """Owns the random stream of the noise that discriminators add to what they see.

    The stream is counted, not stateful: the k-th request gives the same numbers whatever was asked for before, so that
    its whole state is one number.

    Args:
        seed: the stream's seed.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.requests = 0

    def add(self, x: Variable, sigma: float) -> Variable:
        """Return ``x`` plus noise of standard deviation ``sigma``; in evaluation mode ``x`` itself."""
        if not chainer.config.train or sigma == 0:
            return x
        xp = backend.get_array_module(x)
        key = np.random.SeedSequence([self.seed, self.requests]).generate_state(1, np.uint64)[0]
        self.requests += 1
        noise = backends.current().normal(_memory_order(x.shape), int(key), xp)
        noise *= sigma
        return x + xp.moveaxis(noise, -1, 1)

    def serialize(self, serializer: Any) -> None:
        """Save or load how many requests were answered."""
        self.requests = int(serializer("requests", self.requests))


def _memory_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The channels-last shape in which activations lie in memory."""
    return (shape[0], *shape[2:], shape[1])
