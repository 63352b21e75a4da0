"""What a model family hands to the rest of the toolkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import chainer
import numpy as np
from chainer.dataset import Iterator
from chainer.training.updaters import StandardUpdater


@dataclass(frozen=True)
class Family:
    """Networks, and how to feed, update and sample them.

    Attributes:
        networks: every trained network by its name; each gets an optimizer of its own and reports under its name.
        averaged: the name of the network that sampling uses and whose moving average is kept.
        iterators: ``iterators(dataset, stream) -> {name: Iterator}``; ``stream(name)`` gives a random stream; the
            iterator "main" counts the epochs.
        updater: ``updater(iterators=, optimizers=, device=, stream=, ema=) -> StandardUpdater``.
        sampler: ``sampler(network) -> Sampler`` (see :mod:`mocogan_chainer.sampling`), for the averaged network or its
            average.
        activation_floats: numbers that the largest update of a step keeps for its backward pass; an estimate.
    """

    networks: Mapping[str, chainer.Chain]
    averaged: str
    iterators: Callable[[Any, Callable[[str], np.random.Generator]], dict[str, Iterator]]
    updater: Callable[..., StandardUpdater]
    sampler: Callable[[chainer.Chain], Any]
    activation_floats: int
