"""The part of a video's frames that is kept: one box for all of them, so that the crop does not shake."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mocogan_chainer.errors import DataError, one_line
from mocogan_chainer.files import open_plain

COLUMNS = ["source", "left", "top", "width", "height"]


class Box(NamedTuple):
    """A rectangle in pixels, all even, so that a tool that cuts in a video's colour planes can cut the same."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """Return the part of ``(H, W, C)`` inside the box."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


def centre(height: int, width: int) -> Box:
    """Return the largest square in the middle."""
    side = min(height, width)
    return Box(_even((width - side) / 2), _even((height - side) / 2), side, side)


def square(centre_x: float, centre_y: float, side: float, height: int, width: int) -> Box:
    """Return the square of this centre and side, shifted or shrunk to fit a frame of ``height`` and ``width``."""
    side = max(2, _even(min(side + 1, height, width)))
    left = min(max(_even(centre_x - side / 2), 0), _even(width - side))
    top = min(max(_even(centre_y - side / 2), 0), _even(height - side))
    return Box(left, top, side, side)


def read(path: Path) -> dict[str, tuple[float, float, float, float]]:
    """Read a box file: CSV with the columns source, left, top, width, height, in pixels, one row per video.

    Raises:
        DataError: it cannot be read, or a row does not hold these.
    """
    try:
        with io.TextIOWrapper(open_plain(path), encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows, header = list(reader), reader.fieldnames or []
    except FileNotFoundError:
        raise DataError(f"{path}: no such box file") from None
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a box file: {one_line(error)}") from error
    if missing := [name for name in COLUMNS if name not in header]:
        raise DataError(
            f"{path}: its first line is {','.join(header) or 'missing'}, without "
            f"{', '.join(missing)}; a box file is CSV with the columns {','.join(COLUMNS)}"
        )
    boxes = {}
    for line, row in enumerate(rows, 2):
        try:
            left, top, width, height = (float(row[name]) for name in COLUMNS[1:])
            good = np.isfinite([left, top]).all() and 0 < width < np.inf and 0 < height < np.inf and row["source"]
        except (KeyError, TypeError, ValueError):
            good = False
        if not good or None in row:
            raise DataError(
                f"{path}: row {line} must hold {', '.join(COLUMNS)}: the video's path below RAW, and pixels"
            )
        if row["source"] in boxes:
            raise DataError(f"{path}: row {line}: {row['source']} already has a box; each video has only one")
        boxes[row["source"]] = (left, top, width, height)
    if not boxes:
        raise DataError(
            f"{path}: no boxes; a box file is CSV with the columns {', '.join(COLUMNS)} and one row per video"
        )
    return boxes


def _even(value: float) -> int:
    return int(value // 2) * 2
