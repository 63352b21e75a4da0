"""From bytes to the networks' numbers and back, the one place that knows both axis orders; tanh, which makes them."""

from __future__ import annotations

import chainer.functions as F
from chainer import Variable, backend

from mocogan_chainer.backends.base import Array


def to_float(frames: Array) -> Array:
    """Turn uint8 (N, *T, H, W, 3) into float32 (N, 3, *T, H, W) in [-1, 1], in channels-last memory.

    ``*T`` is one axis for videos and none for images.
    """
    xp = backend.get_array_module(frames)
    x = frames.astype(xp.float32)
    x *= 1 / 127.5
    x -= 1
    return xp.moveaxis(x, -1, 1)


def to_bytes(x: Array) -> Array:
    """Turn float (N, 3, *T, H, W) in [-1, 1] into uint8 (N, *T, H, W, 3), rounding to the nearest value."""
    xp = backend.get_array_module(x)
    scaled = xp.clip(xp.rint((x + 1) * 127.5), 0, 255)
    return xp.ascontiguousarray(xp.moveaxis(scaled.astype(xp.uint8), 1, -1))


def tanh(x: Variable) -> Variable:
    """Tanh of (N, C, *size). Of channels-last memory the result and the gradient lie so too.

    On a GPU Chainer's own returns the gradient in C order, which then is copied for each convolution that takes it.
    """
    return F.moveaxis(F.tanh(F.moveaxis(x, 1, -1)), -1, 1)
