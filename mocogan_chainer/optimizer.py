"""Adam with its weight decay, computed by the backend."""

from __future__ import annotations

import math
from typing import Any

import chainer
import numpy as np
from chainer.optimizer import HyperparameterProxy
from chainer.optimizers import adam

from mocogan_chainer import backends
from mocogan_chainer.backends import AdamState
from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.errors import ConfigError


class Adam(chainer.optimizers.Adam):
    """Adam (Kingma and Ba 2015) with L2 regularization; updates all parameters at once and alike.

    The state is that of Chainer's Adam, so that snapshots do not depend on the backend.

    Args:
        alpha: step size.
        beta1, beta2: how much of the moments of first and second order stays.
        weight_decay: L2: this much of the weights is added to the gradient.

    Attributes:
        feeds: where an update that may be recorded takes its step size from; None where none is.
    """

    def __init__(self, alpha: float, beta1: float, beta2: float, weight_decay: float = 0.0):
        super().__init__(alpha, beta1, beta2)
        self.hyperparam.weight_decay = weight_decay
        self.feeds: Feeds | None = None
        self._count: Array | None = None  # on the device, the updates that it has counted
        self._counted = 0  # what it holds once all that was asked for is done

    weight_decay = HyperparameterProxy("weight_decay")

    def update(self) -> None:
        """Update every parameter by its gradient.

        Raises:
            ConfigError: a parameter's update rule has hyperparameters or hooks of its own.
        """
        self.reallocate_cleared_grads()
        self.call_hooks("pre")
        parameters = [p for p in self.target.params() if p.update_rule.enabled]
        for parameter in parameters:
            parameter.update_rule.require_shared(parameter)
        _update(parameters, self.hyperparam, self._next_rate())
        self.call_hooks("post")

    def _next_rate(self) -> float | Array:
        """Count one update more and return its step size.

        For a step that is run again from the device, a counter that lies there makes it of alpha.
        """
        if self.feeds is None:
            alpha = self._next_alpha().item()
        else:
            if self.feeds.recorded and self._count is None:
                self._count, self._counted = self.target.device.send(np.array([self.t])), self.t
            counted = self._counted
            alpha = self.feeds.take_number(self._next_alpha)
            if isinstance(alpha, float):  # the device has not counted
                self._counted = counted
        beta1, beta2 = self.hyperparam.beta1, self.hyperparam.beta2
        if not isinstance(alpha, float):
            return backends.current().adam_rate(self._count, alpha, beta1, beta2)
        return alpha * math.sqrt(1 - math.pow(beta2, self.t)) / (1 - math.pow(beta1, self.t))

    def _next_alpha(self) -> np.float64:
        if self._count is not None and self.t != self._counted:  # a snapshot was read
            self._count.fill(self.t)
        self._count_update()
        self._counted = self.t
        return np.float64(self.hyperparam.eta * self.hyperparam.alpha)

    def _count_update(self) -> None:
        self.t += 1
        for parameter in self.target.params():
            if parameter.update_rule.enabled:
                parameter.update_rule.t += 1

    def create_update_rule(self) -> adam.AdamRule:
        """Return a parameter's update rule."""
        return _Rule(self.hyperparam)


class _Rule(adam.AdamRule):
    """Holds a parameter's moments, and updates it alone where it is asked to."""

    _loaded = False

    def serialize(self, serializer: Any) -> None:
        """Save or load the moments."""
        super().serialize(serializer)
        self._loaded = isinstance(serializer, chainer.serializer.Deserializer)

    def require_shared(self, parameter: chainer.Parameter) -> None:
        """Raise :class:`ConfigError` where this parameter is not to be updated as all others."""
        own = [name for name in vars(self.hyperparam) if name != "_parent"]
        if own or self._hookable._pre_update_hooks or self._hookable._post_update_hooks:
            what = f"{', '.join(own)} of its own" if own else "hooks of its own"
            raise ConfigError(
                f"the update rule of {parameter.name}: {what}; this Adam updates all parameters at once and alike: set "
                "it on the optimizer, or use chainer.optimizers.Adam"
            )

    def prepare(self, parameter: chainer.Parameter) -> AdamState:
        """Return the parameter with its moments, which are made where there are none, on its own device."""
        self._init_states(parameter)
        if self._loaded:
            self.state.update({name: _laid_out(self.state[name], parameter.array) for name in ("m", "v")})
            self._loaded = False
        return AdamState(parameter.array, parameter.grad, self.state["m"], self.state["v"])

    def update_core(self, parameter: chainer.Parameter) -> None:
        """Update one parameter."""
        if parameter.grad is not None:
            _update([parameter], self.hyperparam, self.hyperparam.eta * self.alpha_t)


def _laid_out(moment: Array, weights: Array) -> Array:
    """Return a moment in the memory order of its weights, as backends update them in; snapshots keep none.

    Where it has that order it stays the same array: a recorded step may know its place.
    """
    ordered = chainer.backend.get_array_module(weights).empty_like(weights)
    if moment.strides == ordered.strides:
        return moment
    ordered[...] = moment
    return ordered


def _update(parameters: list[chainer.Parameter], hp: Any, rate: float | Array) -> None:
    backends.current().adam(
        [p.update_rule.prepare(p) for p in parameters],
        rate=rate,
        beta1=hp.beta1,
        beta2=hp.beta2,
        eps=hp.eps,
        decay=hp.weight_decay,
    )
