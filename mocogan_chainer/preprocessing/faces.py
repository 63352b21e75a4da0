"""One square crop around a face for a whole clip."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np

from mocogan_chainer.errors import DataError

PROBES = 9
"""Frames of a clip that are searched; a third of them must show a face."""

Box = tuple[int, int, int]
"""Top, left and side of a square in pixels."""


def find_box(frames: np.ndarray, margin: float) -> Box:
    """Return the square around the face of a clip: the median of what OpenCV's Haar cascade finds in several frames.

    One box serves all frames, so that the crop does not shake.

    Args:
        frames: uint8 ``(T, H, W, 3)``.
        margin: what to add on each side, in parts of the face's width.

    Raises:
        DataError: too few frames show a face.
    """
    places = np.unique(np.linspace(0, len(frames) - 1, PROBES).astype(int))
    faces = [face for i in places if (face := _largest_face(frames[i])) is not None]
    if 3 * len(faces) < len(places):
        raise DataError(f"no face: found in {len(faces)} of {len(places)} frames searched")
    centre_x, centre_y, width = np.median(faces, axis=0)
    height_limit, width_limit = frames.shape[1:3]
    side = min(round(width * (1 + 2 * margin)), height_limit, width_limit)
    top = min(max(round(centre_y - side / 2), 0), height_limit - side)
    left = min(max(round(centre_x - side / 2), 0), width_limit - side)
    return top, left, side


def crop(frames: np.ndarray, box: Box) -> np.ndarray:
    """Return the part of ``(T, H, W, 3)`` inside the box."""
    top, left, side = box
    return frames[:, top : top + side, left : left + side]


def _largest_face(frame: np.ndarray) -> tuple[float, float, int] | None:
    """Return centre x, centre y and width of the largest face, or None."""
    grey = cv2.equalizeHist(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    least = max(min(grey.shape) // 8, 24)
    faces = _cascade().detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
    if not len(faces):
        return None
    x, y, width, height = max(faces.tolist(), key=lambda face: (face[2], face))
    return x + width / 2, y + height / 2, width


@functools.cache
def _cascade() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, "haarcascade_frontalface_default.xml")))
