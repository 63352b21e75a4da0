"""Dropout whose choice is named by a key."""

from __future__ import annotations

from chainer import FunctionNode, Variable, as_variable

from mocogan_chainer import backends
from mocogan_chainer.backends.base import Array


def dropout(x: Variable | Array, ratio: float, key: int | Array | None) -> Variable:
    """Set numbers to 0 with probability ``ratio`` and multiply the rest by 1 / (1 - ratio).

    Args:
        x: (N, C, *size).
        ratio: in [0, 1).
        key: 64 bits, or a device's array of one uint64, that name which numbers fall
            (:mod:`mocogan_chainer.backends.random`), the same on every backend; None leaves x as it is.

    Returns:
        (N, C, *size).

    Raises:
        ValueError: the ratio is out of its range.
    """
    if not 0 <= ratio < 1:
        raise ValueError(f"ratio={ratio}: the share of numbers that fall is at least 0 and less than 1")
    return as_variable(x) if key is None or ratio == 0 else _Drop(ratio, key).apply((x,))[0]


class _Drop(FunctionNode):
    """x -> y, linear: what falls stands in the key alone, so that no graph holds it."""

    def __init__(self, ratio: float, key: int | Array):
        self.ratio, self.key = ratio, key

    def forward(self, inputs):
        return (backends.current().drop(inputs[0], self.ratio, self.key),)

    def backward(self, indexes, grad_outputs):
        return _Drop(self.ratio, self.key).apply(grad_outputs)
