"""LeakyReLU that keeps its input's memory order (Chainer's own copies to C order first)."""

from __future__ import annotations

from chainer import FunctionNode, Variable, backend


def leaky_relu(x: Variable, slope: float) -> Variable:
    """Multiply what is negative by ``slope`` in [0, 1]; 0 is ReLU, 1 the identity. Any shape."""
    return x if slope == 1 else _LeakyReLU(slope).apply((x,))[0]


class _LeakyReLU(FunctionNode):
    def __init__(self, slope: float):
        self.slope = slope

    def forward(self, inputs):
        (x,) = inputs
        self.retain_outputs((0,))
        xp = backend.get_array_module(x)
        return (xp.maximum(x, x * self.slope),)

    def backward(self, indexes, grad_outputs):
        (y,) = self.get_retained_outputs()
        return _LeakyReLUGrad(y.array, self.slope).apply(grad_outputs)


class _LeakyReLUGrad(FunctionNode):
    """gy -> gx, linear in gy; the sign of y is that of x."""

    def __init__(self, y, slope: float):
        self.y, self.slope = y, slope

    def forward(self, inputs):
        (gy,) = inputs
        xp = backend.get_array_module(gy)
        return (xp.where(self.y > 0, gy, gy * self.slope),)

    def backward(self, indexes, grad_outputs):
        return _LeakyReLUGrad(self.y, self.slope).apply(grad_outputs)
