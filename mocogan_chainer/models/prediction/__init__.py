"""MoCoGAN that continues a clip: content and motion of its first frames, then MoCoGAN's motion GRU and a generator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import chainer
import numpy as np
from chainer.dataset import Iterator

from mocogan_chainer import seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import ClipIterator
from mocogan_chainer.errors import ConfigError, require_one_of, require_range
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.family import Family
from mocogan_chainer.models.mocogan import sizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.prediction.encoders import MotionEncoder
from mocogan_chainer.models.prediction.generator import DeconvolutionGenerator, FrameGenerator
from mocogan_chainer.models.prediction.memory import activation_floats
from mocogan_chainer.models.prediction.predictor import Predictor
from mocogan_chainer.models.prediction.resnet import ResNetGenerator
from mocogan_chainer.models.prediction.sampler import PredictionForecaster
from mocogan_chainer.models.prediction.updater import PredictionUpdater, Weights

MOST_CONTEXT = 3
WEIGHTS = ("image", "video", "L1", "L2", "perceptual", "latent", "retell")


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build networks, updater and sampler from the config's ``model`` section.

    Raises:
        ConfigError: a value is out of range, or the config does not fit the data.
    """
    model, seed = config["model"], config["seed"]
    _check_values(model)
    weights = _weights(model)
    least_length = _least_length(config, data.size)
    noise = NoiseSource(seed)

    def stream(*names: str) -> np.random.Generator:
        return seeding.stream(seed, "weights", *names)

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

    def iterators(dataset: Any, stream: Callable[[str], np.random.Generator]) -> dict[str, Iterator]:
        drawn = {"flip": config["flip"], "balance": config["balance_classes"]}
        clips = config["batchsize"], config["video_length"], config["every_nth"]
        return {"main": ClipIterator(dataset, *clips, stream("clips"), **drawn)}

    return Family(
        networks=networks,
        averaged="predictor",
        iterators=iterators,
        updater=partial(
            PredictionUpdater,
            **networks,
            most_context=model["context"],
            least_length=least_length,
            noise_scale=model["noise_scale"],
            weights=weights,
            noise=noise,
        ),
        sampler=partial(
            PredictionForecaster,
            most_context=model["context"],
            noise_scale=model["noise_scale"],
            tells_clips=weights.retell > 0,
        ),
        activation_floats=activation_floats(
            size=data.size,
            length=config["video_length"],
            batchsize=config["batchsize"],
            model=model,
        ),
    )


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


def _weights(model: dict[str, Any]) -> Weights:
    """The losses' weights; only a motion encoder of whole videos learns to tell them."""
    weights = {name: model[f"lambda_{name}"] for name in WEIGHTS}
    if model["motion_encoder"] == "frames":
        weights["retell"] = 0.0
    return Weights(**weights)


def _check_values(model: dict[str, Any]) -> None:
    require_one_of("model.generator", model["generator"], ("deconvolution", "resnet"))
    require_one_of("model.motion_encoder", model["motion_encoder"], ("frames", "video"))
    require_one_of("model.video_discriminator", model["video_discriminator"], ("full", "patch"))
    require_range("model.context", model["context"], 1, MOST_CONTEXT)
    require_range("model.n_blocks", model["n_blocks"], 1, 100)
    require_range("model.n_carried", model["n_carried"], 0, 64)
    for name in ("dim_zc", "dim_zm", "dim_e", "dim_features"):
        require_range(f"model.{name}", model[name], 1, 8192)
    for name in ("gen", "enc", "idis", "vdis"):
        require_range(f"model.n_filters_{name}", model[f"n_filters_{name}"], 1, 4096)
    for name in WEIGHTS:
        require_range(f"model.lambda_{name}", model[f"lambda_{name}"], 0, 1e6)
    for name in ("noise_scale", "noise_sigma"):
        require_range(f"model.{name}", model[name], 0, 100)
    if not model["lambda_L1"] + model["lambda_L2"]:
        raise ConfigError("model.lambda_L1=0, model.lambda_L2=0: nothing says what comes next; set one of them above 0")
    if model["lambda_perceptual"] and not model["lambda_image"]:
        raise ConfigError(
            f"model.lambda_perceptual={model['lambda_perceptual']:g}: it is measured in the image discriminator's "
            "features, and model.lambda_image=0 leaves that away; set one to 0 or the other above 0"
        )
    if model["motion_encoder"] == "video" and not model["lambda_retell"]:
        raise ConfigError(
            "model.motion_encoder=video: it learns by model.lambda_retell, which is 0; set that above 0, or "
            "model.motion_encoder=frames"
        )


def _least_length(config: dict[str, Any], size: int) -> int:
    """Return the frames of the shortest clips of training.

    Raises:
        ConfigError: the run's settings do not go together.
    """
    model, length = config["model"], config["video_length"]
    require_range("batchsize", config["batchsize"], low=2)  # batch normalization needs two
    if config["image_batchsize"] is not None:
        raise ConfigError(
            f"image_batchsize={config['image_batchsize']}: the images are a frame of each clip; leave it unset"
        )
    least, why, hint = model["context"] + 1, "a context of model.context frames and a frame after it take", ""
    if model["lambda_video"]:
        patch = model["video_discriminator"] == "patch"
        judged = sizes.min_video_length(size, patch)
        if judged > least:
            others = [] if patch else [f"model.video_discriminator=patch takes {sizes.min_video_length(size, True)}"]
            hint = f" ({', '.join([*others, f'model.lambda_video=0 takes {least}'])})"
            least, why = judged, "the video discriminator needs"
    if length < least:
        raise ConfigError(f"video_length={length}: {why} at least {least}{hint}")
    if model["least_length"] is None:
        return max(least, length // 2 + 1)
    if not least <= model["least_length"] <= length:
        raise ConfigError(
            f"model.least_length={model['least_length']}: it must be from {least}, because {why} that many, to "
            f"video_length={length}{hint}"
        )
    return model["least_length"]
