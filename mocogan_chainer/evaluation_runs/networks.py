"""The feature networks of one request, each loaded once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mocogan_chainer.errors import ConfigError, require_one_of
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.recipes import RECIPES, Recipe, of_metric
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.features import c3d, catalogue, weights


class Networks:
    """From a metric to its recipe, and from a recipe to its network.

    Args:
        request: what the user asks for.
        device: Chainer's, where networks compute.

    Attributes:
        remarks: on weight files, by their SHA-256.
    """

    def __init__(self, request: Request, device: Any):
        self._request, self._device = request, device
        self._extractors: dict[tuple, Extractor] = {}
        self.remarks: dict[str, str] = {}

    def recipe(self, metric: str | None) -> Recipe:
        """The recipe that was requested, or the metric's usual one; None stands for any that makes features.

        Raises:
            ConfigError: the metric has no such recipe, or the recipe does not take so many frames.
        """
        known = of_metric(metric) if metric else [r for r in RECIPES.values() if r.output == "features"]
        name = self._request.protocol or known[0].name
        require_one_of("--protocol", name, [recipe.name for recipe in known])
        recipe, frames = RECIPES[name], self._request.frames
        if frames in (None, recipe.preparation.frames):
            return recipe
        if recipe.mean is not None:
            raise ConfigError(f"--frames {frames}: {recipe.name} takes exactly {recipe.preparation.frames}")
        return replace(recipe, preparation=replace(recipe.preparation, frames=frames))

    def extractor(self, recipe: Recipe) -> Extractor:
        """The recipe's network.

        Raises:
            MocoganError: there is no file of its weights, or it is none that the recipe can take.
        """
        key = (recipe.weights, recipe.output, recipe.preparation)
        if key not in self._extractors:
            self._extractors[key] = self._load(recipe)
        return replace(self._extractors[key], recipe=recipe)

    def _load(self, recipe: Recipe) -> Extractor:
        path = weights.find(recipe.weights, self._request.weights)
        mean, mean_sha256 = _mean_clip(recipe)
        network = catalogue.load(recipe.weights, path)
        if recipe.preparation.frames < network.least_frames:
            raise ConfigError(
                f"--frames {recipe.preparation.frames}: {recipe.network} needs at least {network.least_frames}"
            )
        if network.classes != recipe.classes:
            raise ConfigError(
                f"{path}: it tells {network.classes} classes apart, and {recipe.name} takes a network for "
                f"{recipe.classes}; name {weights.FILES[recipe.weights].file}"
            )
        digest = weights.sha256(path)
        if remark := weights.remark(recipe.weights, digest):
            self.remarks[digest] = remark
        network.to_device(self._device)
        return Extractor(
            recipe,
            network,
            digest,
            self._device,
            mean,
            mean_sha256,
            batchsize=self._request.batchsize,
            seed=self._request.seed,
        )


def _mean_clip(recipe: Recipe) -> tuple[np.ndarray | None, str | None]:
    """Return the clip that the recipe subtracts, and its file's SHA-256."""
    if recipe.mean is None:
        return None, None
    path = weights.find(recipe.mean)
    return c3d.load_mean(path, recipe.mean_left), weights.sha256(path)
