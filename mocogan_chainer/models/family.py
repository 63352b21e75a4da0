"""What a model family hands to the rest of the toolkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import chainer
import numpy as np

from mocogan_chainer.datasets.iterators import DatasetIterator
from mocogan_chainer.models.updater import GANUpdater


@dataclass(frozen=True)
class Family:
    """Networks, and how to feed, update and sample them.

    Attributes:
        networks: every trained network by its name; each gets an optimizer of its own and reports under its name.
        averaged: the name of the network that sampling uses and whose moving average is kept.
        iterators: ``iterators(dataset, stream) -> {name: DatasetIterator}``; ``stream(name)`` gives a random stream;
            the iterator "main" counts the epochs.
        updater: ``updater(iterators=, optimizers=, device=, stream=, ema=) -> GANUpdater``.
        sampler: ``sampler(network) -> Sampler | Animator | Forecaster`` (see :mod:`mocogan_chainer.sampling`), for the
            averaged network or its average.
        activation_floats: the most numbers alive at once in a step, besides parameters and gradients; an estimate.
        scales_frames: whether the iterators bring frames of any size to that of the networks.
    """

    networks: Mapping[str, chainer.Chain]
    averaged: str
    iterators: Callable[[Any, Callable[[str], np.random.Generator]], dict[str, DatasetIterator]]
    updater: Callable[..., GANUpdater]
    sampler: Callable[[chainer.Chain], Any]
    activation_floats: int
    scales_frames: bool = False


@dataclass(frozen=True)
class Inferred:
    """What the arrays of published networks tell.

    Attributes:
        model: the name of its settings in configs/model.
        settings: those that the shapes decide, by dotted name.
        size: height and width of the frames.
        n_classes: how many classes the data had, as far as the networks depend on them.
        remarks: a line for each thing that was assumed, and how to say otherwise.
    """

    model: str
    settings: Mapping[str, Any]
    size: int
    n_classes: int
    remarks: tuple[str, ...]


class PublishedForm(Protocol):
    """What ``models/FAMILY/published.py`` has, if there is one: its networks as the published code saves them.

    Arrays are by the names of the published ``state_dict()``. Errors are SnapshotError where files are at fault and
    ConfigError where what the user said is.
    """

    NETWORKS: tuple[str, ...]
    """Names of ``Family.networks``; the first is the one that is sampled, and the only one that must be there."""

    def recognize(self, arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
        """Return which of ``NETWORKS`` the arrays can be of; several where networks of one form have two jobs."""

    def infer(
        self, files: Mapping[str, Mapping[str, np.ndarray]], *, model: str | None, n_categories: int | None
    ) -> Inferred:
        """Infer settings from the arrays by network, and from what the user says of model and categories."""

    def load(self, network: chainer.Chain, arrays: Mapping[str, np.ndarray]) -> None:
        """Copy the arrays into a network of :func:`mocogan_chainer.models.build`."""

    def dump(self, network: chainer.Chain) -> dict[str, np.ndarray]:
        """Return the network's arrays, on the CPU, in the published order."""

    def remarks(self, networks: Mapping[str, chainer.Chain], config: dict[str, Any]) -> list[str]:
        """Say of each network what in the published code takes its arrays; ``config`` is the resolved one."""
