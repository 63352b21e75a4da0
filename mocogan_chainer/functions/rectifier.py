"""LeakyReLU and instance noise, each alone or both in one pass."""

from __future__ import annotations

from chainer import FunctionNode, Variable, as_variable

from mocogan_chainer import backends
from mocogan_chainer.backends import Noise
from mocogan_chainer.backends.base import Array

SLOPE = 0.2
"""LeakyReLU's slope below 0 in discriminators and encoders, as published."""


def leaky_relu(x: Variable, slope: float, noise: Noise | None = None) -> Variable:
    """Multiply what is negative by ``slope`` in [0, 1], then add noise if there is any. Any shape (N, C, *size)."""
    return _Rectify(slope, noise).apply((x,))[0]


def add_noise(x: Variable | Array, noise: Noise | None) -> Variable:
    """Add noise to (N, C, *size), if there is any."""
    return as_variable(x) if noise is None else _AddNoise(noise).apply((x,))[0]


class _Rectify(FunctionNode):
    def __init__(self, slope: float, noise: Noise | None):
        self.slope, self.noise = slope, noise

    def forward(self, inputs):
        y, self.positive = backends.current().rectify(inputs[0], self.slope, self.noise)  # one byte per number, not x
        return (y,)

    def backward(self, indexes, grad_outputs):
        return RectifierGradient(self.positive, self.slope).apply(grad_outputs)


class RectifierGradient(FunctionNode):
    """gy -> gx, linear in gy."""

    def __init__(self, positive: Array, slope: float):
        self.positive, self.slope = positive, slope

    def forward(self, inputs):
        return (backends.current().rectify_backward(self.positive, inputs[0], self.slope),)

    def backward(self, indexes, grad_outputs):
        return RectifierGradient(self.positive, self.slope).apply(grad_outputs)


class _AddNoise(FunctionNode):
    def __init__(self, noise: Noise):
        self.noise = noise

    def forward(self, inputs):
        return (backends.current().add_noise(inputs[0], self.noise),)

    def backward(self, indexes, grad_outputs):
        return grad_outputs
