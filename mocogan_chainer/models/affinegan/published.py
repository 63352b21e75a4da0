"""Weights of the published PyTorch networks, in and out (doc/checkpoints.md).

The interface is :class:`mocogan_chainer.models.family.PublishedForm`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import chainer
import numpy as np

from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.models.affinegan.discriminators import AlphaDiscriminator, PatchDiscriminator
from mocogan_chainer.models.affinegan.layers import Deconvolution
from mocogan_chainer.models.affinegan.resnet import BLOCKS, ResNetGenerator
from mocogan_chainer.models.affinegan.unet import HALVINGS, UNetGenerator
from mocogan_chainer.models.family import Inferred
from mocogan_chainer.models.published_arrays import (
    StateDict,
    common_width,
    plain_names,
    require_shape,
    require_weights,
    shown_name,
)

NETWORKS = ("generator", "discriminator", "alpha_discriminator", "patch_discriminator")

Network = UNetGenerator | ResNetGenerator | PatchDiscriminator | AlphaDiscriminator

_FIRST_ARRAYS = {
    "model.down_base.0.weight": ("generator",),
    "down_base.1.weight": ("generator",),
    "model.0.weight": ("discriminator", "patch_discriminator"),
    "net.0.weight": ("alpha_discriminator",),
}
"""What a network's first array is called, and which networks it can be."""

_RESNET_SIZE = 256
_FIRST_BLOCK = 10  # of a residual encoder's layers


def recognize(arrays: StateDict) -> tuple[str, ...]:
    """Return which of :data:`NETWORKS` the arrays can be of.

    Raises:
        SnapshotError: none.
    """
    arrays = plain_names(arrays)
    found = [networks for name, networks in _FIRST_ARRAYS.items() if name in arrays]
    if len(found) != 1:
        name = shown_name(next(iter(arrays), "no array at all"))
        raise SnapshotError(f"{name}: no AffineGAN network begins like this; it would be model.*, down_base.* or net.*")
    for name in arrays:
        if name.endswith("running_mean"):
            raise SnapshotError(
                f"{shown_name(name)}: its normalization has statistics; networks with instance normalization are read, "
                "as published (norm=instance)"
            )
    return found[0]


def infer(files: Mapping[str, StateDict], *, model: str | None, n_categories: int | None) -> Inferred:
    """Infer settings from the arrays by network.

    Args:
        files: the arrays; the generator's must be there.
        model: the name of the settings, or None.
        n_categories: what the user says of categories, or None.

    Raises:
        SnapshotError: arrays that are needed are missing or of another form.
        ConfigError: ``n_categories`` is more than one.
    """
    if (n_categories or 0) > 1:
        raise ConfigError(
            f"--classes, --categories: {n_categories} of them, and AffineGAN learns one expression at a time; name "
            "that one with --classes, or none"
        )
    arrays = {name: plain_names(state) for name, state in files.items()}
    settings, size, remarks = _of_generator(arrays["generator"])
    width = common_width(arrays, "model.0.weight", {"discriminator": 4, "patch_discriminator": 4})
    if width is not None:
        settings["model.ndf"] = width
    else:
        remarks.append("discriminators as wide as published; say otherwise with --set model.ndf=N")
    if "alpha_discriminator" in arrays:
        settings["model.train_imagenum"] = require_shape(arrays["alpha_discriminator"], "net.0.weight", 2)[1]
    else:
        remarks.append("5 frames of a video per step, as published; say otherwise with --set model.train_imagenum=N")
    if "patch_discriminator" in arrays:
        settings["model.patch"] = True
    return Inferred(
        model=model or "affinegan",
        settings=settings,
        size=size,
        n_classes=n_categories or 0,
        remarks=tuple(remarks),
    )


def load(network: Network, arrays: StateDict) -> None:
    """Copy a published network's weights into ours, but for biases before normalizations, which change nothing.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or type, or not finite.
    """
    theirs = plain_names(arrays)
    require_weights(theirs, {name: shape for name, shape, _ in _arrays_of(network)})
    for name, _, ours in _arrays_of(network):
        if ours is not None:
            ours[...] = network.xp.asarray(theirs[name])


def dump(network: Network) -> dict[str, np.ndarray]:
    """Return a network's arrays under the published names, in the published order.

    The biases before normalizations are 0: the same network as what :func:`load` was given, not the same numbers.
    """
    cpu = chainer.get_device("@numpy")
    return {
        name: np.zeros(shape, np.float32) if array is None else cpu.send(array)
        for name, shape, array in _arrays_of(network)
    }


