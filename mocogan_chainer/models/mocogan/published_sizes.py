"""What the arrays of published networks tell of the model that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.models.family import Inferred
from mocogan_chainer.models.mocogan.published_layers import Layers, StateDict, in_order
from mocogan_chainer.models.mocogan.sizes import split_size
from mocogan_chainer.models.sizes import doubling_widths

NETWORKS = ("generator", "image_discriminator", "video_discriminator")

_PUBLISHED_CONTENT = 50
_COLOURS = 3
_FEWEST_DECONVOLUTIONS, _MOST_DECONVOLUTIONS = 3, 10
"""Frames of 16 to 3072 pixels."""


def recognize(state_dict: StateDict) -> tuple[str, ...]:
    """Return which of ``NETWORKS`` the arrays can be of.

    Raises:
        SnapshotError: none.
    """
    layers = in_order(state_dict)
    dimensions = {layer["weight"].ndim - 2 for layer in layers.convolutions if "weight" in layer}
    if layers.motion and dimensions == {2}:
        return ("generator",)
    if not layers.motion and dimensions in ({2}, {3}):
        return ("image_discriminator",) if dimensions == {2} else ("video_discriminator",)
    raise SnapshotError(
        "its arrays are not those of a MoCoGAN network: a GRU and 2-D layers, 2-D layers, or 3-D layers"
    )


def infer(files: Mapping[str, StateDict], *, model: str | None = None, n_categories: int | None = None) -> Inferred:
    """Infer settings from a generator and from the discriminators that are there.

    Args:
        files: arrays by network; each is of that network, by :func:`recognize`.
        model: the model's name, where it is known.
        n_categories: the number of categories, where it is known.

    Raises:
        SnapshotError: the shapes are of no MoCoGAN, or of networks that do not belong together.
        ConfigError: the model or the number of categories that was given does not fit them.
    """
    generator = _generator(in_order(files["generator"]))
    seen = {name: _discriminator(name, in_order(files[name]), generator.size) for name in NETWORKS[1:] if name in files}
    remarks: list[str] = []
    categories = _categories(generator, seen, n_categories)
    if categories is None:
        categories = _guess_categories(generator, remarks)
    content = generator.code - (0 if generator.to_motion else categories)
    if content < 1:
        raise ConfigError(
            f"{categories} categories: the generator's code has {generator.code} numbers besides motion's "
            f"{generator.motion}, and some must be content"
        )
    variant = _variant(seen, categories, model, remarks)
    settings: dict[str, Any] = {
        "model.dim_zc": content,
        "model.dim_zm": generator.motion,
        "model.n_filters_gen": generator.n_filters,
        "model.category_to": "motion" if generator.to_motion else "image_generator",
    }
    if variant == "normal" and categories:
        settings["model.n_categories"] = categories
    for name, discriminator in seen.items():
        settings[f"model.{name}"] = "patch" if discriminator.patch else "full"
        settings[f"model.n_filters_{name[0]}dis"] = discriminator.n_filters
    return Inferred(
        model=model or variant,
        settings=settings,
        size=generator.size,
        n_classes=0 if variant == "normal" else categories,
        remarks=tuple(remarks),
    )


@dataclass(frozen=True)
class _Generator:
    size: int
    n_filters: int
    code: int  # numbers besides motion's
    motion: int
    to_motion: int  # categories at the GRU's input


@dataclass(frozen=True)
class _Discriminator:
    patch: bool
    n_filters: int
    in_channels: int
    outputs: int


def _generator(layers: Layers) -> _Generator:
    if any(layers.motion.get(name) is None or layers.motion[name].ndim != 2 for name in ("weight_ih", "weight_hh")):
        raise SnapshotError("generator: it lacks the two weights of a GRUCell called recurrent")
    shapes = _shapes("generator", layers, dimensions=2)
    base, count = shapes[0][2], len(shapes)
    if base not in (4, 6) or not _FEWEST_DECONVOLUTIONS <= count <= _MOST_DECONVOLUTIONS:
        raise SnapshotError(
            f"generator: {count} deconvolutions, the first {base} x {base}; MoCoGAN's has {_FEWEST_DECONVOLUTIONS} to "
            f"{_MOST_DECONVOLUTIONS}, the first 4 x 4 or 6 x 6"
        )
    size = base * 2 ** (count - 1)
    n_filters = shapes[-1][0]
    expected = [shapes[0][0], *doubling_widths(n_filters, count - 1)[::-1], _COLOURS]
    _require_channels("generator", [s[:2] for s in shapes], expected)
    motion, input_size = layers.motion["weight_hh"].shape[1], layers.motion["weight_ih"].shape[1]
    if not 0 < motion < shapes[0][0] or input_size < motion:
        raise SnapshotError(
            f"generator: a GRU of {motion} numbers with inputs of {input_size} does not fit a code of {shapes[0][0]}"
        )
    return _Generator(size, n_filters, shapes[0][0] - motion, motion, input_size - motion)


def _discriminator(name: str, layers: Layers, size: int) -> _Discriminator:
    shapes = _shapes(name, layers, dimensions=2 if name == "image_discriminator" else 3)
    _, halvings = split_size(size)
    if len(shapes) not in (halvings, halvings + 1):
        raise SnapshotError(
            f"{name}: it has {len(shapes)} convolutions; for the generator's frames of {size} pixels it needs "
            f"{halvings + 1}, or {halvings} in the patch form"
        )
    n_filters, in_channels, outputs = *shapes[0][:2], shapes[-1][0]
    expected = [in_channels, *doubling_widths(n_filters, len(shapes) - 1), outputs]
    _require_channels(name, [(s[1], s[0]) for s in shapes], expected)
    if in_channels < _COLOURS or (name == "image_discriminator" and outputs != 1):
        raise SnapshotError(
            f"{name}: {in_channels} channels in and {outputs} out; MoCoGAN's has 3 in, or more, and 1 out"
        )
    return _Discriminator(len(shapes) == halvings, n_filters, in_channels, outputs)


def _shapes(name: str, layers: Layers, dimensions: int) -> list[tuple[int, ...]]:
    shapes = [layer["weight"].shape for layer in layers.convolutions if "weight" in layer]
    if len(shapes) < 2 or any(len(shape) != 2 + dimensions or 0 in shape for shape in shapes):
        raise SnapshotError(f"{name}: it has fewer than two {dimensions}-D layers; it is not a MoCoGAN network")
    return shapes


def _require_channels(name: str, found: Sequence[tuple[int, int]], channels: Sequence[int]) -> None:
    """Raise unless the layers' (in, out) are those of a chain of ``channels``."""
    expected = list(pairwise(channels))
    if list(found) != expected:
        raise SnapshotError(
            f"{name}: its layers go from channels to channels as {_chain(found)}; MoCoGAN's would go as "
            f"{_chain(expected)}"
        )


