"""Ways to continue a video without any learning: its last frame again, or the motion of its last two, going on."""

from __future__ import annotations

import cv2
import numpy as np

from mocogan_chainer.errors import ConfigError

LEAST_SEEN = 2
LEAST_SIDE = 16
"""Pixels. OpenCV's DIS refuses smaller frames, or, where they are also wide, ends the process."""


def copy_last_frame(seen: np.ndarray, length: int) -> np.ndarray:
    """Return the last frame of ``seen`` (k, H, W, 3) again and again: (``length``, H, W, 3)."""
    return np.repeat(seen[-1:], length, axis=0)


def extrapolate(seen: np.ndarray, length: int) -> np.ndarray:
    """Continue a video by the optical flow (DIS, medium) from its last frame back to the one before.

    Each new frame takes its pixels from where the flow says they come from in the frame before it, and the flow moves
    on with them. What comes in over the border was never seen: the nearest pixel inside is repeated, since any other
    colour would be an edge that moves into the picture. Frames stay float32 from step to step and are rounded once.

    Args:
        seen: uint8 (k, H, W, 3), k of at least 2, in the order of time; only the last two are looked at.
        length: frames to make, T.

    Returns:
        uint8 (T, H, W, 3); the same whatever the number of threads, and its first frames whatever T.

    Raises:
        ConfigError: fewer than two frames were seen.
    """
    if len(seen) < LEAST_SEEN:
        raise ConfigError(
            f"context={len(seen)}: optical flow is between two frames; show it at least {LEAST_SEEN}, or compare with "
            "a copy of the last frame alone"
        )
    flow = _flow(seen[-1], seen[-2])
    height, width = flow.shape[:2]
    grid = np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))
    frame, made = seen[-1].astype(np.float32), np.empty((length, *seen.shape[1:]), np.uint8)
    for place in range(length):
        source = grid + flow
        frame, flow = (
            cv2.remap(field, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for field in (frame, flow)
        )
        made[place] = np.rint(frame)
    return made


def _flow(frame: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return how far off each pixel of a frame (H, W, 3) was in the one before: float32 (H, W, 2), x first."""
    height, width = frame.shape[:2]
    below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
    greys = [
        cv2.copyMakeBorder(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), 0, below, 0, right, cv2.BORDER_REPLICATE)
        for f in (frame, before)
    ]
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*greys, None)[:height, :width]
