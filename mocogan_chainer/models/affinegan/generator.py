"""What AffineGAN's generators have in common: two encoders, a sum, one decoder, as in its published code."""

from __future__ import annotations

from abc import abstractmethod

import chainer
from chainer import Variable

from mocogan_chainer.backends.base import Array
from mocogan_chainer.models.affinegan import skips

Levels = tuple[Variable, ...]
"""What encoders hand to the decoder: skips, the outermost first, and last the bottleneck; each (N, C, H, W)."""


class Generator(chainer.Chain):
    """Base of the generators. A picture has an inherent part (base) and an expression (residual).

    Args:
        size: height and width of pictures.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    @abstractmethod
    def encode_base(self, x: Variable | Array) -> Levels:
        """Pictures (N, 3, size, size) in [-1, 1] -> their base, without noise."""

    @abstractmethod
    def encode_residual(self, x: Variable | Array) -> Levels:
        """Pictures (N, 3, size, size) in [-1, 1] -> their residual, without noise."""

    @abstractmethod
    def decode(self, levels: Levels) -> tuple[Variable, Variable]:
        """Levels -> pictures (N, 3, size, size) in [-1, 1] and features (N, D).

        In training the noise and the dropout of one run are in it, fresh at each call.
        """

    @abstractmethod
    def feature(self, levels: Levels) -> Variable:
        """Levels -> features (N, D) alone; in training with the noise of one run, fresh at each call."""

    def move(self, base: Levels, residual: Levels, alphas: Variable | Array) -> Levels:
        """Return base + alpha * residual for each alpha.

        Args:
            base, residual: of N pictures.
            alphas: (N, K) float32, those of each picture.

        Returns:
            N * K levels, sample-major.
        """
        return tuple(skips.move(b, r, alphas) for b, r in zip(base, residual, strict=True))

    def forward(self, x: Variable | Array, base_stage: float, temporal_stage: float) -> tuple[Variable, Variable]:
        """One run: base_stage * base + temporal_stage * residual of pictures (N, 3, size, size), decoded.

        Returns:
            Pictures (N, 3, size, size) in [-1, 1] and features (N, D).
        """
        base = _scaled(self.encode_base(x), base_stage) if base_stage else None
        if not temporal_stage and base is not None:
            return self.decode(base)
        residual = _scaled(self.encode_residual(x), temporal_stage)
        if base is None:
            return self.decode(residual)
        return self.decode(tuple(b + r for b, r in zip(base, residual, strict=True)))


def _scaled(levels: Levels, factor: float) -> Levels:
    return levels if factor == 1 else tuple(level * factor for level in levels)
