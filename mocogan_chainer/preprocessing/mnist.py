"""Moving MNIST: the published file of finished videos, or made here from images of digits."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mocogan_chainer import npy_files, seeding, video
from mocogan_chainer.errors import ConfigError, DataError, one_line
from mocogan_chainer.files import open_plain
from mocogan_chainer.npz_files import MORE, TIMES
from mocogan_chainer.preprocessing import splits, tree
from mocogan_chainer.preprocessing.source import Item, Recording, Source, option

CANVAS = 64
DIGIT = 28
LARGEST_DIGIT = 256
LENGTH = 20
STEP = 0.1
"""How far a digit moves in a frame, as a fraction of its way from margin to margin (as published)."""
_MOST_AXES = 3


class Digit(NamedTuple):
    """Where the image of one digit is: a file, or a place in an idx file."""

    class_name: str
    source: str
    path: Path
    place: int | None = None


@dataclass
class Mnist(Source):
    NAME = "mnist"
    HELP = "mnist_test_seq.npy of shape (20, N, 64, 64), or a folder of digits: CLASS/*.png or MNIST's idx files"
    WORKERS = 0

    num: int | None = option(None, "videos to make from digits (default: 1000)", low=1)
    digits: int | None = option(None, "digits in each video; with 1, its class is the digit (default: 2)", 1, 3)
    length: int | None = option(None, f"frames in each video made from digits (default: {LENGTH})", low=1)

    def items(self) -> list[Item]:
        if self.raw.is_file():
            return self._finished_items()
        found = self._found()
        return [self._made_item(found, i) for i in range(1000 if self.num is None else self.num)]

    def divide(self, items: Sequence[Item]) -> list[Item]:
        """Divide the pictures of digits too, so that no video for training shows one of a test video's."""
        divided = super().divide(items)
        if not self.split or self.raw.is_file():
            return divided
        pictures = [Item(digit.source, digit.source, digit.class_name, data=digit) for digit in self._found()]
        pools: dict[tuple[str, str], list[Digit]] = {}
        for picture in splits.divide(pictures, self.split, self.seed):
            for class_name in (picture.class_name, ""):
                pools.setdefault((picture.split, class_name), []).append(picture.data)
        return [self._of_its_side(item, pools) for item in divided]

    def _of_its_side(self, item: Item, pools: dict[tuple[str, str], list[Digit]]) -> Item:
        """Return the video with other digits, of its class; if that has a single picture, it is for training."""
        split = item.split if (item.split, item.class_name) in pools else "train"
        index, _ = item.data
        return dataclasses.replace(self._made_item(pools[split, item.class_name], index), split=split)

    def load(self, item: Item) -> Recording:
        frames = _finished(self.raw)[:, item.data] if self.raw.is_file() else self._bounce(*item.data)
        return Recording(video.resize(np.repeat(frames[..., None], 3, axis=-1), self.size))

    def _finished_items(self) -> list[Item]:
        given = [name for name in ("num", "digits", "length") if getattr(self, name) is not None]
        if given:
            raise ConfigError(
                f"{given[0]}={getattr(self, given[0])}: {self.raw} holds finished videos; this option is for a folder "
                "of digits (use limit for fewer videos)"
            )
        return [Item(f"{i:06d}", f"{self.raw.name}[:, {i}]", data=i) for i in range(_finished(self.raw).shape[1])]

    def _found(self) -> list[Digit]:
        found = _idx_digits(self.raw) or _picture_digits(self.raw)
        if not found:
            raise DataError(f"{self.raw}: no digits found; mnist reads {self.HELP}")
        return found

    def _made_item(self, found: list[Digit], i: int) -> Item:
        count = 2 if self.digits is None else self.digits
        chosen = [found[k] for k in seeding.stream(self.seed, "mnist", "choice", i).integers(0, len(found), count)]
        source = " + ".join(digit.source for digit in chosen)
        class_name = chosen[0].class_name if count == 1 else ""
        return Item(f"{i:06d}", source, class_name, data=(i, [(digit.path, digit.place) for digit in chosen]))

    def _bounce(self, index: int, chosen: list[tuple[Path, int | None]]) -> np.ndarray:
        """Let digits fly straight and bounce off the margins; where they overlap the brighter pixel shows.

        Returns:
            uint8 ``(T, 64, 64)``.
        """
        rng = seeding.stream(self.seed, "mnist", "motion", index)
        frames = np.zeros((LENGTH if self.length is None else self.length, CANVAS, CANVAS), np.uint8)
        for path, place in chosen:
            digit = _digit(path, place)
            start, angle = rng.random(2), rng.random() * 2 * math.pi
            way = start + np.arange(len(frames))[:, None] * STEP * np.array([math.sin(angle), math.cos(angle)])
            folded = 1 - np.abs(1 - way % 2)
            for frame, (top, left) in zip(frames, (folded * (CANVAS - DIGIT)).astype(int), strict=True):
                window = frame[top : top + DIGIT, left : left + DIGIT]
                np.maximum(window, digit, out=window)
        return frames


