"""Batch normalization together with the rectifier that follows it."""

from __future__ import annotations

import chainer
import chainer.functions as F
from chainer import Variable

from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions.rectifier import leaky_relu


def batch_norm_activation(
    x: Variable,
    gamma: Variable,
    beta: Variable,
    running_mean: Array,
    running_var: Array,
    *,
    eps: float = 1e-5,
    decay: float = 0.9,
    slope: float = 0.0,
) -> Variable:
    """Normalize each channel over the batch and all positions, then apply LeakyReLU.

    In training the batch's own statistics are used and ``running_mean``, ``running_var`` move towards them in place
    (variance with Bessel's correction); in evaluation the running ones are used.

    Args:
        x: (N, C, *size).
        gamma, beta, running_mean, running_var: (C,).
        eps: added to the variance.
        decay: how much of the running statistics stays (0.9 is PyTorch's momentum of 0.1).
        slope: LeakyReLU's slope below 0; 0 is ReLU, 1 no rectifier at all.

    Returns:
        (N, C, *size).
    """
    if chainer.config.train:
        y = F.batch_normalization(
            x, gamma, beta, eps=eps, running_mean=running_mean, running_var=running_var, decay=decay
        )
    else:
        y = F.fixed_batch_normalization(x, gamma, beta, running_mean, running_var, eps=eps)
    return leaky_relu(y, slope)
