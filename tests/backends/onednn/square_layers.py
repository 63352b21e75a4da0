"""Layers of squares of taps and pad 1: their numbers by naive loops over positions and taps."""

import itertools

import numpy as np

from mocogan_chainer.backends import Geometry

PLANE = Geometry((2, 2), (1, 1))
VIDEO = Geometry((1, 2, 2), (0, 1, 1))
PLAIN = Geometry((1, 1), (1, 1))
PLAIN_VIDEO = Geometry((1, 1, 1), (0, 1, 1))


def naive(x, W, gy, stride=2):
    """Return y, gx, gW in float64: pad 1 and the stride in the last two axes, 0 and 1 in time."""
    x, W, gy = (a.astype(float) for a in (x, W, gy))
    if x.ndim == 4:
        return tuple(a[:, :, 0] for a in naive(x[:, :, None], W[:, :, None], gy[:, :, None], stride))
    y, gx, gW = np.zeros(gy.shape), np.zeros(x.shape), np.zeros(W.shape)
    height, width = x.shape[3:]
    for t, i, j in itertools.product(*map(range, gy.shape[2:])):
        for k, a, b in itertools.product(*map(range, W.shape[2:])):
            row, column = stride * i + a - 1, stride * j + b - 1
            if not (0 <= row < height and 0 <= column < width):
                continue
            pixel, output, weight = x[:, :, t + k, row, column], gy[:, :, t, i, j], W[:, :, k, a, b]
            y[:, :, t, i, j] += pixel @ weight.T
            gx[:, :, t + k, row, column] += output @ weight
            gW[:, :, k, a, b] += output.T @ pixel
    return y, gx, gW


def channels_last(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def empty_channels_last(shape):
    return np.moveaxis(np.full((shape[0], *shape[2:], shape[1]), np.nan, np.float32), -1, 1)


def operands(samples, channels, size, taps, kernel=4, stride=2):
    """x, W and gy; ``size`` is that of x, with the frames before it and ``taps`` in time for video."""
    rng = np.random.default_rng(0)
    c, o = channels
    time = () if taps is None else (size[0] - taps + 1,)
    y_shape = (samples, o, *time, *((n + 2 - kernel) // stride + 1 for n in size[-2:]))
    w_shape = (o, c, *(() if taps is None else (taps,)), kernel, kernel)
    shapes = (samples, c, *size), w_shape, y_shape
    x, W, gy = (rng.standard_normal(shape, np.float32) for shape in shapes)
    return channels_last(x), W, channels_last(gy)


def assert_close(actual, expected, tolerance):
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()
