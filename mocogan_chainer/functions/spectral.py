"""Spectral normalization of a layer's weights (Miyato et al., ICLR 2018, algorithm 1)."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module

from mocogan_chainer import backends
from mocogan_chainer.backends.base import Array

EPS = 1e-12
"""Vectors are divided by their length, or by this where they are shorter."""


def power_iteration(W: Array, u: Array, v: Array, axis: int) -> None:
    """Turn u and v, in place, towards the singular vectors of W's largest singular value: v = W' u, then u = W v.

    Args:
        W: a layer's weights, as a matrix of rows along ``axis`` and of columns along all other axes, in their order.
        u: (rows,), of length 1.
        v: (columns,); only written.
        axis: 0 or 1.
    """
    xp = get_array_module(W)
    v[...] = _back(W, u, axis)
    v /= xp.maximum(xp.linalg.norm(v), EPS)
    u[...] = _image(W, v, axis)
    u /= xp.maximum(xp.linalg.norm(u), EPS)


def spectral_norm(W: Variable, u: Array, v: Array, axis: int) -> Variable:
    """Divide W by its largest singular value as u and v estimate it, u' W v; both count as constants.

    Args: see :func:`power_iteration`. u and v are copied, so that a later iteration leaves this graph alone.
    """
    return _SpectralNorm(u.copy(), v.copy(), axis).apply((W,))[0]


def _image(W: Array, v: Array, axis: int) -> Array:
    """W v, (rows,)."""
    if not isinstance(W, np.ndarray):
        return image_by_sums(W, v, axis)
    if axis == 0:
        return W.reshape(len(W), -1) @ v
    return (W.reshape(*W.shape[:2], -1) @ v.reshape(len(W), -1, 1)).sum(axis=0)[:, 0]


def _back(W: Array, u: Array, axis: int) -> Array:
    """W' u, (columns,)."""
    if not isinstance(W, np.ndarray):
        return back_by_sums(W, u, axis)
    if axis == 0:
        return u @ W.reshape(len(u), -1)
    return (u @ W.reshape(len(W), len(u), -1)).reshape(-1)


def image_by_sums(W: Array, v: Array, axis: int) -> Array:
    """W v, (rows,), without a matrix product: a step that is recorded on a GPU can hold none of the library's."""
    rest = tuple(other for other in range(W.ndim) if other != axis)
    across = v.reshape([1 if other == axis else size for other, size in enumerate(W.shape)])
    return (W * across).sum(axis=rest)


def back_by_sums(W: Array, u: Array, axis: int) -> Array:
    """W' u, (columns,), in the same way."""
    along = u.reshape([-1 if other == axis else 1 for other in range(W.ndim)])
    return (W * along).sum(axis=axis).ravel()


class _SpectralNorm(FunctionNode):
    """W -> W / (u' W v)."""

    def __init__(self, u: Array, v: Array, axis: int):
        self.u, self.v, self.axis = u, v, axis

    def forward(self, inputs):
        self.retain_inputs((0,))
        (W,) = inputs
        self.sigma = self.u @ _image(W, self.v, self.axis)
        return (backends.current().filters(W * (1 / self.sigma)),)

    def backward(self, indexes, grad_outputs):
        (W,), (gy,) = self.get_retained_inputs(), grad_outputs
        if chainer.config.enable_backprop:
            sigma = F.sum(W * self._outer(W.shape))
            y = W / F.broadcast_to(sigma, W.shape)
            return chainer.grad([y], [W], [gy], enable_double_backprop=True)
        xp = get_array_module(W.array)
        share = xp.vdot(gy.array, W.array) / self.sigma
        gW = self._outer(W.shape)
        gW *= -share
        gW += gy.array
        gW *= 1 / self.sigma
        return (Variable(gW, requires_grad=False),)

    def _outer(self, shape: tuple[int, ...]) -> Array:
        """The gradient of u' W v: u v', in W's shape."""
        if self.axis == 0:
            return (self.u[:, None] * self.v).reshape(shape)
        return (self.u[:, None] * self.v.reshape(shape[0], 1, -1)).reshape(shape)
