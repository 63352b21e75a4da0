"""The layers of a published network's state dict, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.models.published_arrays import StateDict, shown_name


@dataclass(frozen=True)
class Layers:
    """Arrays by their published names within a layer ("weight", "running_mean", "weight_hh").

    Attributes:
        convolutions: of each convolution, from input to output.
        norms: of each batch normalization, likewise.
        motion: of the GRU; empty in a discriminator.
    """

    convolutions: tuple[StateDict, ...]
    norms: tuple[StateDict, ...]
    motion: StateDict


def in_order(state_dict: StateDict) -> Layers:
    """Sort a state dict into layers.

    The published networks number their layers ("main.4.weight"), noise and rectifiers included; what counts here is the
    order. DataParallel's "module." before a name is left aside, and so is num_batches_tracked, which changes nothing.

    Raises:
        SnapshotError: a name is not one of theirs, or appears with and without "module.".
    """
    layers: dict[int, dict[str, np.ndarray]] = {}
    motion: dict[str, np.ndarray] = {}
    for key, value in state_dict.items():
        match = re.fullmatch(r"(?:module\.)?(?:main\.([0-9]{1,6})|recurrent)\.(\w+)", key)
        if not match:
            raise SnapshotError(f"{shown_name(key)}: no MoCoGAN network has an array of this name")
        number, name = match.groups()
        layer = motion if number is None else layers.setdefault(int(number), {})
        if name in layer:
            raise SnapshotError(f"{shown_name(key)}: the checkpoint has it twice, once with and once without module.")
        layer[name] = value
    convolutions, norms = [], []
    for number in sorted(layers):
        layer = {name: value for name, value in layers[number].items() if name != "num_batches_tracked"}
        norm = "running_mean" in layer or ("weight" in layer and layer["weight"].ndim == 1)
        (norms if norm else convolutions).append(layer)
    return Layers(tuple(convolutions), tuple(norms), motion)