def _chain(pairs: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{i}-{o}" for i, o in pairs)


def _categories(generator: _Generator, seen: Mapping[str, _Discriminator], asked: int | None) -> int | None:
    """Return the number of categories that the shapes or the user tell, or None."""
    told = {"the GRU's input": generator.to_motion}
    for name, discriminator in seen.items():
        told[f"the {name}'s outputs"] = discriminator.outputs - 1
        told[f"the {name}'s channels"] = discriminator.in_channels - _COLOURS
    told = {what: count for what, count in told.items() if count}
    if len(set(told.values())) > 1:
        listed = ", ".join(f"{count} by {what}" for what, count in told.items())
        raise SnapshotError(f"the networks do not belong together: their categories are {listed}")
    for what, count in told.items():
        if asked not in (None, count):
            raise ConfigError(f"{asked} categories: there are {count}, by {what}; omit --categories")
        return count
    return asked


def _guess_categories(generator: _Generator, remarks: list[str]) -> int:
    guess = max(generator.code - _PUBLISHED_CONTENT, 0)
    why = f", as published code has {_PUBLISHED_CONTENT} of content" if guess else ""
    remarks.append(
        f"of the code's {generator.code} numbers besides motion's, {guess} are taken for categories{why}; the files do "
        "not tell, --categories N does"
    )
    return guess


def _variant(seen: Mapping[str, _Discriminator], categories: int, model: str | None, remarks: list[str]) -> str:
    """Return "normal", "cgan" or "infogan"."""
    predicts = any(discriminator.outputs > 1 for discriminator in seen.values())
    maps = {discriminator.in_channels > _COLOURS for discriminator in seen.values()}
    if len(maps) > 1 or (predicts and maps == {True}):
        raise SnapshotError("the networks do not belong together: label maps go to one discriminator alone")
    if predicts or maps == {True}:
        allowed = ["infogan" if predicts else "cgan"]
    elif "video_discriminator" in seen:
        allowed = ["normal"]
    elif maps == {False}:
        allowed = ["infogan", "normal"]
    else:
        allowed = ["infogan", "normal", "cgan"]
    if not categories:
        allowed = ["normal"]
    if model in ("normal", "cgan", "infogan"):
        if model not in allowed:
            raise ConfigError(
                f"--model {model}: these networks, with {categories} categories, are of {' or '.join(allowed)}"
            )
        return model
    if len(allowed) > 1:
        remarks.append(
            f"taken for {allowed[0]}, as it has categories; --model {' or '.join(allowed[1:])} says otherwise"
        )
    return allowed[0]
