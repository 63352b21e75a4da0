"""Normalization together with the rectifier that follows it and the noise of the next layer."""

from __future__ import annotations

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check

from mocogan_chainer import backends
from mocogan_chainer.backends import Noise, RunningStatistics
from mocogan_chainer.backends.base import Array


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
    noise: Noise | None = None,
) -> Variable:
    """Normalize each channel over the batch and all positions, then apply LeakyReLU, then add noise.

    In training the batch's own statistics are used and ``running_mean``, ``running_var`` move towards them in place
    (variance with Bessel's correction); in evaluation the running ones are used.

    Args:
        x: (N, C, *size).
        gamma, beta, running_mean, running_var: (C,).
        eps: added to the variance.
        decay: how much of the running statistics stays (0.9 is PyTorch's momentum of 0.1).
        slope: LeakyReLU's slope below 0; 0 is ReLU, 1 no rectifier at all.
        noise: noise to add, or None.

    Returns:
        (N, C, *size).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    if not chainer.config.train:
        moments = running_mean, running_var
        if chainer.config.enable_backprop:  # a later pass in training leaves this graph alone
            moments = running_mean.copy(), running_var.copy()
        return _NormalizeRectify(eps, slope, noise, moments).apply((x, gamma, beta))[0]
    running = RunningStatistics(running_mean, running_var, decay)
    return _NormalizeRectify(eps, slope, noise, None, running=running).apply((x, gamma, beta))[0]


def instance_norm_activation(x: Variable, *, slope: float = 1.0) -> Variable:
    """Normalize each channel of each sample over its positions, then apply LeakyReLU.

    The variance is the biased one, and 1e-5 is added to it.

    Args:
        x: (N, C, *size).
        slope: LeakyReLU's slope below 0; 0 is ReLU, 1 no rectifier at all.

    Returns:
        (N, C, *size); all 0 where a channel has one position.

    Raises:
        chainer.utils.type_check.InvalidType: x has no axis of positions.
    """
    xp = get_array_module(x)
    one, zero = xp.ones(x.shape[1], x.dtype), xp.zeros(x.shape[1], x.dtype)
    return _NormalizeRectify(1e-5, slope, None, None, by_sample=True).apply((x, one, zero))[0]


class _NormalizeRectify(FunctionNode):
    """(x, gamma, beta) -> y, by the given moments or else by x's own, or by those of each sample.

    Running moments move towards x's own.
    """

    def __init__(
        self,
        eps: float,
        slope: float,
        noise: Noise | None,
        moments: tuple[Array, Array] | None,
        by_sample: bool = False,
        running: RunningStatistics | None = None,
    ):
        self.eps, self.slope, self.noise, self.by_sample, self.running = eps, slope, noise, by_sample, running
        self.own_moments = moments is None
        self.moments = moments

    def check_type_forward(self, in_types):
        x, gamma, beta = in_types
        type_check.expect(
            x.dtype.kind == "f", x.ndim >= 2 + self.by_sample, gamma.dtype == x.dtype, beta.dtype == x.dtype
        )
        type_check.expect(gamma.ndim == 1, gamma.shape[0] == x.shape[1], beta.shape == gamma.shape)

    def forward(self, inputs):
        self.retain_inputs((0, 1, 2))
        x, gamma, beta = inputs
        backend = backends.current()
        if self.own_moments:
            self.moments = backend.moments(x, self.by_sample, self.running)
        return (backend.normalize_rectify(x, gamma, beta, *self.moments, self.eps, self.slope, self.noise),)

    def backward(self, indexes, grad_outputs):
        inputs = self.get_retained_inputs()
        (gy,) = grad_outputs
        if chainer.config.enable_backprop or not self.own_moments:
            inputs = [F.identity(v) for v in inputs]  # else a way from gamma through x would count as gamma's own
            y = self._composed(*inputs)  # of functions that know their own derivatives
            wanted = [inputs[i] for i in indexes]
            return tuple(chainer.grad([y], wanted, [gy], enable_double_backprop=chainer.config.enable_backprop))
        x, gamma, beta = (v.array for v in inputs)
        gradients = backends.current().normalize_rectify_backward(
            x, gy.array, gamma, beta, *self.moments, self.eps, self.slope
        )
        return tuple(Variable(gradients[i], requires_grad=False) for i in indexes)

    def _composed(self, x, gamma, beta):
        with chainer.force_backprop_mode():
            if self.by_sample:
                gamma, beta = (F.broadcast_to(v, x.shape[:2]) for v in (gamma, beta))
                y = F.batch_normalization(x, gamma, beta, eps=self.eps, axis=tuple(range(2, x.ndim)))
            elif self.own_moments:
                y = F.batch_normalization(x, gamma, beta, eps=self.eps)
            else:
                y = F.fixed_batch_normalization(x, gamma, beta, *self.moments, eps=self.eps)
            return F.leaky_relu(y, self.slope)
