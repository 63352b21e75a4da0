"""A bias and the rectifier that follows it, in one pass."""

from __future__ import annotations

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check

from mocogan_chainer import backends
from mocogan_chainer.functions.rectifier import RectifierGradient


def bias_leaky_relu(x: Variable, b: Variable, slope: float) -> Variable:
    """Add ``b`` (C,) to ``x`` (N, C, *size), then multiply what is negative by ``slope`` in [0, 1]; 1 is no rectifier.

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _BiasRectify(slope).apply((x, b))[0]


class _BiasRectify(FunctionNode):
    """(x, b) -> y."""

    def __init__(self, slope: float):
        self.slope = slope

    def check_type_forward(self, in_types):
        x, b = in_types
        type_check.expect(x.dtype.kind == "f", b.dtype == x.dtype, x.ndim >= 2, b.ndim == 1, b.shape[0] == x.shape[1])

    def forward(self, inputs):
        x, b = inputs
        xp = get_array_module(x)
        one, zero = xp.ones_like(b), xp.zeros_like(b)
        y = backends.current().normalize_rectify(x, one, b, zero, one, 0.0, self.slope, None)
        # One byte per number, not x; in y's memory order on CuPy too.
        self.positive = None if self.slope == 1 else xp.moveaxis(xp.moveaxis(y, 1, -1) > 0, -1, 1)
        return (y,)

    def backward(self, indexes, grad_outputs):
        (g,) = (
            grad_outputs if self.positive is None else RectifierGradient(self.positive, self.slope).apply(grad_outputs)
        )
        gradients = (lambda: g, lambda: _sum(g))
        return tuple(gradients[index]() for index in indexes)


def _sum(g: Variable) -> Variable:
    """(N, C, *size) -> (C,)."""
    if chainer.config.enable_backprop or not g.size:
        return F.sum(g, axis=(0, *range(2, g.ndim)))
    mean, _ = backends.current().moments(g.array)  # a plain sum of so many float32 numbers is slower and loses digits
    return Variable(mean * (g.size // g.shape[1]), requires_grad=False)
