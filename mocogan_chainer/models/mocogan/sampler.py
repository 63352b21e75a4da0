"""Videos from a trained MoCoGAN generator."""

from __future__ import annotations

from collections.abc import Sequence

import chainer
import numpy as np

from mocogan_chainer import functions, seeding
from mocogan_chainer.errors import require_range
from mocogan_chainer.models.mocogan.codes import Codes, draw_each
from mocogan_chainer.models.mocogan.generator import Generator


class MoCoGANSampler:
    """Draws codes by number and renders them (the protocol is :class:`mocogan_chainer.sampling.Sampler`).

    Args:
        generator: the network.
        class_names: names of the categories that can be asked for.
    """

    tile = 4  # always as many, because matrix products round differently for other shapes

    def __init__(self, generator: Generator, class_names: Sequence[str]):
        self.generator = generator
        self.class_names = tuple(class_names)

    def draw(
        self,
        seed: int,
        contents: Sequence[int],
        motions: Sequence[int],
        length: int,
        categories: Sequence[int] | None = None,
    ) -> Codes:
        """Draw the codes of ``len(contents)`` videos.

        Args:
            seed: of the whole set.
            contents, motions: number of each video's content and motion; equal numbers give equal codes.
            length: frames of a video, at least 1.
            categories: each video's category; by default drawn with its content.
        """
        require_range("length", length, low=1)
        streams = [
            (seeding.stream(seed, "content", c), seeding.stream(seed, "motion", m))
            for c, m in zip(contents, motions, strict=True)
        ]
        codes = draw_each(streams, length, self.generator.code_sizes)
        if categories is None:
            return codes
        return Codes(codes.z_content, np.asarray(categories, np.int32), codes.h0, codes.e)

    def interpolate(self, codes: Codes, steps: int) -> Codes:
        """Return ``steps`` codes from the first video's content to the second's, all with the first's motion.

        The way is along the great circle, where the prior's mass is; ends are the two contents themselves.
        """
        start, end = codes.z_content[0], codes.z_content[1]
        path = np.stack([_slerp(start, end, t) for t in np.linspace(0, 1, steps, dtype=np.float32)])
        rows = codes.take([0] * steps)
        return Codes(path, rows.z_category, rows.h0, rows.e)

    def render(self, codes: Codes) -> np.ndarray:
        """Turn codes into uint8 videos (N, T, H, W, 3); a video does not depend on those beside it."""
        tiles = [self._render_tile(codes, first) for first in range(0, len(codes), self.tile)]
        return np.concatenate(tiles)

    def _render_tile(self, codes: Codes, first: int) -> np.ndarray:
        wanted = range(first, min(first + self.tile, len(codes)))
        padded = [*wanted, *[wanted[-1]] * (self.tile - len(wanted))]
        device = self.generator.device
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            x = self.generator.videos(codes.take(padded).map(device.send)).array  # (tile, 3, T, H, W)
        return chainer.get_device("@numpy").send(functions.to_bytes(x))[: len(wanted)]


def _slerp(start: np.ndarray, end: np.ndarray, t: float) -> np.ndarray:
    cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-4:  # contents that point the same or the opposite way have no one great circle
        return ((1 - t) * start + t * end).astype(np.float32)
    weights = np.sin((1 - t) * angle), np.sin(t * angle)
    return ((weights[0] * start + weights[1] * end) / np.sin(angle)).astype(np.float32)
