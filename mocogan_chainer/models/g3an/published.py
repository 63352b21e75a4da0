"""Weights of the published PyTorch networks, in and out.

The interface is :class:`mocogan_chainer.models.family.PublishedForm`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import chainer
import numpy as np

from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.links import SpectralLink
from mocogan_chainer.models.family import Inferred
from mocogan_chainer.models.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from mocogan_chainer.models.g3an.generator import Generator, UpBlock
from mocogan_chainer.models.published_arrays import (
    PREFIX,
    StateDict,
    common_width,
    plain_names,
    require_shape,
    require_weights,
    shown_name,
)

NETWORKS = ("generator", "image_discriminator", "video_discriminator")

Network = Generator | ImageDiscriminator | VideoDiscriminator

_PUBLISHED_BLOCKS = 5
_EMBEDDING = "embedding"  # ours alone: the published networks have no categories


def recognize(arrays: StateDict) -> tuple[str, ...]:
    """Return which of :data:`NETWORKS` the arrays can be of.

    Raises:
        SnapshotError: none.
    """
    arrays = plain_names(arrays)
    if "block1.conv_s.0.weight_orig" in arrays:
        return ("generator",)
    first = arrays.get("net.0.weight_orig")
    if first is not None and first.ndim in (4, 5):
        return ("image_discriminator",) if first.ndim == 4 else ("video_discriminator",)
    name = next(iter(arrays), "no array at all")
    raise SnapshotError(f"{shown_name(name)}: no G3AN network begins like this; their arrays are block1.* or net.*")


def infer(files: Mapping[str, StateDict], *, model: str | None, n_categories: int | None) -> Inferred:
    """Infer settings from the arrays by network.

    Args:
        files: the arrays; the generator's must be there.
        model: the name of the settings, or None.
        n_categories: what the user says of categories, or None.

    Raises:
        SnapshotError: arrays that are needed are missing or of another form.
        ConfigError: ``n_categories`` is not what the generator has.
    """
    arrays = {name: plain_names(state) for name, state in files.items()}
    generator = arrays["generator"]
    blocks = len({name.split(".")[0] for name in generator if re.match(r"block\d+\.", name)})
    appearance, widest, _, base, _ = require_shape(generator, "block1.conv_s.0.weight_orig", 5)
    embedding = f"{_EMBEDDING}.weight"
    classes, embedded = require_shape(generator, embedding, 2) if embedding in generator else (0, None)
    if n_categories not in (None, classes):
        raise ConfigError(f"--categories {n_categories}: the generator has {classes}; leave it out")
    settings = {
        "model.dim_za": appearance - (embedded or 0),
        "model.dim_zm": require_shape(generator, "block1.conv_t.0.weight_orig", 5)[0],
        "model.ch_g": widest // 8,
        "model.mode": _mode(generator),
        "model.attention": "fsa.tsa.gamma" in generator,
        "model.conditional": classes > 0,
    }
    if classes:
        settings["model.dim_category"] = embedded
    remarks = []
    width = common_width(arrays, "net.0.weight_orig", {"image_discriminator": 4, "video_discriminator": 5})
    if width is not None:
        settings["model.ch_d"] = width
    else:
        remarks.append("discriminators as wide as published; say otherwise with --set model.ch_d=N")
    return Inferred(
        model=model or "g3an",
        settings=settings,
        size=base * 2 ** (blocks - 1),
        n_classes=classes,
        remarks=tuple(remarks),
    )


def load(network: Network, arrays: StateDict) -> None:
    """Copy a published network's weights into ours.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or type, not finite, or a negative variance.
    """
    theirs = plain_names(arrays)
    biases = {f"{name}.bias": block for name, block in _up_blocks(network)}
    ours = dict(_arrays_of(network))
    needed = {name: array.shape for name, array in ours.items()}
    needed |= {name: block.norm.beta.shape for name, block in biases.items()}
    require_weights(theirs, needed)
    for name, array in ours.items():
        array[...] = network.xp.asarray(theirs[name])
    for name, block in biases.items():  # what a bias adds, normalization takes away with the mean
        block.norm.avg_mean -= network.xp.asarray(theirs[name])


def dump(network: Network) -> dict[str, np.ndarray]:
    """Return a network's arrays under the published names (DataParallel's), in the published order.

    The biases before normalizations are 0, and the running means without them: the same network as what :func:`load`
    was given, not the same numbers. There is no num_batches_tracked, as PyTorch does without.
    """
    cpu = chainer.get_device("@numpy")
    biases = {f"{name}.weight_orig": block for name, block in _up_blocks(network)}
    result = {}
    for name, array in _arrays_of(network):
        if name in biases:
            bias = name.replace("weight_orig", "bias")
            result[PREFIX + bias] = np.zeros(biases[name].norm.beta.shape, np.float32)
        result[PREFIX + name] = cpu.send(array)
    return result


def remarks(networks: Mapping[str, Network], config: dict[str, Any]) -> list[str]:
    """Say for each network which published class takes its arrays, and where none does so unchanged, what differs."""
    model, blocks = config["model"], len(networks["generator"].blocks)
    classes = {
        "generator": f"Generator({model['dim_za']}, {model['dim_zm']}, {model['ch_g']}, '{model['mode']}', "
        f"{model['attention']})",
        "image_discriminator": f"ImageDiscriminator({model['ch_d']})",
        "video_discriminator": f"VideoDiscriminator({model['ch_d']})",
    }
    lines = []
    for name, network in networks.items():
        differs = [] if blocks == _PUBLISHED_BLOCKS else ["it is for frames of another size, with more or fewer layers"]
        if any(key.startswith(_EMBEDDING) for key, _ in _arrays_of(network)):
            differs.append("it has categories (model.conditional=true)")
        changed = f", changed by hand: {'; '.join(differs)}" if differs else ""
        lines.append(f"{name}: for the published {classes[name]} in DataParallel{changed}")
    return lines


def _mode(generator: StateDict) -> str:
    """Tell the mode by the first layer of the video stream: over time, over space, or both."""
    _, _, *kernel = require_shape(generator, "block1.conv_v.0.weight_orig", 5)
    in_time, in_space = kernel[0] > 1, kernel[1] > 1
    return "3d" if in_time and in_space else "1p2d" if in_time else "2p1d"


def _up_blocks(network: Network) -> Iterator[tuple[str, UpBlock]]:
    """Each deconvolution with its normalization, by the deconvolution's published name, in the published order."""
    if not isinstance(network, Generator):
        return
    for i, block in enumerate(network.blocks, 1):
        for j, layer in enumerate(block.video):
            yield f"block{i}.conv_v.{3 * j}", layer  # a normalization and a ReLU follow each
        yield f"block{i}.conv_s.0", block.spatial
        yield f"block{i}.conv_t.0", block.temporal


