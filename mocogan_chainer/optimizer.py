"""Adam with its weight decay, by the backend."""

from __future__ import annotations

import chainer
from chainer.optimizer import HyperparameterProxy
from chainer.optimizers import adam

from mocogan_chainer import backends
from mocogan_chainer.backends import Moments


class Adam(chainer.optimizers.Adam):
    """Adam with L2 regularization (Kingma and Ba 2015).

    The state is that of Chainer's Adam, so that snapshots do not depend on the backend.

    Args:
        alpha: step size.
        beta1, beta2: how much of the moments of first and second order stays.
        weight_decay: L2: this much of the weights is added to the gradient.
    """

    def __init__(self, alpha: float, beta1: float, beta2: float, weight_decay: float = 0.0):
        super().__init__(alpha, beta1, beta2)
        self.hyperparam.weight_decay = weight_decay

    weight_decay = HyperparameterProxy("weight_decay")

    def create_update_rule(self) -> adam.AdamRule:
        """Return a parameter's update rule."""
        return _Rule(self.hyperparam)


class _Rule(adam.AdamRule):
    def update_core_cpu(self, param):
        if param.grad is None:
            return
        hp = self.hyperparam
        backends.current().adam(
            [Moments(param.array, param.grad, self.state["m"], self.state["v"])],
            rate=hp.eta * self.alpha_t,
            beta1=hp.beta1,
            beta2=hp.beta2,
            eps=hp.eps,
            decay=hp.weight_decay,
        )

    def update_core_gpu(self, param):
        if param.grad is None:
            return
        if self.hyperparam.weight_decay:
            param.grad += self.hyperparam.weight_decay * param.array
        super().update_core_gpu(param)
