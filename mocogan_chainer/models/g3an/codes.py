"""The generator's random inputs: appearance and motion (G3AN, section 3), and beyond the paper a category."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.backends.base import Array


@dataclass(frozen=True)
class CodeSizes:
    """How many numbers appearance and motion have; ``categories`` is 0 for a generator without any."""

    appearance: int
    motion: int
    categories: int


@dataclass(frozen=True)
class Codes:
    """Random inputs of N videos of 16 + 4 (S - 1) frames.

    Attributes:
        za: float32 (N, appearance) ~ N(0, I), fixed over a video.
        zm: float32 (N, motion, S) ~ N(0, I).
        z_category: int32 (N,), all 0 where there are no categories.
    """

    za: Array
    zm: Array
    z_category: Array

    def __len__(self) -> int:
        return len(self.za)

    def map(self, function: Callable[[Array], Array]) -> Codes:
        """Apply ``function`` to each array (for example to send them to a device)."""
        return Codes(*map(function, (self.za, self.zm, self.z_category)))

    def take(self, indexes: Sequence[int]) -> Codes:
        """Return the codes of some of the videos."""
        rows = list(indexes)
        return self.map(lambda array: array[rows])


def draw_batch(rng: np.random.Generator, n: int, steps: int, sizes: CodeSizes) -> tuple[np.ndarray, np.ndarray]:
    """Draw za and zm of ``n`` videos from one stream, as training does; see :class:`Codes`."""
    za = rng.standard_normal((n, sizes.appearance), dtype=np.float32)
    zm = rng.standard_normal((n, sizes.motion, steps), dtype=np.float32)
    return za, zm


def draw_each(
    streams: Sequence[tuple[np.random.Generator, np.random.Generator]], steps: int, sizes: CodeSizes
) -> Codes:
    """Draw the codes of one video from each pair of streams (appearance and category, motion), as sampling does.

    A longer video of the same streams begins with the same motion codes.
    """
    za, zm, category = [], [], []
    for appearance, motion in streams:
        za.append(appearance.standard_normal(sizes.appearance, dtype=np.float32))
        category.append(appearance.integers(max(sizes.categories, 1), dtype=np.int32))
        zm.append(motion.standard_normal((steps, sizes.motion), dtype=np.float32).T)
    return Codes(np.stack(za), np.stack(zm), np.asarray(category, np.int32))
