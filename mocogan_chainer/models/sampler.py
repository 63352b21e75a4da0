"""What the samplers of all families share: rendering in tiles, and paths between codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions


class TiledSampler(ABC):
    """Base of the families' samplers (the protocol is :class:`mocogan_chainer.sampling.Sampler`).

    A subclass gives ``draw``, ``interpolate`` and ``videos``; its codes have a length, ``take`` and ``map``.

    Args:
        generator: the network.
        class_names: names of the categories that can be asked for.
    """

    category_is_motion = True  # as in MoCoGAN
    tile = 4  # always as many, because matrix products round differently for other shapes

    def __init__(self, generator: chainer.Chain, class_names: Sequence[str]):
        self.generator = generator
        self.class_names = tuple(class_names)

    @abstractmethod
    def videos(self, codes: Any) -> Variable:
        """Run the network on a tile of codes, on its device: float (tile, 3, T, H, W) in [-1, 1]."""

    def render(self, codes: Any) -> np.ndarray:
        """Turn codes into uint8 videos (N, T, H, W, 3); a video does not depend on those beside it."""
        tiles = [self._render_tile(codes, first) for first in range(0, len(codes), self.tile)]
        return np.concatenate(tiles)

    def _render_tile(self, codes: Any, first: int) -> np.ndarray:
        wanted = range(first, min(first + self.tile, len(codes)))
        padded = [*wanted, *[wanted[-1]] * (self.tile - len(wanted))]
        device = self.generator.device
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            x = self.videos(codes.take(padded).map(device.send)).array
        return chainer.get_device("@numpy").send(functions.to_bytes(x))[: len(wanted)]


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
