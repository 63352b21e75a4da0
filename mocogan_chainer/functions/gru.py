"""The gated recurrent unit in the form of cuDNN and PyTorch, which the published checkpoints hold."""

from __future__ import annotations

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable, backend
from chainer.utils import type_check


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
    """Loops over time on plain arrays; below, H stands for the state's size and the gates lie in thirds of 3H."""

    def check_type_forward(self, in_types):
        x, h0, W, b = in_types
        type_check.expect(x.dtype.kind == "f", x.dtype == h0.dtype, x.dtype == W.dtype, x.dtype == b.dtype)
        type_check.expect(x.ndim == 3, h0.ndim == 2, W.ndim == 2, b.ndim == 1)
        size = h0.shape[1]
        type_check.expect(x.shape[1] == h0.shape[0], x.shape[2] == 3 * size)
        type_check.expect(W.shape[0] == 3 * size, W.shape[1] == size, b.shape[0] == 3 * size)

    def forward(self, inputs):
        self.retain_inputs((0, 1, 2, 3))
        x, h0, W, b = inputs
        xp = backend.get_array_module(x)
        length, (n, size) = len(x), h0.shape
        h = xp.empty((length + 1, n, size), x.dtype)  # before and after each input
        gates = xp.empty_like(x, order="C")  # reset, update, new
        news = xp.empty((length, n, size), x.dtype)  # W_hn h + b_hn
        h[0] = h0
        W_t = xp.ascontiguousarray(W.T)
        for t in range(length):
            p = h[t] @ W_t
            p += b
            gates[t, :, : 2 * size] = xp.tanh((x[t, :, : 2 * size] + p[:, : 2 * size]) * 0.5) * 0.5 + 0.5  # sigmoid
            reset, update, new = (gates[t, :, k * size : (k + 1) * size] for k in range(3))
            news[t] = p[:, 2 * size :]
            new[...] = xp.tanh(x[t, :, 2 * size :] + reset * news[t])
            h[t + 1] = new + update * (h[t] - new)
        self.computed = h, gates, news
        return (h[1:].swapaxes(0, 1).copy(),)

    def backward(self, indexes, grad_outputs):
        if chainer.config.enable_backprop:
            return self._differentiable_gradients(indexes, grad_outputs[0])
        gradients = self._gradients(indexes, grad_outputs[0].array)
        return tuple(Variable(gradient, requires_grad=False) for gradient in gradients)

    def _gradients(self, indexes, gy):
        """Backpropagation through time: gy (N, T, H) -> the gradients asked for."""
        W = self.get_retained_inputs()[2].array
        xp = backend.get_array_module(W)
        h, gates, news = self.computed
        length, n, size = news.shape
        gates = gates.reshape(length, n, 3, size)
        reset, update, new = (gates[:, :, k] for k in range(3))
        # A state's gradient times these is that of x_projected, and in the last third, times reset, that of p.
        slopes = xp.empty_like(gates)
        slopes[:, :, 2] = (1 - update) * (1 - new * new)
        slopes[:, :, 0] = slopes[:, :, 2] * news * reset * (1 - reset)
        slopes[:, :, 1] = (h[:-1] - new) * update * (1 - update)
        to_p = slopes.copy()
        to_p[:, :, 2] *= reset

        gp = xp.empty((length, n, 3 * size), W.dtype)
        gh = xp.empty_like(news)  # of the state after each input, all that follows counted in
        carried = xp.zeros((n, size), W.dtype)
        for t in range(length - 1, -1, -1):
            xp.add(carried, gy[:, t], out=gh[t])
            xp.multiply(gh[t][:, None], to_p[t], out=gp[t].reshape(n, 3, size))
            carried = gp[t] @ W
            carried += gh[t] * update[t]

        def of_inputs():
            return (gh[:, :, None] * slopes).reshape(length, n, 3 * size)

        def of_weights():
            return gp.reshape(length * n, 3 * size).T @ h[:-1].reshape(length * n, size)

        each = (of_inputs, lambda: carried, of_weights, lambda: gp.sum(axis=(0, 1)))
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
