"""A snapshot's samples as a set of videos to evaluate: made when they are read, with no files in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mocogan_chainer.errors import require_one_of, require_range
from mocogan_chainer.sampling import Sampler

CATEGORIES = ("drawn", "balanced")


class SnapshotVideos:
    """A generator's videos (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Video i has the bytes that :func:`mocogan_chainer.sampling.random_videos` gives it: those of generate_samples.py
    --format frames. Only the last tile is kept, so reading in order renders each video once.

    Args:
        sampler: the generator's.
        name: what the user calls it: the snapshot's path.
        length: frames of a video.
        count: videos.
        seed: of the set.
        fingerprint: of the snapshot.
        title: the name of the dataset that it was trained on; "" where it is not known.
        categories: "drawn" as the generator draws them, with the content, which is what generate_samples.py does
            unless it is told a category; "balanced" for one after another, as if each had been asked for.

    Raises:
        ConfigError: a number is out of range, ``categories`` is unknown, or the generator makes no videos of this
            length.
    """

    split = None
    subjects = None
    unordered = True
    any_thread = False  # Chainer's configuration and the backends' threads belong to the thread that made them

    def __init__(
        self,
        sampler: Sampler,
        *,
        name: str,
        length: int,
        count: int,
        seed: int,
        fingerprint: str,
        title: str = "",
        categories: str = "drawn",
    ):
        require_one_of("categories", categories, CATEGORIES)
        require_range("length", length, 1)
        require_range("count", count, 1)
        self.name, self.title = str(name), title
        self.class_names = tuple(sampler.class_names)
        self._sampler, self._length, self._count, self._seed = sampler, length, count, seed
        self._balanced = categories == "balanced" and bool(self.class_names)
        how = "balanced" if self._balanced else "drawn"
        self.reference = f"snapshot {fingerprint}: {count} samples of {length} frames, seed {seed}, categories {how}"
        self._codes: tuple[int, Any] = (-1, None)
        self._tile: tuple[int, np.ndarray | None] = (-1, None)
        self._codes_from(0)  # refuses a length that the model does not have, before any work

    def __len__(self) -> int:
        return self._count

    def id(self, index: int) -> str:
        """Return the video's number as text."""
        return f"video_{index:05d}"

    def label(self, index: int) -> int:
        """Return the category that the video was made with, -1 where the generator has none."""
        if not self.class_names:
            return -1
        if self._balanced:
            return index % len(self.class_names)
        first = index - index % self._sampler.tile
        return int(self._codes_from(first).z_category[index - first])

    def length(self, index: int) -> int:
        """Return the video's frames."""
        return self._length

    def known_length(self, index: int) -> int:
        """Return the video's frames, as :meth:`length`."""
        return self.length(index)

    def read(self, index: int, which: Callable[[int], Sequence[int] | np.ndarray] | None = None) -> np.ndarray:
        """Return the whole video, or the frames that ``which`` names given its length: uint8 (T, H, W, 3)."""
        if not 0 <= index < self._count:
            raise IndexError(f"video {index} of {self._count}")
        wanted = np.arange(self._length) if which is None else np.asarray(which(self._length))
        first = index - index % self._sampler.tile
        if self._tile[0] != first:
            self._tile = first, self._sampler.render(self._codes_from(first))
        return self._tile[1][index - first, wanted]

    def _codes_from(self, first: int) -> Any:
        """Return the codes of the tile that begins with video ``first``."""
        if self._codes[0] != first:
            numbers = list(range(first, min(first + self._sampler.tile, self._count)))
            categories = [number % len(self.class_names) for number in numbers] if self._balanced else None
            self._codes = first, self._sampler.draw(self._seed, numbers, numbers, self._length, categories)
        return self._codes[1]
