"""Sets of videos from a sampler: random ones, content by motion, paths between contents, one video at many lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


class Sampler(Protocol):
    """What a family offers for sampling.

    Codes are its own, and the functions here only pass them on; where there are categories, codes have ``z_category``,
    int (N,), for those who want to know which were drawn.
    """

    class_names: tuple[str, ...]
    categories_are_classes: bool  # whether they are the classes of the data, and not what the model made up by itself
    category_is_motion: bool  # whether a category says how things move, or what is seen
    tile: int  # videos that one run of the network renders; a video's bytes depend on its place in the tile only

    def draw(
        self,
        seed: int,
        contents: Sequence[int],
        motions: Sequence[int],
        length: int,
        categories: Sequence[int] | None = None,
    ) -> Any:
        """Draw codes of as many videos as there are numbers; equal numbers give equal content or motion.

        Args:
            seed: of the whole set, at least 0.
            contents, motions: number of each video's content and motion, at least one of each.
            length: frames of a video.
            categories: number of each video's category, which counts into ``class_names``; None to draw them.

        Raises:
            ConfigError: a number is out of range, or they are not as many of each.
        """

    def interpolate(self, codes: Any, steps: int) -> Any:
        """Return codes on the way from the first content to the second, with one motion."""

    def render(self, codes: Any) -> np.ndarray:
        """Return uint8 (N, T, H, W, 3); each video depends on its own codes only."""


@runtime_checkable
class Animator(Protocol):
    """What a family offers in place of a :class:`Sampler` where its videos begin with a given picture."""

    size: int  # height and width of pictures and videos

    def animate(self, photos: np.ndarray, alphas: np.ndarray) -> np.ndarray:
        """Make a video of each picture.

        Args:
            photos: uint8 (N, size, size, 3).
            alphas: (T,): how far each frame is on the way, 0 for the picture itself and 1 for the whole motion.

        Returns:
            uint8 (N, T, size, size, 3); each video depends on its own picture only.

        Raises:
            DataError: the pictures are of another type or shape.
            ConfigError: the alphas are not a list of one or more finite numbers.
        """


@runtime_checkable
class Forecaster(Protocol):
    """What a family offers in place of a :class:`Sampler` where its videos go on from given frames."""

    size: int  # height and width of frames
    most_context: int  # frames of a context that it can look at, at most; one is enough
    transfers_motion: bool  # whether it learned to read the motion of whole clips, which ``transfer`` needs

    def forecast(self, context: np.ndarray, length: int, seeds: Sequence[int | None]) -> np.ndarray:
        """Go on from one context.

        Args:
            context: uint8 (k, size, size, 3), k from 1 to ``most_context``, in the order of time.
            length: frames to come, T, at least 1.
            seeds: of each future; None for the mean one, which has no noise.

        Returns:
            uint8 (len(seeds), T, size, size, 3); a future depends on its own seed only, and its first frames not on T.

        Raises:
            DataError: the context is of another type or shape.
            ConfigError: it has no frame or more than ``most_context``, or a number is out of range.
        """

    def transfer(self, content: np.ndarray, clip: np.ndarray) -> np.ndarray:
        """Show what some frames show, moving as a clip moves.

        Args:
            content: uint8 (k, size, size, 3), k from 1 to ``most_context``, in the order of time.
            clip: uint8 (T, size, size, 3).

        Returns:
            uint8 (T, size, size, 3).

        Raises:
            DataError: content or clip are of another type or shape.
            ConfigError: there is no frame of content or more than ``most_context``, or none in the clip.
        """


def random_videos(
    sampler: Sampler,
    count: int,
    length: int,
    seed: int,
    batchsize: int,
    category: int | None = None,
    every_category: bool = False,
) -> Iterator[tuple[int, int | None, np.ndarray]]:
    """Yield (index, category, video) of ``count`` videos; the same for a seed whatever the batch size.

    Args:
        sampler: the generator's sampler.
        count: number of videos; with ``every_category``, of each category.
        length: frames of a video.
        seed: of the set.
        batchsize: videos held in memory at once, rounded up to whole tiles.
        category: the number of the category of all of them; None draws it.
        every_category: show each content and motion in every category, category after category.

    Raises:
        ConfigError: the model has no such category or length.
    """
    batchsize = -(-batchsize // sampler.tile) * sampler.tile
    for asked in range(len(sampler.class_names)) if every_category else [category]:
        for first in range(0, count, batchsize):
            batch = list(range(first, min(first + batchsize, count)))
            categories = None if asked is None else [asked] * len(batch)
            videos = sampler.render(sampler.draw(seed, batch, batch, length, categories))
            for index, video in zip(batch, videos, strict=True):
                yield index, asked, video


def content_by_motion(
    sampler: Sampler, contents: int, motions: int, length: int, seed: int, category: int | None = None
) -> np.ndarray:
    """Return uint8 (contents * motions, T, H, W, 3), row by row: rows share content, columns share motion.

    The paper's figure. Without a ``category``, columns take the categories in turn where a category is motion's, and
    rows where it is content's.
    """
    rows = np.repeat(np.arange(contents), motions).tolist()
    columns = np.tile(np.arange(motions), contents).tolist()
    n_categories = len(sampler.class_names)
    if category is not None:
        categories = [category] * len(rows)
    else:
        shared = columns if sampler.category_is_motion else rows
        categories = [number % n_categories for number in shared] if n_categories else None
    return sampler.render(sampler.draw(seed, rows, columns, length, categories))


def content_path(sampler: Sampler, steps: int, length: int, seed: int, category: int | None = None) -> np.ndarray:
    """Return uint8 (steps, T, H, W, 3): from one content to another, all with one motion."""
    wanted = None if category is None else [category] * 2
    return sampler.render(sampler.interpolate(sampler.draw(seed, [0, 1], [0, 0], length, wanted), steps))


def at_lengths(
    sampler: Sampler, lengths: Sequence[int], seed: int, category: int | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (length, uint8 (length, H, W, 3)) for each of ``lengths``: one content, and motion codes that go on."""
    wanted = None if category is None else [category]
    for length in lengths:
        yield length, sampler.render(sampler.draw(seed, [0], [0], length, wanted))[0]
