"""MoCoGAN that continues a clip: content and motion of its first frames, then MoCoGAN's motion GRU and a generator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import chainer
import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import ClipIterator, DatasetIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.family import Family
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.prediction.encoders import MotionEncoder
from mocogan_chainer.models.prediction.generator import DeconvolutionGenerator, FrameGenerator
from mocogan_chainer.models.prediction.memory import activation_floats
from mocogan_chainer.models.prediction.predictor import Predictor
from mocogan_chainer.models.prediction.resnet import ResNetGenerator
from mocogan_chainer.models.prediction.sampler import PredictionForecaster
from mocogan_chainer.models.prediction.settings import checked
from mocogan_chainer.models.prediction.updater import PredictionUpdater, Weights


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build networks, updater and sampler from the config's ``model`` section.

    Raises:
        ConfigError: a value is out of range, or the config does not fit the data.
    """
    model = config["model"]
    weights, least_horizon = checked(config, data.size)
    noise = NoiseSource(config["seed"])
    networks = _networks(config, data, weights, noise)
    return Family(
        networks=networks,
        averaged="predictor",
        iterators=partial(_iterators, config),
        updater=partial(
            PredictionUpdater,
            **networks,
            most_context=model["context"],
            least_horizon=least_horizon,
            noise_scale=model["noise_scale"],
            weights=weights,
            noise=noise,
        ),
        sampler=partial(
            PredictionForecaster,
            most_context=model["context"],
            noise_scale=model["noise_scale"],
            transfers_motion=weights.recons > 0,
        ),
        activation_floats=activation_floats(
            size=data.size,
            length=config["video_length"],
            batchsize=config["batchsize"],
            n_filters_gen=model["n_filters_gen"],
            n_filters_enc=model["n_filters_enc"],
            n_filters_vdis=model["n_filters_vdis"],
            dim_zm=model["dim_zm"],
            n_carried=model["n_carried"],
            n_blocks=model["n_blocks"] if model["generator"] == "resnet" else None,
            image=weights.image > 0,
            video=weights.video > 0,
            latent=weights.latent > 0,
            recons=weights.recons > 0,
        ),
    )


def _networks(
    config: dict[str, Any], data: DataDescription, weights: Weights, noise: NoiseSource
) -> dict[str, chainer.Chain]:
    model = config["model"]

    def stream(*names: str) -> np.random.Generator:
        return seeding.stream(config["seed"], "weights", *names)

    networks: dict[str, chainer.Chain] = {"predictor": _predictor(model, data.size, stream)}
    judged = {"size": data.size, "in_channels": data.channels, "noise": noise, "sigma": model["noise_sigma"]}
    if weights.image:
        networks["image_discriminator"] = image_discriminator(
            n_filters=model["n_filters_idis"], patch=False, rng=stream("image_discriminator"), **judged
        )
    if weights.video:
        networks["video_discriminator"] = video_discriminator(
            n_filters=model["n_filters_vdis"],
            n_categories=0,
            patch=model["video_discriminator"] == "patch",
            rng=stream("video_discriminator"),
            **judged,
        )
    return networks


def _iterators(
    config: dict[str, Any], dataset: PreparedDataset, stream: Callable[[str], np.random.Generator]
) -> dict[str, DatasetIterator]:
    drawn = {"flip": config["flip"], "balance": config["balance_classes"]}
    clips = config["batchsize"], config["video_length"], config["every_nth"]
    return {"main": ClipIterator(dataset, *clips, stream("clips"), **drawn)}


def _predictor(model: dict[str, Any], size: int, stream: Callable[..., np.random.Generator]) -> Predictor:
    motion = MotionEncoder(
        size=size,
        n_filters=model["n_filters_enc"],
        features=model["dim_features"],
        state_size=model["dim_zm"],
        rng=stream("predictor", "motion_encoder"),
    )
    generator = _generator(model, size, stream("predictor", "generator"))
    return Predictor(generator, motion, model["dim_e"], stream("predictor", "motion"))


def _generator(model: dict[str, Any], size: int, rng: np.random.Generator) -> FrameGenerator:
    common = {"size": size, "dim_zm": model["dim_zm"], "channels": 3 + model["n_carried"], "rng": rng}
    if model["generator"] == "resnet":
        return ResNetGenerator(ngf=model["n_filters_gen"], n_blocks=model["n_blocks"], **common)
    return DeconvolutionGenerator(
        dim_zc=model["dim_zc"], n_filters=model["n_filters_gen"], n_filters_enc=model["n_filters_enc"], **common
    )
