"""AffineGAN: Facial Image-to-Video Translation by a Hidden Affine Transformation (Shen et al., ACM Multimedia 2019)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import chainer
import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import DatasetIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError, require_one_of, require_range
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan.discriminators import AlphaDiscriminator, PatchDiscriminator
from mocogan_chainer.models.affinegan.generator import Generator
from mocogan_chainer.models.affinegan.iterator import FacesIterator
from mocogan_chainer.models.affinegan.memory import activation_floats
from mocogan_chainer.models.affinegan.resnet import BLOCKS, ResNetGenerator
from mocogan_chainer.models.affinegan.sampler import AffineGANAnimator
from mocogan_chainer.models.affinegan.unet import HALVINGS, UNetGenerator
from mocogan_chainer.models.affinegan.updater import OBJECTIVES, AffineGANUpdater, Weights
from mocogan_chainer.models.family import Family

_MARGIN = 286 / 256  # published: frames of 286 pixels, cut to 256
_LARGEST = 4096
_LEAST_OF_DISCRIMINATORS = 32  # pixels: below, the last of their scores has no place


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build networks, updater and sampler from the config's ``model`` section.

    Raises:
        ConfigError: a value is out of range, or the config does not fit the data.
    """
    model = config["model"]
    _check_values(model)
    _check_run(config)
    _check_data(data)
    _, fine_size = sizes(model)
    patch = data.masks if model["patch"] is None else model["patch"]
    noise = NoiseSource(config["seed"])
    networks = _networks(config, fine_size, patch, noise)
    return Family(
        networks=networks,
        averaged="generator",
        iterators=partial(_iterators, config, masks=patch),
        updater=partial(
            AffineGANUpdater,
            **networks,
            gan_loss=model["gan_loss"],
            sorts_alphas=_sorts_alphas(model),
            weights=Weights(model["lambda_L1"], model["lambda_A"], model["lambda_recons"]),
            noise=noise,
        ),
        sampler=AffineGANAnimator,
        activation_floats=activation_floats(
            size=fine_size,
            batchsize=config["batchsize"],
            frames=model["train_imagenum"],
            ngf=model["ngf"],
            ndf=model["ndf"],
            halvings=HALVINGS.get(model["generator"]),
            n_blocks=BLOCKS.get(model["generator"]),
            patch=patch,
            weights=networks["generator"].count_params(),
        ),
        scales_frames=True,
    )


def _networks(config: dict[str, Any], size: int, patch: bool, noise: NoiseSource) -> dict[str, chainer.Chain]:
    model = config["model"]

    def stream(name: str) -> np.random.Generator:
        return seeding.stream(config["seed"], "weights", name)

    networks = {
        "generator": _generator(model, size, noise, stream("generator")),
        "discriminator": PatchDiscriminator(ndf=model["ndf"], rng=stream("discriminator")),
        "alpha_discriminator": AlphaDiscriminator(n_alphas=model["train_imagenum"], rng=stream("alpha_discriminator")),
    }
    if patch:
        networks["patch_discriminator"] = PatchDiscriminator(ndf=model["ndf"], rng=stream("patch_discriminator"))
    return networks


def _iterators(
    config: dict[str, Any], dataset: PreparedDataset, stream: Callable[[str], np.random.Generator], masks: bool
) -> dict[str, DatasetIterator]:
    model = config["model"]
    return {
        "main": FacesIterator(
            dataset,
            config["batchsize"],
            model["train_imagenum"],
            config["every_nth"],
            *sizes(model),
            stream("faces"),
            flip=config["flip"],
            in_order=_sorts_alphas(model),
            masks=masks,
        )
    }


def _sorts_alphas(model: dict[str, Any]) -> bool:
    return model["alpha_samples"] == "sorted"


def sizes(model: dict[str, Any]) -> tuple[int, int]:
    """Return the sizes in pixels that frames are scaled to, and then cut to.

    Raises:
        ConfigError: one does not fit the other, or the generator.
    """
    halvings = HALVINGS.get(model["generator"])
    fine = model["fine_size"]
    if fine is None:
        fine = 256 if halvings is None else 2**halvings
    unit = 4 if halvings is None else 2**halvings
    require_range("model.fine_size", fine, _LEAST_OF_DISCRIMINATORS, _LARGEST)
    if fine % unit:
        raise ConfigError(
            f"model.fine_size={fine}: {model['generator']} takes multiples of {unit}; use one of them, or another "
            "model.generator"
        )
    load = round(fine * _MARGIN) if model["load_size"] is None else model["load_size"]
    if not fine <= load <= 4 * fine:
        raise ConfigError(
            f"model.load_size={load}: frames are scaled to it and then cut to model.fine_size={fine}; it must be "
            f"between {fine} and {4 * fine}"
        )
    return load, fine


def _generator(model: dict[str, Any], size: int, noise: NoiseSource, rng: np.random.Generator) -> Generator:
    common = {"size": size, "ngf": model["ngf"], "dropout": model["dropout"], "noise": noise, "rng": rng}
    if model["generator"] in BLOCKS:
        return ResNetGenerator(n_blocks=BLOCKS[model["generator"]], **common)
    return UNetGenerator(halvings=HALVINGS[model["generator"]], noise_sigma=model["noise_sigma"], **common)


def _check_values(model: dict[str, Any]) -> None:
    require_one_of("model.generator", model["generator"], (*HALVINGS, *BLOCKS))
    require_one_of("model.gan_loss", model["gan_loss"], OBJECTIVES)
    require_one_of("model.alpha_samples", model["alpha_samples"], ("unsorted", "sorted"))
    for name in ("ngf", "ndf"):
        require_range(f"model.{name}", model[name], 1, 1024)
    require_range("model.train_imagenum", model["train_imagenum"], 1, 1000)
    for name in ("lambda_L1", "lambda_A", "lambda_recons"):
        require_range(f"model.{name}", model[name], 0, 1e6)
    require_range("model.noise_sigma", model["noise_sigma"], 0, 100)


def _check_run(config: dict[str, Any]) -> None:
    if config["image_batchsize"] is not None:
        raise ConfigError(
            f"image_batchsize={config['image_batchsize']}: AffineGAN's images are model.train_imagenum frames of each "
            "video; leave it unset"
        )
    if config["balance_classes"]:
        raise ConfigError("balance_classes=true: AffineGAN learns one expression at a time; set it to false")


def _check_data(data: DataDescription) -> None:
    if data.n_classes > 1:
        raise ConfigError(
            f"{data.name}: AffineGAN learns one expression at a time, and these are {', '.join(data.class_names)}; "
            "prepare one of them alone, for example python preprocess.py expressions RAW/happy data/happy"
        )