def remarks(networks: Mapping[str, Network], config: dict[str, Any]) -> list[str]:
    """Say for each network what in the published code makes one that takes its arrays."""
    model = config["model"]
    sigmoid = f"'instance', use_sigmoid={model['gan_loss'] == 'vanilla'}"
    calls = {
        "generator": f"define_G(3, 3, {model['ngf']}, '{model['generator']}', 'instance', {model['dropout']})",
        "discriminator": f"define_D(6, {model['ndf']}, 'basic', 3, {sigmoid})",
        "alpha_discriminator": f"define_D_alpha({model['train_imagenum']}, {sigmoid})",
    }
    calls["patch_discriminator"] = calls["discriminator"]
    return [f"{name}: for the published {calls[name]}" for name in networks]


def _of_generator(arrays: StateDict) -> tuple[dict[str, Any], int, list[str]]:
    """Return the settings that a generator tells, the size of its pictures, and what was assumed."""
    if "model.down_base.0.weight" in arrays:
        levels = {
            match[1].count(".sub") for name in arrays if (match := re.match(r"model((?:\.sub)*)\.down_base\.", name))
        }
        form = _form(HALVINGS, max(levels) + 1, "levels")
        settings = {
            "model.generator": form,
            "model.ngf": require_shape(arrays, "model.down_base.0.weight", 4)[0],
        }
        remark = "dropout in training (model.dropout=true); say otherwise with --set model.dropout=false"
        return settings, 2 ** HALVINGS[form], [remark]
    blocks = {match[1] for name in arrays if (match := re.match(r"down_base\.(\d+)\.conv_block\.", name))}
    settings = {
        "model.generator": _form(BLOCKS, len(blocks), "blocks"),
        "model.ngf": require_shape(arrays, "down_base.1.weight", 4)[0],
        "model.dropout": f"down_base.{_FIRST_BLOCK}.conv_block.6.weight" in arrays,
    }
    remark = f"pictures of {_RESNET_SIZE} x {_RESNET_SIZE} pixels; say otherwise with --set model.fine_size=N"
    return settings, _RESNET_SIZE, [remark]


def _form(forms: Mapping[str, int], count: int, what: str) -> str:
    for name, number in forms.items():
        if number == count:
            return name
    known = ", ".join(f"{number} ({name})" for name, number in forms.items())
    raise SnapshotError(f"its generator has {count} {what}, and there are published ones of {known}")


def _arrays_of(network: Network) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Published names, shapes, and our arrays in the published order; None for a bias that ours does not have."""
    for name, layer in _layers_of(network):
        yield f"{name}.weight", layer.W.shape, layer.W.array
        outputs = layer.W.shape[1 if isinstance(layer, Deconvolution) else 0]
        yield f"{name}.bias", (outputs,), layer.b.array if hasattr(layer, "b") else None


def _layers_of(network: Network) -> Iterator[tuple[str, chainer.Link]]:
    """Our layers by the published names, in the published order."""
    if isinstance(network, UNetGenerator):
        down = zip(network.base.convolutions, network.residual.convolutions, strict=True)
        up = reversed([*network.up, network.to_rgb])
        for level, ((base, residual), deconvolution) in enumerate(zip(down, up, strict=True)):
            prefix = "model" + level * ".sub"
            yield f"{prefix}.down_base.{min(level, 1)}", base  # behind a LeakyReLU but for the first
            yield f"{prefix}.down_res.{min(level, 1)}", residual
            yield f"{prefix}.up_all.1", deconvolution
    elif isinstance(network, ResNetGenerator):
        for prefix, encoder in (("down_base", network.base), ("down_res", network.residual)):
            for number, layer in zip((1, 4, 7), (encoder.first, *encoder.down), strict=True):
                yield f"{prefix}.{number}", layer
            for number, block in enumerate(encoder.blocks, _FIRST_BLOCK):
                yield f"{prefix}.{number}.conv_block.1", block.first
                yield f"{prefix}.{number}.conv_block.{6 if block.dropout else 5}", block.second
        for number, layer in zip((0, 3, 7), (*network.up, network.to_rgb), strict=True):
            yield f"up_all.{number}", layer
    elif isinstance(network, PatchDiscriminator):
        for number, layer in zip((0, 2, 5, 8, 11), (network.first, *network.layers, network.to_scores), strict=True):
            yield f"model.{number}", layer
    else:
        for number, layer in zip((0, 2, 4), network.layers, strict=True):
            yield f"net.{number}", layer
