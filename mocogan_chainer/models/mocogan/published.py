"""Weights of the published PyTorch networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

import chainer
import numpy as np

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.mocogan.generator import Generator

_NORM_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "avg_mean", "running_var": "avg_var"}
_GRU_NAMES = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}


def load_published(network: Generator | Discriminator, state_dict: Mapping[str, np.ndarray]) -> None:
    """Copy a published network's weights into ours.

    The published networks number their layers ("main.4.weight"), noise and rectifiers included; what counts here is the
    order of convolutions and of normalizations.

    Raises:
        SnapshotError: an array is missing, left over or of another shape.
    """
    ours = _arrays_of(network)
    theirs = _in_our_names(state_dict)
    for name in sorted(ours.keys() - theirs.keys()):
        raise SnapshotError(f"{name}: the checkpoint lacks it; it belongs to another network")
    for name in sorted(theirs.keys() - ours.keys()):
        raise SnapshotError(f"{name}: this network has no such array; the checkpoint belongs to another one")
    for name, array in ours.items():
        if array.shape != theirs[name].shape:
            raise SnapshotError(
                f"{name}: the checkpoint has shape {theirs[name].shape} where the network needs {array.shape}"
            )
    for name, array in ours.items():
        array[...] = network.xp.asarray(theirs[name])


def _in_our_names(state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    layers: dict[int, dict[str, np.ndarray]] = {}
    named = {}
    for key, value in state_dict.items():
        match = re.fullmatch(r"(?:module\.)?(main\.(\d+)|recurrent)\.(\w+)", key)
        if not match:
            raise SnapshotError(f"{key}: no network of MoCoGAN has an array of this name")
        if match[2] is None:
            named[f"motion/{_GRU_NAMES.get(match[3], match[3])}"] = value
        elif match[3] != "num_batches_tracked":
            layers.setdefault(int(match[2]), {})[match[3]] = value
    convolutions = norms = 0
    for number in sorted(layers):
        layer = layers[number]
        if "running_mean" in layer:
            named.update({f"norm{norms}/{_NORM_NAMES.get(k, k)}": v for k, v in layer.items()})
            norms += 1
        else:
            named.update({f"conv{convolutions}/{k}": v for k, v in layer.items()})
            convolutions += 1
    return named


def _arrays_of(network: Generator | Discriminator) -> dict[str, np.ndarray]:
    last = network.to_rgb if isinstance(network, Generator) else network.to_scores
    convolutions: list[chainer.Link] = [*(block.conv for block in network.blocks), last]
    norms = [block.norm for block in network.blocks if hasattr(block, "norm")]
    arrays = {f"conv{i}/weight": link.W.array for i, link in enumerate(convolutions)}
    for i, norm in enumerate(norms):
        arrays[f"norm{i}/gamma"], arrays[f"norm{i}/beta"] = norm.gamma.array, norm.beta.array
        arrays[f"norm{i}/avg_mean"], arrays[f"norm{i}/avg_var"] = norm.avg_mean, norm.avg_var
    if isinstance(network, Generator):
        arrays.update({f"motion/{p.name}": p.array for p in network.motion.params()})
    return arrays
