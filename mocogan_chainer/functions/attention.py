"""Attention whose weights are never all in memory."""

from __future__ import annotations

from collections.abc import Iterator

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check

from mocogan_chainer.backends.base import Array

MOST_WEIGHTS = 1 << 24
"""Attention weights that are held at once; one sequence's are never divided."""


def attention(q: Variable, k: Variable, v: Variable) -> Variable:
    """For each position of a sequence, average ``v`` over all of them by softmax(q k'); the logits are not scaled.

    The backward pass computes the weights again: what is kept is linear in the length.

    Args:
        q: (B, L, D), queries.
        k: (B, M, D), keys.
        v: (B, M, C), values.

    Returns:
        (B, L, C).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _Attention().apply((q, k, v))[0]


class _Attention(FunctionNode):
    """(q, k, v) -> y."""

    def check_type_forward(self, in_types):
        q, k, v = in_types
        type_check.expect(q.dtype.kind == "f", k.dtype == q.dtype, v.dtype == q.dtype)
        type_check.expect(q.ndim == 3, k.ndim == 3, v.ndim == 3)
        type_check.expect(q.shape[0] == k.shape[0], q.shape[2] == k.shape[2])
        type_check.expect(v.shape[0] == k.shape[0], v.shape[1] == k.shape[1])

    def forward(self, inputs):
        self.retain_inputs((0, 1, 2))
        self.retain_outputs((0,))
        q, k, v = inputs
        y = get_array_module(q).empty((*q.shape[:2], v.shape[2]), q.dtype)
        for part in _parts(q, k):
            y[part] = _weights(q[part], k[part]) @ v[part]
        return (y,)

    def backward(self, indexes, grad_outputs):
        q, k, v = inputs = self.get_retained_inputs()
        (gy,) = grad_outputs
        if chainer.config.enable_backprop:
            inputs = [F.identity(variable) for variable in inputs]
            y = F.matmul(F.softmax(F.matmul(inputs[0], inputs[1], transb=True), axis=2), inputs[2])
            return tuple(chainer.grad([y], [inputs[i] for i in indexes], [gy], enable_double_backprop=True))
        (y,) = self.get_retained_outputs()
        gradients = self._gradients(q.array, k.array, v.array, y.array, gy.array)
        return tuple(Variable(gradients[i], requires_grad=False) for i in indexes)

    def _gradients(self, q: Array, k: Array, v: Array, y: Array, gy: Array) -> tuple[Array, Array, Array]:
        xp = get_array_module(q)
        gq, gk, gv = (xp.empty(a.shape, a.dtype) for a in (q, k, v))
        for part in _parts(q, k):
            weights = _weights(q[part], k[part])
            gv[part] = weights.swapaxes(1, 2) @ gy[part]
            g = gy[part] @ v[part].swapaxes(1, 2)
            g -= (gy[part] * y[part]).sum(axis=2, keepdims=True)  # the weighted mean of each row of g
            g *= weights
            gq[part] = g @ k[part]
            gk[part] = g.swapaxes(1, 2) @ q[part]
            del weights, g  # before the next part's are made
        return gq, gk, gv


def _parts(q: Array, k: Array) -> Iterator[slice]:
    """Ranges of sequences whose weights fit in :data:`MOST_WEIGHTS`."""
    step = max(1, MOST_WEIGHTS // (q.shape[1] * k.shape[1]))
    return (slice(first, first + step) for first in range(0, len(q), step))


def _weights(q: Array, k: Array) -> Array:
    """softmax(q k') over the last axis."""
    xp = get_array_module(q)
    weights = q @ k.swapaxes(1, 2)
    weights -= weights.max(axis=2, keepdims=True)
    xp.exp(weights, out=weights)
    weights /= weights.sum(axis=2, keepdims=True)
    return weights
