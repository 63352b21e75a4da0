"""A predictor's settings: what goes together, and what those mean that are left open."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mocogan_chainer.errors import ConfigError, require_one_of, require_range
from mocogan_chainer.models.mocogan import sizes
from mocogan_chainer.models.prediction.updater import Weights

MOST_CONTEXT = 3

_WEIGHTS = tuple(field.name for field in fields(Weights))


def checked(config: dict[str, Any], size: int) -> tuple[Weights, int]:
    """Check a run's settings, and decide those that are left open.

    Args:
        config: the resolved config.
        size: height and width of the data's frames.

    Returns:
        The losses' weights, and the fewest frames to come that a step holds the mean future to.

    Raises:
        ConfigError: a value is out of range, or two do not go together.
    """
    model = config["model"]
    _check_values(model)
    _check_losses(model)
    _check_run(config)
    _check_length(model, config["video_length"], size)
    return _weights(model), _least_horizon(model, config["video_length"])


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
    for name in _WEIGHTS:
        if model[f"lambda_{name}"] is not None:
            require_range(f"model.lambda_{name}", model[f"lambda_{name}"], 0, 1e6)
    for name in ("noise_scale", "noise_sigma"):
        require_range(f"model.{name}", model[name], 0, 100)


def _check_losses(model: dict[str, Any]) -> None:
    distances = model["lambda_L1"] + model["lambda_L2"]
    if not distances + model["lambda_image"] + model["lambda_video"]:
        raise ConfigError(
            "model.lambda_L1=0, model.lambda_L2=0, model.lambda_image=0, model.lambda_video=0: nothing says what comes "
            "next; set one of them above 0"
        )
    if model["lambda_perceptual"] and not model["lambda_image"]:
        raise ConfigError(
            f"model.lambda_perceptual={model['lambda_perceptual']:g}: it is measured in the image discriminator's "
            "features, and model.lambda_image=0 leaves that out; set one to 0 or the other above 0"
        )
    if model["motion_encoder"] == "frames" and model["lambda_recons"]:
        raise ConfigError(
            f"model.lambda_recons={model['lambda_recons']:g}: clips are reconstructed with model.motion_encoder=video "
            "only; leave it unset, or set that"
        )
    if model["motion_encoder"] == "video" and (model["lambda_recons"] == 0 or not distances):
        zero, some = ("model.lambda_recons=0", "it") if distances else ("model.lambda_L1=0, model.lambda_L2=0", "one")
        raise ConfigError(
            f"{zero}: model.motion_encoder=video learns by reconstructing clips; set {some} above 0, or "
            "model.motion_encoder=frames"
        )


def _check_run(config: dict[str, Any]) -> None:
    require_range("batchsize", config["batchsize"], low=2)  # batch normalization needs two
    if config["image_batchsize"] is not None:
        raise ConfigError(
            f"image_batchsize={config['image_batchsize']}: the images are a frame of each clip; leave it unset"
        )


def _check_length(model: dict[str, Any], length: int, size: int) -> None:
    if length <= model["context"]:
        raise ConfigError(
            f"video_length={length}: model.context={model['context']} and a frame after it take at least "
            f"{model['context'] + 1} frames; use longer clips or a smaller model.context"
        )
    patch = model["video_discriminator"] == "patch"
    if model["lambda_video"] and length < (judged := sizes.min_video_length(size, patch)):
        fewer = [] if patch else [f"model.video_discriminator=patch for {sizes.min_video_length(size, True)}"]
        others = " or ".join([*fewer, f"model.lambda_video=0 for {model['context'] + 1}"])
        raise ConfigError(
            f"video_length={length}: the video discriminator needs at least {judged} frames (use --set {others})"
        )


def _weights(model: dict[str, Any]) -> Weights:
    weights = {name: model[f"lambda_{name}"] for name in _WEIGHTS}
    if weights["recons"] is None:
        weights["recons"] = float(model["motion_encoder"] == "video")
    return Weights(**weights)


def _least_horizon(model: dict[str, Any], length: int) -> int:
    to_come = length - model["context"]
    if model["least_horizon"] is None:
        return (to_come + 1) // 2
    require_range("model.least_horizon", model["least_horizon"], 1, to_come)
    return model["least_horizon"]
