"""The set that training makes where the user has not said what to train on and nothing is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mocogan_chainer import preprocessing
from mocogan_chainer.config import Config
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.preprocessing import shapes
from mocogan_chainer.wording import Say

UNLESS_SET = "data"
"""The setting's default: a prepared dataset, or the folder that they lie in."""

PLACE = "data/shapes"
"""Where the set is made: beside others, which could not lie in a prepared dataset."""


def chosen(dataset: str) -> str:
    """Return the dataset that is meant: :data:`PLACE` for the default where nothing else lies there."""
    folder = Path(UNLESS_SET)
    if Path(dataset) != folder or (folder / layout.META).exists():
        return dataset
    others = [meta.parent for meta in folder.glob(f"*/{layout.META}") if meta.parent != Path(PLACE)]
    return dataset if others else PLACE


def is_missing(config: Config) -> bool:
    """Whether the config asks for the set, and it is not there yet."""
    return Path(config["dataset"]) == Path(PLACE) and not Path(PLACE).exists()


def describe(config: Config) -> DataDescription:
    """Return what the set would be, at the size that the config asks for."""
    described = DataDescription("shapes", shapes.SIZE, 3, shapes.CLASS_NAMES)
    return described if config["size"] is None else replace(described, size=config["size"])


def prepare(config: Config, say: Say) -> None:
    """Make the set if it is missing."""
    if is_missing(config):
        say(f"no data at {PLACE} yet: preparing the built-in shape-motion set there")
        preprocessing.prepare("shapes", None, PLACE, seed=config["seed"], size=describe(config).size)
