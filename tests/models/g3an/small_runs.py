"""Updaters of tiny networks on random videos."""

from __future__ import annotations

import chainer
import numpy as np

from mocogan_chainer import config, models, seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.optimizer import Adam

SMALL = {"model.ch_g": 1, "model.ch_d": 2, "model.dim_za": 4, "model.dim_zm": 3, "batchsize": 3}
CLASSES = DataDescription("three", 16, 3, ("a", "b", "c"))
NO_CLASSES = DataDescription("none", 16, 3, ())
LARGER = DataDescription("three", 32, 3, ("a", "b", "c"))


class RandomBatches(chainer.dataset.Iterator):
    epoch, epoch_detail, is_new_epoch = 0, 0.0, False

    def __init__(self, batchsize, length, size):
        self.batch_size, self.rng = batchsize, np.random.default_rng(0)
        self.shape = (batchsize, length, size, size, 3)

    def __next__(self):
        return self.rng.integers(256, size=self.shape, dtype=np.uint8), np.resize(
            np.array([2, 0, 1], np.int32), self.batch_size
        )


def make_config(**settings):
    return config.resolve("g3an", settings=SMALL | settings)


def make_updater(data=CLASSES, **settings):
    resolved = make_config(**settings)
    family = models.build(resolved, data)
    return family.updater(
        iterators={"main": RandomBatches(resolved["batchsize"], resolved["video_length"], data.size)},
        optimizers={name: Adam(2e-4, 0.5, 0.999).setup(net) for name, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["generator"], 0.9),
    )