def _arrays_of(network: Network) -> Iterator[tuple[str, Any]]:
    """Our arrays by the published names, in the published order, without the biases that ours do not have."""
    for name, block in _up_blocks(network):
        yield from _spectral(name, block.conv)
        stem, _, number = name.rpartition(".")
        norm = f"{stem}.{int(number) + 1}"
        yield f"{norm}.weight", block.norm.gamma.array
        yield f"{norm}.bias", block.norm.beta.array
        yield f"{norm}.running_mean", block.norm.avg_mean
        yield f"{norm}.running_var", block.norm.avg_var
    if not isinstance(network, Generator):
        for i, layer in enumerate(network.layers):
            yield from _spectral(f"net.{2 * i}", layer)  # a LeakyReLU follows each
        if hasattr(network, "embedding"):
            yield from _spectral(_EMBEDDING, network.embedding)
        return
    if hasattr(network, "attention"):
        for name, part in (("tsa", network.attention.time), ("ssa", network.attention.space)):
            yield f"fsa.{name}.gamma", part.scale.array
            for letter, layer in (("q", part.query), ("k", part.key), ("v", part.value)):
                yield from _spectral(f"fsa.{name}.{letter}_conv", layer)
    yield "to_rgb.0.weight", network.to_rgb.W.array
    yield "to_rgb.0.bias", network.rgb_bias.array
    if hasattr(network, "embedding"):
        yield f"{_EMBEDDING}.weight", network.embedding.array


def _spectral(name: str, link: SpectralLink) -> Iterator[tuple[str, Any]]:
    if hasattr(link, "b"):
        yield f"{name}.bias", link.b.array
    yield f"{name}.weight_orig", link.W.array
    yield f"{name}.weight_u", link.u
    yield f"{name}.weight_v", link.v
