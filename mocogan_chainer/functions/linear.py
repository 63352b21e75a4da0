"""A linear layer on the backend's own matrix product: a step that is recorded on a GPU can hold no other."""

from __future__ import annotations

from math import prod

import chainer.functions as F
from chainer import FunctionNode, Variable, as_variable
from chainer.utils import type_check

from mocogan_chainer import backends


def linear(x: Variable, W: Variable, b: Variable) -> Variable:
    """Multiply the last axis of ``x`` (*axes, K) with ``W`` (O, K) and add ``b`` (O,): (*axes, O).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    x = as_variable(x)
    axes = x.shape[:-1]
    y = _Product().apply((x.reshape(prod(axes), x.shape[-1]), F.transpose(W)))[0]
    return F.bias(y, b, axis=1).reshape(*axes, y.shape[1])


class _Product(FunctionNode):
    """(a, b) -> a b."""

    def check_type_forward(self, in_types):
        a, b = in_types
        type_check.expect(a.dtype.kind == "f", a.dtype == b.dtype, a.ndim == 2, b.ndim == 2, a.shape[1] == b.shape[0])

    def forward(self, inputs):
        self.retain_inputs((0, 1))
        return (backends.current().product(*inputs),)

    def backward(self, indexes, grad_outputs):
        a, b = self.get_retained_inputs()
        (gy,) = grad_outputs
        gradients = (
            lambda: _Product().apply((gy, F.transpose(b)))[0],
            lambda: _Product().apply((F.transpose(a), gy))[0],
        )
        return tuple(gradients[index]() for index in indexes)
