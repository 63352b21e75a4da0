"""Max pooling over N-D data with a padding of its own on each side."""

from __future__ import annotations

from math import prod

import numpy as np
from chainer import FunctionNode, Variable, backend
from chainer.utils import type_check

from mocogan_chainer import backends
from mocogan_chainer.backends import Window
from mocogan_chainer.backends.base import Array

Pads = tuple[tuple[int, int], ...]


def max_pooling(x: Variable, ksize: tuple[int, ...], stride: tuple[int, ...], pads: Pads) -> Variable:
    """Take the maximum under a window; positions outside never are it.

    Args:
        x: (N, C, *size).
        ksize, stride: of the window, one number per spatial axis.
        pads: positions before and after the data, one pair per spatial axis, each smaller than the window.

    Returns:
        (N, C, *output size) with (size + before + after - ksize) // stride + 1 positions an axis. Of equal maxima the
        first, in the order of the axes, has the gradient.

    Raises:
        chainer.utils.type_check.InvalidType: the window does not fit.
    """
    return _MaxPooling(Window(tuple(ksize), tuple(stride), tuple(map(tuple, pads)))).apply((x,))[0]


class _MaxPooling(FunctionNode):
    """x -> y."""

    def __init__(self, window: Window):
        self.window = window

    def check_type_forward(self, in_types):
        (x,) = in_types
        type_check.expect(x.dtype.kind == "f", x.ndim == 2 + len(self.window.ksize))
        for axis, (k, pads) in enumerate(zip(self.window.ksize, self.window.pads, strict=True), 2):
            type_check.expect(x.shape[axis] + sum(pads) >= k)

    def forward(self, inputs):
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        return (backends.current().max_pooling(inputs[0], self.window),)

    def backward(self, indexes, grad_outputs):
        (x,), (y,) = self.get_retained_inputs(), self.get_retained_outputs()
        return _Spread(self.window, x.shape, _winners(x.array, y.array, self.window)).apply(grad_outputs)


class _Spread(FunctionNode):
    """gy -> gx: each number to the position that was the maximum."""

    def __init__(self, window: Window, x_shape: tuple[int, ...], winners: Array):
        self.window, self.x_shape, self.winners = window, x_shape, winners

    def forward(self, inputs):
        (gy,) = inputs
        xp = backend.get_array_module(gy)
        gx = xp.zeros_like(gy, shape=self.x_shape)
        for tap, (data, outputs) in enumerate(self.window.taps(self.x_shape[2:])):
            gx[data] += xp.where(self.winners[outputs] == tap, gy[outputs], gy.dtype.type(0))
        return (gx,)

    def backward(self, indexes, grad_outputs):
        return _Gather(self.window, self.winners).apply(grad_outputs)


class _Gather(FunctionNode):
    """ggx -> ggy: for each output the number at the position that was the maximum."""

    def __init__(self, window: Window, winners: Array):
        self.window, self.winners = window, winners

    def forward(self, inputs):
        (ggx,) = inputs
        self.x_shape = ggx.shape
        xp = backend.get_array_module(ggx)
        ggy = xp.zeros_like(ggx, shape=self.winners.shape)
        for tap, (data, outputs) in enumerate(self.window.taps(self.x_shape[2:])):
            ggy[outputs] += xp.where(self.winners[outputs] == tap, ggx[data], ggx.dtype.type(0))
        return (ggy,)

    def backward(self, indexes, grad_outputs):
        return _Spread(self.window, self.x_shape, self.winners).apply(grad_outputs)


def _winners(x: Array, y: Array, window: Window) -> Array:
    """Number the tap under the window that each output was taken from."""
    xp = backend.get_array_module(x)
    count = prod(window.ksize)
    winners = xp.full_like(y, count, dtype=np.min_scalar_type(count))  # none, where the maximum is not a number
    for tap, (data, outputs) in reversed(list(enumerate(window.taps(x.shape[2:])))):  # so that the first remains
        winners[outputs] = xp.where(x[data] == y[outputs], winners.dtype.type(tap), winners[outputs])
    return winners
