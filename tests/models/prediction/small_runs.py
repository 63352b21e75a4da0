"""Updaters of tiny networks on random clips."""

from __future__ import annotations

import chainer
import numpy as np

from mocogan_chainer import config, models, seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.optimizer import Adam

DATA = DataDescription("toy", 16, 3, ())
SMALL = {
    "batchsize": 2,
    "video_length": 10,
    "every_nth": 1,
    "optimizer.weight_decay": 0.0,
    "model.context": 3,
    "model.least_horizon": 2,
    "model.generator": "deconvolution",
    "model.n_blocks": 1,
    "model.n_carried": 1,
    "model.motion_encoder": "frames",
    "model.dim_zc": 5,
    "model.dim_zm": 4,
    "model.dim_e": 3,
    "model.dim_features": 6,
    "model.n_filters_gen": 2,
    "model.n_filters_enc": 2,
    "model.n_filters_idis": 2,
    "model.n_filters_vdis": 2,
    "model.video_discriminator": "full",
    "model.lambda_image": 1.0,
    "model.lambda_video": 1.0,
    "model.lambda_L1": 10.0,
    "model.lambda_L2": 0.0,
    "model.lambda_perceptual": 0.0,
    "model.lambda_latent": 1.0,
    "model.lambda_recons": None,
    "model.noise_scale": 1.0,
    "model.noise_sigma": 0.1,
}
"""Every number of the model, so that its defaults may change."""


class RandomClips(chainer.dataset.Iterator):
    """Gives random pixels, or always the same clips."""

    epoch, epoch_detail, is_new_epoch = 0, 0.0, False

    def __init__(self, shape, clips=None):
        self.shape, self.clips, self.rng = shape, clips, np.random.default_rng(0)

    def __next__(self):
        clips = self.rng.integers(256, size=self.shape, dtype=np.uint8) if self.clips is None else self.clips
        return clips, np.zeros(len(clips), np.int32)


def make_config(**settings):
    return config.resolve("prediction", settings=SMALL | settings)


def make_family(data=DATA, **settings):
    return models.build(make_config(**settings), data)


def make_updater(data=DATA, clips=None, step=2e-4, **settings):
    resolved, family = make_config(**settings), make_family(data, **settings)
    shape = resolved["batchsize"], resolved["video_length"], data.size, data.size, 3
    return family.updater(
        iterators={"main": RandomClips(shape, clips)},
        optimizers={name: Adam(step, 0.5, 0.999).setup(net) for name, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["predictor"], 0.9),
    )


def networks_of(updater):
    return {name: optimizer.target for name, optimizer in updater.get_all_optimizers().items()}


def observe(updater):
    """Make a step and return what it reports."""
    reporter, observation = chainer.Reporter(), {}
    for name, network in networks_of(updater).items():
        reporter.add_observer(name, network)
    with reporter.scope(observation):
        updater.update()
    return {name: float(value) for name, value in observation.items()}
