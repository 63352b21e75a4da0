"""Initial values of parameters."""

from __future__ import annotations

import numpy as np

DEVIATION = 0.02
"""Standard deviation of initial weights where networks start from a normal distribution (Radford et al., ICLR 2016)."""


def fan_in_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Float32 numbers uniform in +-1 / sqrt(fan_in): what the published networks start from (PyTorch's default)."""
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def initial_weights(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, deviation: float | None = None
) -> np.ndarray:
    """Float32 numbers of N(0, deviation); without a deviation those of :func:`fan_in_uniform`."""
    if deviation is None:
        return fan_in_uniform(rng, shape, fan_in)
    return rng.standard_normal(shape, np.float32) * np.float32(deviation)
