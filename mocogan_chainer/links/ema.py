"""An exponential moving average of a network's weights."""

from __future__ import annotations

from typing import Any

import chainer
import numpy as np

from mocogan_chainer import backends
from mocogan_chainer.backends.base import Array


class ExponentialMovingAverage:
    """A copy of a network whose weights and running statistics follow it slowly.

    Early on the decay is lowered to (1 + updates) / (10 + updates), so that the random start is soon forgotten.

    Args:
        network: the network to follow.
        decay: how much of the average stays at each update, in [0, 1).
    """

    def __init__(self, network: chainer.Chain, decay: float):
        self.network = network
        self.average = network.copy(mode="copy")
        self.average.to_device(network.device)  # where copies have lost their memory order
        self.decay = decay
        self.updates = 0

    def next_decay(self) -> np.float64:
        """Count one update more and return how much of the average it leaves."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        return np.float64(decay)

    def move(self, decay: float | Array) -> None:
        """Move the average, of which ``decay`` stays: a number, or a device's array of one float64."""
        backends.current().move_average(_arrays(self.average), _arrays(self.network), decay)

    def serialize(self, serializer: Any) -> None:
        """Save or load the number of updates; the averaged network is saved under a name of its own."""
        self.updates = int(serializer("updates", self.updates))


def _arrays(network: chainer.Chain) -> list[Any]:
    """All float arrays of the network, in a fixed order."""
    parameters = [p.array for _, p in sorted(network.namedparams())]
    statistics = [
        getattr(link, name)
        for _, link in sorted(network.namedlinks(), key=lambda item: item[0])
        for name in sorted(link._persistent)
    ]
    return parameters + statistics
