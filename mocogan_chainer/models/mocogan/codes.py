"""The generator's random inputs: content, category and motion (MoCoGAN, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mocogan_chainer.backends.base import Array


@dataclass(frozen=True)
class CodeSizes:
    """How many numbers each part of a code has; ``categories`` may be 0."""

    content: int
    categories: int
    motion: int


@dataclass(frozen=True)
class Codes:
    """Random inputs of N videos of T frames.

    Attributes:
        z_content: float32 (N, content) ~ N(0, I), fixed over a video.
        z_category: int32 (N,) uniform over the categories, or all 0 when there are none.
        h0: float32 (N, motion) ~ N(0, I), the motion GRU's initial state.
        e: float32 (T, N, motion) ~ N(0, I), its input at each frame.
    """

    z_content: Array
    z_category: Array
    h0: Array
    e: Array

    def __len__(self) -> int:
        return len(self.z_content)

    def map(self, function: Callable[[Array], Array]) -> Codes:
        """Apply ``function`` to each array (for example to send them to a device)."""
        return Codes(*map(function, self.arrays()))

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """Return the arrays in the order of the attributes."""
        return self.z_content, self.z_category, self.h0, self.e

    def take(self, indexes: Sequence[int]) -> Codes:
        """Return the codes of some of the videos."""
        rows = list(indexes)
        return Codes(self.z_content[rows], self.z_category[rows], self.h0[rows], self.e[:, rows])


def draw_batch(rng: np.random.Generator, n: int, length: int, sizes: CodeSizes) -> Codes:
    """Draw the codes of ``n`` videos of ``length`` frames from one stream, as training does."""
    return Codes(
        z_content=rng.standard_normal((n, sizes.content), dtype=np.float32),
        z_category=rng.integers(max(sizes.categories, 1), size=n, dtype=np.int32),
        h0=rng.standard_normal((n, sizes.motion), dtype=np.float32),
        e=rng.standard_normal((length, n, sizes.motion), dtype=np.float32),
    )


def draw_each(
    streams: Sequence[tuple[np.random.Generator, np.random.Generator]], length: int, sizes: CodeSizes
) -> Codes:
    """Draw the codes of one video from each pair of streams (content and category, motion), as sampling does.

    A longer video of the same streams begins with the same motion.
    """
    parts: list[tuple[Any, ...]] = []
    for content, motion in streams:
        z_content = content.standard_normal(sizes.content, dtype=np.float32)
        z_category = content.integers(max(sizes.categories, 1), dtype=np.int32)
        h0 = motion.standard_normal(sizes.motion, dtype=np.float32)
        parts.append((z_content, z_category, h0, motion.standard_normal((length, sizes.motion), np.float32)))
    z_content, z_category, h0, e = (np.stack(values) for values in zip(*parts, strict=True))
    return Codes(z_content, z_category, h0, e.swapaxes(0, 1))


def one_hot(category: Array, n_categories: int, xp: Any) -> Array:
    """Turn classes (N,) into float32 (N, n_categories)."""
    return (category[:, None] == xp.arange(n_categories)).astype(xp.float32)
