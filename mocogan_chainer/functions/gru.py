"""The gated recurrent unit in the form of cuDNN and PyTorch, which the published checkpoints hold."""

from __future__ import annotations

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.utils import type_check

from mocogan_chainer import backends


def gru(x_projected: Variable, h0: Variable, W_h: Variable, b_h: Variable) -> Variable:
    """Run a GRU whose reset gate multiplies ``W_hn h + b_hn`` (Chainer's own GRU gates ``h`` instead).

    With ``x`` a row of ``x_projected`` and ``p = W_h h + b_h``, a step is ``reset = sigmoid(x_r + p_r)``,
    ``update = sigmoid(x_u + p_u)``, ``new = tanh(x_n + reset p_n)``, ``h <- update h + (1 - update) new``. The whole
    sequence is one node of the graph, as its arrays are so small that many nodes would cost more than their arithmetic.

    Args:
        x_projected: (T, N, 3H), the inputs times the input weights plus their bias; gates in order reset, update, new.
        h0: (N, H), the state before.
        W_h: (3H, H).
        b_h: (3H,).

    Returns:
        (N, T, H), the state after each input.

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _GRU().apply((x_projected, h0, W_h, b_h))[0]


class _GRU(FunctionNode):
    """(x_projected, h0, W_h, b_h) -> y; H stands for the state's size."""

    def check_type_forward(self, in_types):
        x, h0, W, b = in_types
        type_check.expect(x.dtype.kind == "f", x.dtype == h0.dtype, x.dtype == W.dtype, x.dtype == b.dtype)
        type_check.expect(x.ndim == 3, h0.ndim == 2, W.ndim == 2, b.ndim == 1)
        size = h0.shape[1]
        type_check.expect(x.shape[1] == h0.shape[0], x.shape[2] == 3 * size)
        type_check.expect(W.shape[0] == 3 * size, W.shape[1] == size, b.shape[0] == 3 * size)

    def forward(self, inputs):
        self.retain_inputs((0, 1, 2, 3))
        self.computed = backends.current().gru(*inputs)
        return (self.computed[0][1:].swapaxes(0, 1).copy(),)

    def backward(self, indexes, grad_outputs):
        if chainer.config.enable_backprop:
            return self._differentiable_gradients(indexes, grad_outputs[0])
        gradients = self._gradients(indexes, grad_outputs[0].array)
        return tuple(Variable(gradient, requires_grad=False) for gradient in gradients)

    def _gradients(self, indexes, gy):
        """Backpropagation through time: gy (N, T, H) -> the gradients that are wanted."""
        backend, (h, gates, hidden_n) = backends.current(), self.computed
        size = h.shape[2]
        W = self.get_retained_inputs()[2].array
        gx, gp, gh0 = backend.gru_backward(gy, W, h, gates, hidden_n)
        each = (
            lambda: gx,
            lambda: gh0,
            lambda: backend.product(gp.reshape(-1, 3 * size).T, h[:-1].reshape(-1, size)),
            lambda: gp.sum(axis=(0, 1)),
        )
        return [each[index]() for index in indexes]

    def _differentiable_gradients(self, indexes, gy):
        """Compute the same out of Chainer's functions, for gradients of gradients."""
        # Copies: where one input is computed from another, each one's gradient is still its own part only.
        inputs = [F.identity(variable) for variable in self.get_retained_inputs()]
        states = _unrolled(*inputs)
        return chainer.grad([states], [inputs[index] for index in indexes], [gy], enable_double_backprop=True)


def _unrolled(x_projected: Variable, h: Variable, W_h: Variable, b_h: Variable) -> Variable:
    """See :func:`gru`."""
    states = []
    for x in F.separate(x_projected, axis=0):
        x_r, x_u, x_n = F.split_axis(x, 3, axis=1)
        p_r, p_u, p_n = F.split_axis(F.linear(h, W_h, b_h), 3, axis=1)
        update = F.sigmoid(x_u + p_u)
        new = F.tanh(x_n + F.sigmoid(x_r + p_r) * p_n)
        h = new + update * (h - new)
        states.append(h)
    return F.stack(states, axis=1)
