"""G3AN: Disentangling Appearance and Motion for Video Generation (Wang et al., CVPR 2020).

Beyond the paper, it can be conditional: see ``model.conditional``.
"""

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
from mocogan_chainer.errors import ConfigError, require_one_of, require_range
from mocogan_chainer.links import SpectralLink
from mocogan_chainer.models.family import Family
from mocogan_chainer.models.g3an import sizes
from mocogan_chainer.models.g3an.codes import CodeSizes
from mocogan_chainer.models.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from mocogan_chainer.models.g3an.generator import MODES, Generator
from mocogan_chainer.models.g3an.memory import activation_floats
from mocogan_chainer.models.g3an.sampler import G3ANSampler
from mocogan_chainer.models.g3an.updater import G3ANUpdater


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build networks, updater and sampler from the config's ``model`` section.

    Raises:
        ConfigError: a value is out of range, or the config does not fit the data.
    """
    model, length = config["model"], config["video_length"]
    _check_values(model)
    _check_size(model, data.size)
    steps = sizes.motion_steps(length)
    require_range("batchsize", config["batchsize"], low=2)  # batch normalization needs two
    if config["image_batchsize"] is not None:
        raise ConfigError(
            f"image_batchsize={config['image_batchsize']}: G3AN's images are a frame of each video; leave it unset"
        )
    categories = _n_categories(model, data)
    networks = _networks(model, config["seed"], data.size, categories)
    return Family(
        networks=networks,
        averaged="generator",
        iterators=partial(_iterators, config),
        updater=partial(G3ANUpdater, **networks, motion_steps=steps),
        sampler=partial(G3ANSampler, class_names=data.class_names if categories else ()),
        activation_floats=activation_floats(
            size=data.size,
            length=length,
            batchsize=config["batchsize"],
            ch_g=model["ch_g"],
            ch_d=model["ch_d"],
            mode=model["mode"],
            attention=model["attention"],
            weights=sum(
                link.W.size
                for network in networks.values()
                for link in network.links()
                if isinstance(link, SpectralLink)
            ),
        ),
    )


def _networks(model: dict[str, Any], seed: int, size: int, categories: int) -> dict[str, chainer.Chain]:
    return {
        "generator": Generator(
            size=size,
            ch=model["ch_g"],
            code_sizes=CodeSizes(model["dim_za"], model["dim_zm"], categories),
            dim_category=model["dim_category"],
            mode=model["mode"],
            attention=model["attention"],
            rng=seeding.stream(seed, "weights", "generator"),
        ),
        "image_discriminator": ImageDiscriminator(
            size=size, ch=model["ch_d"], rng=seeding.stream(seed, "weights", "image_discriminator")
        ),
        "video_discriminator": VideoDiscriminator(
            size=size,
            ch=model["ch_d"],
            categories=categories,
            rng=seeding.stream(seed, "weights", "video_discriminator"),
        ),
    }


def _iterators(
    config: dict[str, Any], dataset: PreparedDataset, stream: Callable[[str], np.random.Generator]
) -> dict[str, DatasetIterator]:
    strides = range(config["every_nth"], config["every_nth"] + config["model"]["stride_spread"] + 1)
    drawn = {"flip": config["flip"], "balance": config["balance_classes"]}
    length = config["video_length"]
    return {"main": ClipIterator(dataset, config["batchsize"], length, strides, stream("clips"), **drawn)}


def _check_values(model: dict[str, Any]) -> None:
    require_one_of("model.mode", model["mode"], MODES)
    for name in ("dim_za", "dim_zm", "dim_category", "ch_g", "ch_d"):
        require_range(f"model.{name}", model[name], 1, 8192)
    require_range("model.stride_spread", model["stride_spread"], 0, 1000)


def _check_size(model: dict[str, Any], size: int) -> None:
    _, doublings = sizes.split_size(size)
    if model["attention"] and doublings < sizes.BLOCK_BEFORE_ATTENTION:
        raise ConfigError(
            f"model.attention=true: it follows the fourth block, and frames of {size} pixels have {doublings + 1}; set "
            "it to false, or prepare the data again with --size 32 or more"
        )


def _n_categories(model: dict[str, Any], data: DataDescription) -> int:
    if not model["conditional"]:
        return 0
    if not data.n_classes:
        raise ConfigError(f"model.conditional=true: {data.name} has no classes; set it to false")
    if data.unlabelled:
        raise ConfigError(
            f"model.conditional=true: {data.unlabelled} videos of {data.name} have no class; leave them out of the "
            "data, or set it to false"
        )
    return data.n_classes
