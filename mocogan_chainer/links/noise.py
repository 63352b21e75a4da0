"""Gaussian instance noise."""

from __future__ import annotations

from typing import Any

import chainer
import numpy as np

from mocogan_chainer.backends import Noise


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

    def draw(self, sigma: float) -> Noise | None:
        """Return fresh noise of standard deviation ``sigma``; none in evaluation mode."""
        if not chainer.config.train or sigma == 0:
            return None
        key = np.random.SeedSequence([self.seed, self.requests]).generate_state(1, np.uint64)[0]
        self.requests += 1
        return Noise(int(key), sigma)

    def serialize(self, serializer: Any) -> None:
        """Save or load how many requests were answered."""
        self.requests = int(serializer("requests", self.requests))
