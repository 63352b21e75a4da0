"""Frames at another size."""

from __future__ import annotations

import cv2
import numpy as np


def scale(frame: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 (H, W, 3) at ``size`` x ``size`` pixels: areas' means where it shrinks, cubic where it grows."""
    if frame.shape[:2] == (size, size):
        return frame
    shrinks = min(frame.shape[:2]) >= size
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def scale_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 (H, W) of 0 and 255 at ``size`` x ``size`` pixels."""
    return mask if mask.shape == (size, size) else cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST)
