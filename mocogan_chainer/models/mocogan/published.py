"""Weights of the published PyTorch networks, in and out (doc/checkpoints.md).

The interface is :class:`mocogan_chainer.models.family.PublishedForm`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import chainer
import numpy as np

from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.published_layers import StateDict, in_order
from mocogan_chainer.models.mocogan.published_sizes import NETWORKS, infer, recognize
from mocogan_chainer.models.mocogan.sizes import PUBLISHED_HALVINGS
from mocogan_chainer.models.published_arrays import require_weights

__all__ = ["NETWORKS", "dump", "infer", "load", "recognize", "remarks"]

_NORM_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "avg_mean", "running_var": "avg_var"}
_GRU_NAMES = {"weight_ih": "W_i", "weight_hh": "W_h", "bias_ih": "b_i", "bias_hh": "b_h"}
_PUBLISHED_SIZE = 4 * 2**PUBLISHED_HALVINGS


def load(network: Generator | Discriminator, state_dict: StateDict) -> None:
    """Copy a published network's weights into ours.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or type, not finite, or a negative variance.
    """
    ours = _arrays_of(network)
    theirs = _in_our_names(state_dict)
    require_weights(theirs, {name: array.shape for name, array in ours.items()})
    for name, array in ours.items():
        array[...] = network.xp.asarray(theirs[name])


def dump(network: Generator | Discriminator) -> dict[str, np.ndarray]:
    """Return a network's arrays under the published names, in the published order; the inverse of :func:`load`.

    There is no num_batches_tracked: PyTorch before 0.4.1 refuses it, and later ones do without.
    """
    ours = {name: chainer.get_device("@numpy").send(array) for name, array in _arrays_of(network).items()}
    numbers = _numbers(network)
    parts = {"conv": {"weight": "weight"}, "norm": _NORM_NAMES}
    result = {}
    if isinstance(network, Generator):
        result.update({f"recurrent.{theirs}": ours[f"motion/{name}"] for theirs, name in _GRU_NAMES.items()})
    for layer, number in sorted(numbers.items(), key=lambda item: item[1]):
        for theirs, name in parts[layer[:4]].items():
            result[f"main.{number}.{theirs}"] = ours[f"{layer}/{name}"]
    return result


def remarks(networks: Mapping[str, Generator | Discriminator], config: dict[str, Any]) -> list[str]:
    """Say for each network which published class takes its arrays, and where none does so unchanged, what differs."""
    size = networks["generator"].size
    lines = []
    for name, network in networks.items():
        if name == "generator":
            kind, differs = _generator_class(network, config["video_length"])
        else:
            kind, differs = _discriminator_class(name, network)
        if size != _PUBLISHED_SIZE:
            differs.insert(0, f"it is for {_PUBLISHED_SIZE} pixels and this for {size}, so main has other layers")
        changed = f", changed by hand: {'; '.join(differs)}" if differs else ""
        lines.append(f"{name}: for the published {kind}{changed}")
    return lines


def _generator_class(generator: Generator, length: int) -> tuple[str, list[str]]:
    sizes, differs = generator.code_sizes, []
    if generator.category_to == "motion":
        differs.append(
            f"the category goes to the GRU's input (model.category_to=motion), so recurrent is "
            f"GRUCell({sizes.motion + sizes.categories}, {sizes.motion}) and main has no category"
        )
    n_filters = generator.to_rgb.W.shape[0]
    return (
        f"VideoGenerator(3, dim_z_content={sizes.content}, dim_z_category={sizes.categories}, "
        f"dim_z_motion={sizes.motion}, video_length={length}, ngf={n_filters})",
        differs,
    )


def _discriminator_class(name: str, discriminator: Discriminator) -> tuple[str, list[str]]:
    n_filters, channels = discriminator.blocks[0].conv.W.shape[:2]
    outputs, patch = discriminator.to_scores.W.shape[0], _is_patch(discriminator)
    kind = f"{'Patch' if patch else ''}{'Image' if name == 'image_discriminator' else 'Video'}Discriminator"
    more, differs = f", ndf={n_filters}", []
    if patch and outputs > 1:
        differs.append(f"its last layer has 1 output and this one {outputs}")
    elif outputs > 1 and n_filters == 64:  # the published categorical class takes no width
        kind, more = "CategoricalVideoDiscriminator", f", dim_categorical={outputs - 1}"
    elif outputs > 1:
        more = f", n_output_neurons={outputs}{more}"
    return f"{kind}({channels}{more})", differs


def _numbers(network: Generator | Discriminator) -> dict[str, int]:
    """Return the published number of each layer, which counts noise and rectifiers."""
    n_blocks = len(network.blocks)
    if isinstance(network, Generator):  # deconvolution, normalization, ReLU; then the last deconvolution
        blocks = {f"conv{i}": 3 * i for i in range(n_blocks)} | {f"norm{i}": 3 * i + 1 for i in range(n_blocks)}
        return blocks | {f"conv{n_blocks}": 3 * n_blocks}
    # Noise, convolution, normalization, LeakyReLU; the first block has no normalization.
    blocks = {f"conv{i}": 4 * i for i in range(1, n_blocks)} | {f"norm{i - 1}": 4 * i + 1 for i in range(1, n_blocks)}
    noise_last = _is_patch(network) and network.to_scores.W.ndim == 4
    return {"conv0": 1} | blocks | {f"conv{n_blocks}": 4 * n_blocks - (not noise_last)}


def _is_patch(discriminator: Discriminator) -> bool:
    return discriminator.to_scores.stride != 1


def _in_our_names(state_dict: StateDict) -> dict[str, np.ndarray]:
    layers = in_order(state_dict)
    named = {f"motion/{_GRU_NAMES.get(key, key)}": value for key, value in layers.motion.items()}
    for i, layer in enumerate(layers.convolutions):
        named.update({f"conv{i}/{key}": value for key, value in layer.items()})
    for i, layer in enumerate(layers.norms):
        named.update({f"norm{i}/{_NORM_NAMES.get(key, key)}": value for key, value in layer.items()})
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
