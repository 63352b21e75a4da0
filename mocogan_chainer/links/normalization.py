"""Batch normalization fused with its rectifier."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends import Noise


@contextlib.contextmanager
def statistics_kept() -> Iterator[None]:
    """Within it, batch normalization trains by each batch's statistics as always, but the running ones do not move.

    For passes that sampling never makes: it would be given statistics that are not of its own.
    """
    with chainer.using_config("keep_statistics", True):
        yield


class BatchNormActivation(chainer.Link):
    """Batch normalization, then LeakyReLU, of (N, channels, *size).

    Args:
        channels: number of channels.
        slope: LeakyReLU's slope below 0; 0 is ReLU.
    """

    def __init__(self, channels: int, slope: float):
        super().__init__()
        self.slope = slope
        with self.init_scope():
            self.gamma = chainer.Parameter(np.ones(channels, np.float32))
            self.beta = chainer.Parameter(np.zeros(channels, np.float32))
        self.add_persistent("avg_mean", np.zeros(channels, np.float32))
        self.add_persistent("avg_var", np.ones(channels, np.float32))

    def forward(self, x: Variable, noise: Noise | None = None) -> Variable:
        """Apply the layer, then add noise; in training the running statistics move towards the batch's."""
        running = self.avg_mean, self.avg_var
        if getattr(chainer.config, "keep_statistics", False):
            running = tuple(array.copy() for array in running)
        return functions.batch_norm_activation(x, self.gamma, self.beta, *running, slope=self.slope, noise=noise)