def _picture_digits(raw: Path) -> list[Digit]:
    return [
        Digit(folder.name, tree.relative(path, raw), path)
        for folder in tree.folders(raw)
        for path in tree.images(folder)
    ]


def _idx_digits(raw: Path) -> list[Digit]:
    """Return the digits of an idx pair in ``raw``, the training pair when there are several."""
    images = [path for path in tree.files(raw) if "images" in path.name and "idx3" in path.name]
    if not images:
        return []
    path = min(images, key=lambda path: (not path.name.startswith("train"), path.name))
    labels_path = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    pictures, labels = _read_idx(path), _read_idx(labels_path)
    if pictures.ndim != 3 or labels.shape != pictures.shape[:1]:
        raise DataError(
            f"{labels_path}: labels of shape {labels.shape} do not match the images {pictures.shape} of {path.name}"
        )
    return [Digit(str(label), f"{path.name}[{i}]", path, i) for i, label in enumerate(labels.tolist())]


def _digit(path: Path, place: int | None) -> np.ndarray:
    """Return a digit, uint8 ``(28, 28)``, light on dark."""
    digit = video.read_image(path).max(axis=-1) if place is None else _read_idx(path)[place]
    height, width = digit.shape
    if max(height, width) > min(2 * min(height, width), LARGEST_DIGIT):
        raise DataError(
            f"{path}: {width} x {height}: not a picture of a digit; these are about square, with up to "
            f"{LARGEST_DIGIT} pixels a side"
        )
    if digit.shape != (DIGIT, DIGIT):
        digit = cv2.resize(digit, (DIGIT, DIGIT), interpolation=cv2.INTER_AREA)
    return digit


@functools.lru_cache(maxsize=4)
def _read_idx(path: Path) -> np.ndarray:
    """Read MNIST's own format: two zero bytes, the type (8: uint8), the number of axes, their lengths, the values."""
    try:
        with open_plain(path) as file:
            data = file.read()
        if data[:2] == b"\x1f\x8b":
            data = _unpacked(path, data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {one_line(error)}") from error
    if data[:3] != b"\x00\x00\x08":
        raise DataError(f"{path}: not an idx file of bytes")
    axes = data[3] if len(data) > 3 else 0
    shape = tuple(np.frombuffer(data, ">u4", axes, 4).tolist()) if len(data) >= 4 + 4 * axes else ()
    values = data[4 + 4 * axes :]
    if len(shape) > _MOST_AXES:
        raise DataError(f"{path}: {len(shape)} axes; images have 3 and labels 1")
    if not shape or len(values) != math.prod(shape):
        raise DataError(f"{path}: cut short: {len(values)} bytes of values for the shape {shape}")
    return np.frombuffer(values, np.uint8).reshape(shape)


def _unpacked(path: Path, data: bytes) -> bytes:
    """Unpack what gzip packed, within the limits that :mod:`mocogan_chainer.npz_files` has."""
    most = TIMES * len(data) + MORE
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        values = packed.read(most + 1)
    if len(values) > most:
        raise DataError(f"{path}: more than {most} bytes when unpacked, which no file of digits has")
    return values


@functools.lru_cache(maxsize=1)
def _finished(path: Path) -> np.ndarray:
    """Map the published file, uint8 ``(20, N, 64, 64)``: time first."""
    try:
        videos = npy_files.mapped(path)
    except (OSError, npy_files.NpyError) as error:
        raise DataError(f"{path}: not a whole .npy file: {one_line(error)}") from error
    published = videos.ndim == 4 and videos.dtype == np.uint8
    if not published or videos.shape != (LENGTH, videos.shape[1], CANVAS, CANVAS):
        raise DataError(f"{path}: {videos.dtype} {videos.shape}, but the published file is uint8 (20, N, 64, 64)")
    return videos
