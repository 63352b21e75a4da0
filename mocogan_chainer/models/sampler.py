"""What the samplers of all families share: rendering in tiles, and paths between codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions, seeding
from mocogan_chainer.errors import ConfigError, DataError, require_whole


class TiledSampler(ABC):
    """Base of the families' samplers (the protocol is :class:`mocogan_chainer.sampling.Sampler`).

    A subclass gives ``draw``, ``interpolate`` and ``videos``; its codes have a length, ``take`` and ``map``. What its
    ``draw`` is asked for, :meth:`streams` and :meth:`numbers_of` check.

    Args:
        generator: the network.
        class_names: names of the categories that can be requested.
        categories_are_classes: whether they are the data's classes; False where the model made them up by itself.
    """

    category_is_motion = True  # as in MoCoGAN
    tile = 4  # always as many, because matrix products round differently for other shapes

    def __init__(self, generator: chainer.Chain, class_names: Sequence[str], categories_are_classes: bool = True):
        self.generator = generator
        self.class_names = tuple(class_names)
        self.categories_are_classes = categories_are_classes

    @abstractmethod
    def videos(self, codes: Any) -> Variable:
        """Run the network on a tile of codes, on its device: float (tile, 3, T, H, W) in [-1, 1]."""

    def streams(
        self, seed: int, contents: Sequence[int], motions: Sequence[int]
    ) -> list[tuple[np.random.Generator, np.random.Generator]]:
        """Return each video's random streams, of its content and of its motion.

        Raises:
            ConfigError: there is no video, one has a content and no motion, or a number is negative.
        """
        if len(contents) != len(motions) or not len(contents):
            raise ConfigError(
                f"{len(contents)} contents and {len(motions)} motions: give one number of each for each video, and at "
                "least one video"
            )
        seed = require_whole("seed", seed, 0)
        return [
            (
                seeding.stream(seed, "content", require_whole("content", content, 0)),
                seeding.stream(seed, "motion", require_whole("motion", motion, 0)),
            )
            for content, motion in zip(contents, motions, strict=True)
        ]

    def numbers_of(self, categories: Sequence[int], count: int) -> np.ndarray:
        """Return the requested categories, int32 (count,).

        Raises:
            ConfigError: they are not one for each video, or the generator has no such category.
        """
        if not self.class_names:
            raise ConfigError(f"categories={list(categories)}: this model has no categories; leave them out")
        if len(categories) != count:
            raise ConfigError(f"{len(categories)} categories for {count} videos: give each video one")
        for category in categories:
            if not (isinstance(category, Integral) and 0 <= category < len(self.class_names)):
                allowed = ", ".join(f"{i} ({name})" for i, name in enumerate(self.class_names))
                raise ConfigError(f"category={category}: it must be the number of one of {allowed}")
        return np.asarray(categories, np.int32)

    def render(self, codes: Any) -> np.ndarray:
        """Turn codes into uint8 videos (N, T, H, W, 3); a video does not depend on the others."""
        tiles = [self._render_tile(codes, first) for first in range(0, len(codes), self.tile)]
        return np.concatenate(tiles)

    def _render_tile(self, codes: Any, first: int) -> np.ndarray:
        wanted = range(first, min(first + self.tile, len(codes)))
        padded = [*wanted, *[wanted[-1]] * (self.tile - len(wanted))]
        device = self.generator.device
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            x = self.videos(codes.take(padded).map(device.send)).array
        return chainer.get_device("@numpy").send(functions.to_bytes(x))[: len(wanted)]


def require_frames(name: str, frames: np.ndarray, size: int) -> None:
    """Check what an animator or a forecaster is given.

    Raises:
        DataError: it is not uint8 (N, size, size, 3).
    """
    if isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.shape[1:] == (size, size, 3):
        return
    given = f"{frames.dtype} {frames.shape}" if isinstance(frames, np.ndarray) else type(frames).__name__
    raise DataError(
        f"{name}: {given}: it must be an array, uint8 (N, {size}, {size}, 3), of RGB from 0 to 255; "
        "mocogan_chainer.video.resize scales frames"
    )


def great_circle(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Return float32 (steps, D): from ``start`` (D,) to ``end`` along the great circle, where a normal prior's mass is.

    The ends are the two points themselves.
    """
    return np.stack([_slerp(start, end, t) for t in np.linspace(0, 1, steps, dtype=np.float32)])


def _slerp(start: np.ndarray, end: np.ndarray, t: float) -> np.ndarray:
    cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-4:  # points in the same or the opposite direction have no one great circle
        return ((1 - t) * start + t * end).astype(np.float32)
    weights = np.sin((1 - t) * angle), np.sin(t * angle)
    return ((weights[0] * start + weights[1] * end) / np.sin(angle)).astype(np.float32)
