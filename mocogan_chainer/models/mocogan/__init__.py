"""MoCoGAN: Decomposing Motion and Content for Video Generation (Tulyakov et al., CVPR 2018).

In its normal, conditional (cgan) and categorical (infogan) forms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import chainer
import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import ClipIterator, DatasetIterator, FrameIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError, require_one_of, require_range
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.family import Family
from mocogan_chainer.models.mocogan import sizes
from mocogan_chainer.models.mocogan.codes import CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.memory import activation_floats
from mocogan_chainer.models.mocogan.sampler import MoCoGANSampler
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build networks, updater and sampler from the config's ``model`` section.

    Raises:
        ConfigError: a value is out of range, or the config does not fit the data.
    """
    model, length = config["model"], config["video_length"]
    _check_values(model)
    for name in ("batchsize", "image_batchsize"):
        require_range(name, config[name] or config["batchsize"], low=2)  # batch normalization needs two
    n_categories = _n_categories(model, data)
    _check_length(length, data.size, model["video_discriminator"] == "patch")
    in_channels = data.channels + (n_categories if model["variant"] == "cgan" else 0)
    noise = NoiseSource(config["seed"])
    networks = _networks(config, data.size, in_channels, n_categories, noise)
    return Family(
        networks=networks,
        averaged="generator",
        iterators=partial(_iterators, config),
        updater=partial(
            MoCoGANUpdater,
            **networks,
            variant=model["variant"],
            labels=model["labels"],
            video_length=length,
            noise=noise,
        ),
        sampler=partial(
            MoCoGANSampler,
            class_names=_category_names(model, n_categories, data),
            categories_are_classes=_learns_labels(model),
        ),
        activation_floats=activation_floats(
            size=data.size,
            length=length,
            batchsize=config["batchsize"],
            image_batchsize=config["image_batchsize"] or config["batchsize"],
            in_channels=in_channels,
            n_filters_gen=model["n_filters_gen"],
            n_filters_idis=model["n_filters_idis"],
            n_filters_vdis=model["n_filters_vdis"],
        ),
    )


def _networks(
    config: dict[str, Any], size: int, in_channels: int, n_categories: int, noise: NoiseSource
) -> dict[str, chainer.Chain]:
    model, seed = config["model"], config["seed"]
    common = {"size": size, "in_channels": in_channels, "noise": noise, "sigma": model["noise_sigma"]}
    return {
        "generator": Generator(
            size=size,
            n_filters=model["n_filters_gen"],
            code_sizes=CodeSizes(model["dim_zc"], n_categories, model["dim_zm"]),
            category_to=model["category_to"],
            rng=seeding.stream(seed, "weights", "generator"),
        ),
        "image_discriminator": image_discriminator(
            n_filters=model["n_filters_idis"],
            patch=model["image_discriminator"] == "patch",
            rng=seeding.stream(seed, "weights", "image_discriminator"),
            **common,
        ),
        "video_discriminator": video_discriminator(
            n_filters=model["n_filters_vdis"],
            n_categories=n_categories if model["variant"] == "infogan" else 0,
            patch=model["video_discriminator"] == "patch",
            rng=seeding.stream(seed, "weights", "video_discriminator"),
            **common,
        ),
    }


def _iterators(
    config: dict[str, Any], dataset: PreparedDataset, stream: Callable[[str], np.random.Generator]
) -> dict[str, DatasetIterator]:
    images, every_nth = config["image_batchsize"] or config["batchsize"], config["every_nth"]
    drawn = {"flip": config["flip"], "balance": config["balance_classes"]}
    span = (config["video_length"] - 1) * every_nth + 1  # as published, both discriminators see the same videos
    return {
        "main": ClipIterator(dataset, config["batchsize"], config["video_length"], every_nth, stream("clips"), **drawn),
        "image": FrameIterator(dataset, images, span, stream("frames"), **drawn),
    }


def _check_values(model: dict[str, Any]) -> None:
    require_one_of("model.variant", model["variant"], ("normal", "cgan", "infogan"))
    require_one_of("model.labels", model["labels"], ("supervised", "unsupervised"))
    require_one_of("model.category_to", model["category_to"], ("image_generator", "motion"))
    for name in ("image", "video"):
        require_one_of(f"model.{name}_discriminator", model[f"{name}_discriminator"], ("full", "patch"))
    for name in ("dim_zc", "dim_zm", "n_filters_gen", "n_filters_idis", "n_filters_vdis"):
        require_range(f"model.{name}", model[name], 1, 8192)
    require_range("model.noise_sigma", model["noise_sigma"], 0, 100)
    if model["labels"] == "unsupervised" and model["variant"] != "infogan":
        raise ConfigError(
            f"model.labels=unsupervised: only infogan learns categories, and this is {model['variant']}; "
            "use --model infogan"
        )


def _check_length(length: int, size: int, patch: bool) -> None:
    needed = sizes.min_video_length(size, patch)
    if length >= needed:
        return
    with_patch = sizes.min_video_length(size, patch=True)
    hint = "" if patch else f" (use --set model.video_discriminator=patch for {with_patch})"
    raise ConfigError(f"video_length={length}: the video discriminator needs at least {needed} frames{hint}")


def _n_categories(model: dict[str, Any], data: DataDescription) -> int:
    """How many categories the generator has: the data's classes unless the config says otherwise."""
    variant, wanted, has = model["variant"], model["n_categories"], data.n_classes
    if wanted is not None:
        require_range("model.n_categories", wanted, 0 if variant == "normal" else 1, 1000)
    if _learns_labels(model):
        _check_labels(variant, wanted, data)
        return has
    found = wanted if wanted is not None else 0 if variant == "normal" else has
    if variant == "infogan" and not found:
        raise ConfigError(
            "model.labels=unsupervised: the data has no classes, so say how many categories to look for, for example "
            "--set model.n_categories=6"
        )
    if model["category_to"] == "motion" and not found:
        raise ConfigError(
            "model.category_to=motion: there is no category to give; set model.n_categories, or use --model "
            "infogan or cgan"
        )
    return found


def _learns_labels(model: dict[str, Any]) -> bool:
    """Whether categories are the data's classes."""
    return model["variant"] == "cgan" or (model["variant"] == "infogan" and model["labels"] == "supervised")


def _check_labels(variant: str, wanted: int | None, data: DataDescription) -> None:
    other = " or --set model.labels=unsupervised model.n_categories=6" if variant == "infogan" else ""
    if not data.n_classes:
        raise ConfigError(
            f"model.variant={variant}: it learns from the data's classes and {data.name} has none; use --model "
            f"normal{other}"
        )
    if data.unlabelled:
        raise ConfigError(
            f"model.variant={variant}: {data.unlabelled} videos of {data.name} have no class; leave them out of the "
            f"data, or use --model normal{other}"
        )
    if wanted not in (None, data.n_classes):
        raise ConfigError(
            f"model.n_categories={wanted}: {data.name} has {data.n_classes} classes; leave it unset, or use --model "
            "infogan with --set model.labels=unsupervised"
        )


def _category_names(model: dict[str, Any], n_categories: int, data: DataDescription) -> tuple[str, ...]:
    """The classes' names where categories are the data's classes; else numbers, for what the model makes of them."""
    return data.class_names if _learns_labels(model) else tuple(map(str, range(n_categories)))
