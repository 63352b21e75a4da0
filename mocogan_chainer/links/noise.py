"""Where noise and dropout come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainer
import numpy as np

from mocogan_chainer.backends import Noise
from mocogan_chainer.backends.base import Array

_TURN = 2**40
"""Requests that a turn of the run may make; one at 100 a step has room for ten thousand million steps."""


def _number(draw: Callable[[], np.generic]) -> int:
    return draw().item()


class NoiseSource:
    """Owns the random stream of the noise that networks add, and of the choices of their dropout.

    The stream is counted, not stateful: the k-th request gives the same numbers whatever was asked for before, so that
    its whole state is one number.

    Args:
        seed: the stream's seed.

    Attributes:
        take_number: makes a key of what draws it; a step that is recorded has its own way
            (:meth:`mocogan_chainer.backends.feeds.Feeds.take_number`).
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.requests = 0
        self.take_number: Callable[[Callable[[], np.generic]], int | Array] = _number

    def draw(self, sigma: float) -> Noise | None:
        """Return fresh noise of standard deviation ``sigma``; none in evaluation mode."""
        key = self.draw_key() if sigma != 0 else None
        return None if key is None else Noise(key, sigma)

    def draw_key(self) -> int | Array | None:
        """Return a fresh key of 64 bits, for noise or for dropout; None in evaluation mode."""
        return self.take_number(self._next_key) if chainer.config.train else None

    def _next_key(self) -> np.uint64:
        key = np.random.SeedSequence([self.seed, self.requests]).generate_state(1, np.uint64)[0]
        self.requests += 1
        return key

    def renew(self, turn: int) -> None:
        """Go to where the numbers of another turn of the run begin, far from those of the turns before."""
        self.requests = turn * _TURN

    def serialize(self, serializer: Any) -> None:
        """Save or load how many requests were answered."""
        self.requests = int(serializer("requests", self.requests))
