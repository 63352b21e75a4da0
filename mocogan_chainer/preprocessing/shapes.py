"""Shape motion, modelled on the dataset published with MoCoGAN: a coloured circle or square moves over black.

Measured on the published 7,000 videos and imitated: shapes of 8, 10, 12 or 14 pixels in 64, as many circles as squares,
one plain colour drawn evenly, whole-pixel steps, no smoothing of edges. The path is a Bezier curve of degree 4 that
crosses the frame from one margin to the opposite one and ends level with its start; its other control points are
drawn evenly over the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.preprocessing.source import Item, Recording, Source, option

SIZE = 64
CLASS_NAMES = ("up", "left")
DIAMETERS = (8, 10, 12, 14)
DARKEST = 32
"""The lowest value of a colour's strongest channel: a black shape on black would not be seen."""


@dataclass
class Shapes(Source):
    NAME = "shapes"
    HELP = "coloured circles and squares that move up or left, made here without raw data"
    NEEDS_RAW = False
    WORKERS = 0

    size: int = option(SIZE, "height and width of the frames in pixels", low=16, high=4096)
    num: int = option(1000, "number of videos", low=1)
    length: int = option(32, "frames in each video", low=2, high=1000)

    def items(self) -> list[Item]:
        names = [f"{i:06d}" for i in range(self.num)]
        return [Item(id, id, CLASS_NAMES[i % 2], data=i) for i, id in enumerate(names)]

    def class_names(self, items: Sequence[Item]) -> list[str]:
        return list(CLASS_NAMES)

    def load(self, item: Item) -> Recording:
        rng = seeding.stream(self.seed, "shapes", item.data)
        diameter = 2 * round(int(rng.choice(DIAMETERS)) * self.size / SIZE / 2)
        mask = _disc(diameter) if rng.integers(2) else np.ones((diameter, diameter), bool)
        colour = rng.integers(0, 256, 3)
        while colour.max() < DARKEST:
            colour = rng.integers(0, 256, 3)
        far = self.size - 2 - diameter  # the shape's first pixel lies between 1 and far
        inner = rng.integers(1, far + 1, (2, 3))
        start = rng.integers(1, far + 1)
        along = _bezier([far, *inner[0], 1], self.length)
        across = _bezier([start, *inner[1], start], self.length)
        rows, columns = (along, across) if item.class_name == "up" else (across, along)
        video = np.zeros((self.length, self.size, self.size, 3), np.uint8)
        for frame, top, left in zip(video, rows, columns, strict=True):
            frame[top : top + diameter, left : left + diameter][mask] = colour
        return Recording(video)


def _disc(diameter: int) -> np.ndarray:
    """The published raster of a circle: centred on the pixel before the middle, so its right and lower tips show."""
    y, x = np.mgrid[:diameter, :diameter] - (diameter // 2 - 1)
    return x * x + y * y <= (diameter // 2) ** 2


def _bezier(points: Sequence[int], length: int) -> np.ndarray:
    """Return ``length`` evenly timed positions on the curve of the five control points, rounded down.

    In whole numbers throughout, so that every machine makes the same video.
    """
    n = length - 1
    i = np.arange(length, dtype=np.int64)
    total = sum(math.comb(4, k) * i**k * (n - i) ** (4 - k) * int(point) for k, point in enumerate(points))
    return total // n**4
