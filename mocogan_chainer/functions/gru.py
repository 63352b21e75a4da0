"""The gated recurrent unit in the form of cuDNN and PyTorch, which the published checkpoints hold."""

from __future__ import annotations

import chainer.functions as F
from chainer import Variable


def gru_cell(x_projected: Variable, h: Variable, W_h: Variable, b_h: Variable) -> Variable:
    """One step of a GRU whose reset gate multiplies ``W_hn h + b_hn`` (Chainer's own GRU gates ``h`` instead).

    Args:
        x_projected: (N, 3H), the input times the input weights plus their bias; gates in order reset, update, new.
        h: (N, H), the state before.
        W_h: (3H, H).
        b_h: (3H,).

    Returns:
        (N, H), the state after.
    """
    r_x, u_x, n_x = F.split_axis(x_projected, 3, axis=1)
    r_h, u_h, n_h = F.split_axis(F.linear(h, W_h, b_h), 3, axis=1)
    reset = F.sigmoid(r_x + r_h)
    update = F.sigmoid(u_x + u_h)
    new = F.tanh(n_x + reset * n_h)
    return new + update * (h - new)
