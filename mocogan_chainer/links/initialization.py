"""Initial values of parameters."""

from __future__ import annotations

import contextlib
import contextvars
import math
from collections.abc import Iterator

import numpy as np

DEVIATION = 0.02
"""Standard deviation of initial weights where networks start from a normal distribution (Radford et al., ICLR 2016)."""


# A context variable because families' ``build`` and layers draw weights, and none of them is to pass a limit on.
_left: contextvars.ContextVar[int | None] = contextvars.ContextVar("numbers that may still be drawn", default=None)


class TooManyNumbersError(ValueError):
    """Parameters would have more numbers than :func:`at_most` allows."""


@contextlib.contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Let the weights that are drawn in the block have so many numbers together.

    For settings that came with a file: they must not make us take far more memory than the file has.

    Raises:
        TooManyNumbersError: they would have more; nothing was taken for those beyond.
    """
    token = _left.set(numbers)
    try:
        yield
    finally:
        _left.reset(token)


def _spend(shape: tuple[int, ...]) -> None:
    left = _left.get()
    if left is not None:
        _left.set(left - math.prod(shape))
        if left < math.prod(shape):
            raise TooManyNumbersError(f"weights of shape {shape} are more than may be taken")


def fan_in_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Float32 numbers uniform in +-1 / sqrt(fan_in): what the published networks start from (PyTorch's default)."""
    _spend(shape)
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def initial_weights(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, deviation: float | None = None
) -> np.ndarray:
    """Float32 numbers of N(0, deviation); without a deviation those of :func:`fan_in_uniform`."""
    if deviation is None:
        return fan_in_uniform(rng, shape, fan_in)
    _spend(shape)
    return rng.standard_normal(shape, np.float32) * np.float32(deviation)
