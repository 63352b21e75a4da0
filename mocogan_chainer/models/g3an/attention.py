"""Factorized self-attention: over time, then over space (G3AN, section 3.2)."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.links import SpectralConvolution

REDUCTION = 8
"""Queries and keys have this part of the channels."""


def narrow_width(channels: int) -> int:
    """Return how many channels queries and keys have, of an input with ``channels``."""
    return max(channels // REDUCTION, 1)


class SelfAttention(chainer.Chain):
    """x + scale * attention(x), over the frames of each place or over the places of each frame.

    The published code lays the attention's output out anew before it is added: numbers that lie by position and
    channel are read as if by channel and, last, time. Its checkpoints depend on that, and so it is kept.

    Args:
        channels: of the input.
        over: "time" or "space".
        rng: draws the initial weights.
    """

    def __init__(self, channels: int, over: str, rng: np.random.Generator):
        super().__init__()
        self.over = over
        narrow = narrow_width(channels)
        with self.init_scope():
            self.query, self.key, self.value = (
                SpectralConvolution(channels, width, (1, 1, 1), 1, 0, 1.0, rng) for width in (narrow, narrow, channels)
            )
            self.scale = chainer.Parameter(np.zeros(1, np.float32))

    def forward(self, x: Variable) -> Variable:
        """(N, channels, T, H, W) -> the same shape."""
        n, channels, length, height, width = x.shape
        q, k, v = (self._sequences(layer(x)) for layer in (self.query, self.key, self.value))
        y = functions.attention(q, k, v).reshape(n, height, width, channels, length)  # as published: see above
        return x + self.scale.reshape(1, 1, 1, 1, 1) * y.transpose(0, 3, 4, 1, 2)

    def _sequences(self, x: Variable) -> Variable:
        """(N, C, T, H, W) -> (N H W, T, C), or (N T, H W, C)."""
        n, channels, length, height, width = x.shape
        if self.over == "time":
            return x.transpose(0, 3, 4, 2, 1).reshape(n * height * width, length, channels)
        return x.transpose(0, 2, 3, 4, 1).reshape(n * length, height * width, channels)


class FactorizedSelfAttention(chainer.Chain):
    """Attention over time, then over space."""

    def __init__(self, channels: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.time = SelfAttention(channels, "time", rng)
            self.space = SelfAttention(channels, "space", rng)

    def forward(self, x: Variable) -> Variable:
        """(N, channels, T, H, W) -> the same shape."""
        return self.space(self.time(x))
