"""Photos and clips as people have them, found and read, cut and scaled as training data is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from mocogan_chainer import decoding, video
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation import found_videos
from mocogan_chainer.preprocessing import photos, tree
from mocogan_chainer.preprocessing.footage import Footage, ImageFiles, VideoFile

ALLOWED = "a photo, a video file, a folder of pictures, a folder of videos, or a prepared dataset"

PATIENCE = 60.0
"""Seconds without a frame after which a video file is given up."""


@dataclass(frozen=True)
class Clip:
    """One photo or clip; nothing of it is read yet.

    Attributes:
        name: what messages call it.
        stem: what its results are called after; it may hold any letters.
        frames: starts to read it from its first frame: uint8 (size, size, 3) each. Raises DataError.
    """

    name: str
    stem: str
    frames: Callable[[], Iterator[np.ndarray]]

    def first(self, count: int) -> np.ndarray:
        """Read up to ``count`` frames.

        Returns:
            uint8 (T, size, size, 3), T at least 1.

        Raises:
            DataError: they cannot be read.
        """
        return np.stack(list(itertools.islice(self.frames(), count)))


@dataclass(frozen=True)
class FoundClips:
    """What lies at a place that the user named.

    Attributes:
        kind: ``photo``, ``clip``, ``folder`` (of videos, at any depth) or ``dataset``.
        clips: in natural order; of a dataset, those of the held-out part first.
        left_out: what was not taken, as (name, reason).
    """

    kind: str
    clips: list[Clip]
    left_out: list[tuple[str, str]] = field(default_factory=list)

    @property
    def alone(self) -> bool:
        """Whether the user named one photo or clip and not a set of them."""
        return self.kind in ("photo", "clip")


@dataclass(frozen=True)
class Reader:
    """How clips are read.

    Args:
        size: height and width of the frames that come out.
        every_nth: take every n-th frame of a video.
        every_nth_picture: take every n-th picture of a folder.
    """

    size: int
    every_nth: int
    every_nth_picture: int

    def find(self, place: Path) -> FoundClips:
        """Find what a user names, without reading a frame.

        Raises:
            DataError: there is nothing, or nothing that can be one of :data:`ALLOWED`.
        """
        if place.is_dir():
            return self._folder(place)
        if not place.is_file():
            raise DataError(f"{place}: no such file or folder; it must be {ALLOWED}")
        if place.suffix.lower() in decoding.SUFFIXES:
            return FoundClips("clip", [self._file(place, str(place), place.stem)])
        return FoundClips("photo", [Clip(str(place), place.stem, lambda: self._photo(place))])

    def _folder(self, place: Path) -> FoundClips:
        if layout.is_prepared(place):
            return FoundClips("dataset", self._prepared(place))
        pictures = tree.images(place)
        if pictures and not any(path.suffix.lower() in decoding.SUFFIXES for path in tree.files(place)):
            inner = [(str(path), "a folder beside pictures, which are one clip") for path in tree.folders(place)]
            return FoundClips("clip", [self._pictures(pictures, str(place), place.resolve().name)], inner)
        videos, left_out = found_videos.find(place)
        if not videos:
            raise DataError(f"{place}: no picture and no video in it; it must be {ALLOWED}")
        left_out = [(str(place / name), reason) for name, reason in left_out]
        return FoundClips("folder", [self._found(place, each) for each in videos], left_out)

    def _found(self, place: Path, found: found_videos.Found) -> Clip:
        stem = "_".join(PurePosixPath(found.name).with_name(found.stem).parts)
        if found.images:
            return self._pictures(found.images, str(place / found.name), stem)
        return self._file(found.path, str(place / found.name), stem)

    def _file(self, path: Path, name: str, stem: str) -> Clip:
        return self._footage(name, stem, lambda: VideoFile(path, None, self.every_nth, 0, PATIENCE))

    def _pictures(self, paths: Sequence[Path], name: str, stem: str) -> Clip:
        return self._footage(name, stem, lambda: ImageFiles(paths, self.every_nth_picture))

    def _footage(self, name: str, stem: str, opened: Callable[[], Footage]) -> Clip:
        return Clip(name, stem, lambda: opened().frames("center", self.size))

    def _photo(self, path: Path) -> Iterator[np.ndarray]:
        yield photos.Framing().load(path, self.size)

    def _prepared(self, place: Path) -> list[Clip]:
        dataset = PreparedDataset.open(place)
        held_out_first = sorted(range(len(dataset)), key=lambda i: dataset.splits[i] != "test")
        return [self._of_dataset(dataset, i) for i in held_out_first]

    def _of_dataset(self, dataset: PreparedDataset, index: int) -> Clip:
        def frames() -> Iterator[np.ndarray]:
            for i in range(0, int(dataset.lengths[index]), self.every_nth):
                yield video.resize(dataset.frames(index, [i]), self.size)[0]

        return Clip(f"{dataset.path}: {dataset.ids[index]}", dataset.ids[index], frames)
