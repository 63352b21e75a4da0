"""Frames to another size, by the filters of published evaluation code. They differ enough to change a metric.

Those with a weight for each of two neighbours differ in where pixel i of m new ones lies among n old ones:

    bilinear-tf1      i n / m: TensorFlow 1's resize_bilinear, whose picture moves by up to half a pixel
    bilinear          (i + 1/2) n / m - 1/2: PyTorch's interpolate with align_corners=False
    bilinear-corners  i (n - 1) / (m - 1): the corners stay: Chainer's resize_images

None of these averages where frames shrink. The others belong to libraries:

    bilinear-pil      Pillow's BILINEAR, which does average, and rounds to bytes
    bilinear-cv2      OpenCV's INTER_LINEAR on bytes, which does not average, and rounds to bytes
    bicubic-cv2       OpenCV's INTER_CUBIC on floats: neither averages nor rounds, and leaves 0 to 255
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

Positions = Callable[[int, int], np.ndarray]


def resize(frames: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    """Bring frames to ``height`` and ``width``.

    Args:
        frames: uint8 (T, H, W, 3) in C order.
        height: in pixels.
        width: in pixels.
        name: one of :data:`FILTERS`.

    Returns:
        (T, height, width, 3) in C order, in the same range: uint8 where the filter rounds or nothing is to be done,
        else float32.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    return FILTERS[name](frames, height, width)


def _tf1(n: int, m: int) -> np.ndarray:
    return np.arange(m) * (n / m)


def _half_pixel(n: int, m: int) -> np.ndarray:
    return np.clip((np.arange(m) + 0.5) * (n / m) - 0.5, 0, n - 1)


def _corners(n: int, m: int) -> np.ndarray:
    return np.linspace(0, n - 1, m)


def _between_two(positions: Positions) -> Callable[[np.ndarray, int, int], np.ndarray]:
    def run(frames: np.ndarray, height: int, width: int) -> np.ndarray:
        t, h, w, channels = frames.shape
        # Columns first, colours as columns: the second pass, over the larger picture, then copies whole rows.
        low, high, share = _neighbours(positions(w, width), w)
        colours = np.arange(channels)
        low, high = ((i[:, None] * channels + colours).ravel() for i in (low, high))
        rows = frames.reshape(t * h, w * channels).astype(np.float32)
        wide = _mixed(rows, low, high, np.repeat(share, channels), axis=1).reshape(t, h, width * channels)
        low, high, share = _neighbours(positions(h, height), h)
        out = np.empty((t, height, width * channels), np.float32)
        for source, goal in zip(wide, out, strict=True):
            _mixed(source, low, high, share[:, None], axis=0, out=goal)
        return out.reshape(t, height, width, channels)

    return run


def _neighbours(places: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels below and above each place, and the share of the one above."""
    low = np.floor(places).astype(np.intp)
    return low, np.minimum(low + 1, n - 1), (places - low).astype(np.float32)


def _mixed(
    x: np.ndarray, low: np.ndarray, high: np.ndarray, share: np.ndarray, axis: int, out: np.ndarray | None = None
) -> np.ndarray:
    near = x.take(low, axis)
    mixed = np.take(x, high, axis, out=out, mode="clip")  # "raise" would go through a buffer
    mixed -= near
    mixed *= share
    mixed += near
    return mixed


def _pil(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    how = (width, height), Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(frame).resize(*how)) for frame in frames])


def _cv2_bytes(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in frames])


def _cv2_cubic(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    floats = frames.astype(np.float32)
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in floats])


FILTERS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "bilinear-tf1": _between_two(_tf1),
    "bilinear": _between_two(_half_pixel),
    "bilinear-corners": _between_two(_corners),
    "bilinear-pil": _pil,
    "bilinear-cv2": _cv2_bytes,
    "bicubic-cv2": _cv2_cubic,
}
