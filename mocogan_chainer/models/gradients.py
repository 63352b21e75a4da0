"""Gradients of a loss whose parts are backpropagated one after another."""

from __future__ import annotations

import chainer

from mocogan_chainer import backends
from mocogan_chainer.backends.base import Array


class GradientSums:
    """Adds up a network's gradients, on a GPU all of them at once and each in its own memory order.

    Chainer adds to what a parameter has, one by one as it goes. That takes the least memory; but on a GPU it is a
    launch for each, and CuPy's sums come in C order, which filters are not in.

    Args:
        network: its gradients are cleared.
    """

    def __init__(self, network: chainer.Link):
        self._network = network
        self._by_chainer = not backends.current().adds_gradients
        self._sums: dict[str, Array] = {}
        network.cleargrads()

    def take(self) -> None:
        """Take what a part has given; the network's gradients are clear again, or else have it."""
        if self._by_chainer:
            return
        given = {name: p.grad for name, p in self._network.namedparams() if p.grad is not None}
        self._network.cleargrads()
        known = sorted(self._sums.keys() & given)
        sums = backends.current().add([self._sums[name] for name in known], [given[name] for name in known])
        self._sums |= given
        self._sums |= zip(known, sums, strict=True)

    def put(self) -> None:
        """Let the network's gradients be the sums."""
        if self._by_chainer:
            return
        for name, parameter in self._network.namedparams():
            parameter.grad = self._sums.get(name)
