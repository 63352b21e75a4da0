"""Resize filters against naive sums over pixels, written from their definitions."""

import math

import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer.evaluation.resizing import FILTERS, resize

EXTENTS = [((8, 8), (28, 28)), ((9, 13), (28, 21)), ((30, 17), (12, 11)), ((12, 12), (11, 25)), ((1, 2), (5, 5))]


def frames(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def tent(x):
    return max(0.0, 1 - abs(x))


def cubic(x, a=-0.75):
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def weights(n, m, place, kernel=tent, stretch=1.0):
    """Return (m, n): how much each new pixel takes of each old one; what lies outside is the edge's."""
    table = np.zeros((m, n))
    for i in range(m):
        centre = place(i)
        reach = math.ceil(2 * stretch) + 1
        for j in range(math.floor(centre) - reach, math.floor(centre) + reach + 2):
            table[i, min(max(j, 0), n - 1)] += kernel((j - centre) / stretch)
    return table / table.sum(1, keepdims=True)


def half_pixel(n, m):
    return lambda i: (i + 0.5) * n / m - 0.5


def averaging(n, m):
    """Pillow's: the tent is as wide as a new pixel, and ends at the edge."""
    table = np.zeros((m, n))
    stretch = max(1.0, n / m)
    for i in range(m):
        for j in range(n):
            table[i, j] = tent((j + 0.5 - (i + 0.5) * n / m) / stretch)
    return table / table.sum(1, keepdims=True)


TABLES = {
    "bilinear-tf1": lambda n, m: weights(n, m, lambda i: i * n / m),
    "bilinear": lambda n, m: weights(n, m, half_pixel(n, m)),
    "bilinear-corners": lambda n, m: weights(n, m, lambda i: i * (n - 1) / (m - 1)),
    "bilinear-pil": averaging,
    "bilinear-cv2": lambda n, m: weights(n, m, half_pixel(n, m)),
    "bicubic-cv2": lambda n, m: weights(n, m, half_pixel(n, m), cubic),
}
FLOATS = ("bilinear-tf1", "bilinear", "bilinear-corners", "bicubic-cv2")


def naive(video, height, width, name):
    rows, columns = TABLES[name](video.shape[1], height), TABLES[name](video.shape[2], width)
    return np.einsum("yh,xw,thwc->tyxc", rows, columns, video.astype(float))


def test_all_are_tested():
    assert set(TABLES) == set(FILTERS)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(("old", "new"), EXTENTS)
def test_floats(name, old, new):
    got = resize(frames(*old), *new, name)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, naive(frames(*old), *new, name), atol=2e-3 if name == "bicubic-cv2" else 1e-4)


@pytest.mark.parametrize("name", sorted(set(FILTERS) - set(FLOATS)))
@pytest.mark.parametrize(("old", "new"), EXTENTS)
def test_bytes(name, old, new):
    """Both round after each axis, or to fixed point."""
    got = resize(frames(*old), *new, name)
    assert got.dtype == np.uint8
    assert got.flags.c_contiguous
    difference = got - naive(frames(*old), *new, name)
    assert np.abs(difference).max() <= 1.01
    assert np.abs(difference).mean() < 0.35


@pytest.mark.parametrize("name", FILTERS)
def test_nothing_to_do_changes_nothing(name):
    np.testing.assert_array_equal(resize(frames(9, 7), 9, 7, name), frames(9, 7))


@pytest.mark.parametrize("name", FILTERS)
def test_one_axis_alone(name):
    """Where the other axis stays, every line is scaled by itself."""
    video = frames(6, 8)
    whole = resize(video, 6, 20, name)
    for y in range(6):
        line = resize(np.ascontiguousarray(video[:, y : y + 1]), 1, 20, name)
        np.testing.assert_allclose(whole[:, y : y + 1], line, atol=1e-3)


def test_the_filters_differ():
    """A ramp tells where each takes its pixels from."""
    ramp = np.zeros((1, 8, 8, 3), np.uint8) + np.arange(0, 80, 10, dtype=np.uint8)[:, None, None]
    read = {name: resize(ramp, 16, 16, name)[0, :, 0, 0].astype(float)[[0, 1, 8, 15]].tolist() for name in FILTERS}
    assert read["bilinear-tf1"] == [0, 5, 40, 70]
    assert read["bilinear"] == [0, 2.5, 37.5, 70]
    assert np.allclose(read["bilinear-corners"], [0, 70 / 15, 8 * 70 / 15, 70])
    assert read["bilinear-pil"] == [0, 3, 38, 70]
    assert read["bilinear-cv2"] == [0, 3, 38, 70]


def test_only_pillow_averages():
    stripes = np.zeros((1, 16, 16, 3), np.uint8)
    stripes[:, ::4] = 252
    middle = {name: resize(stripes, 4, 4, name)[0, 1:3, 0, 0].astype(float) for name in FILTERS}
    assert np.abs(middle.pop("bilinear-pil") - 63).max() < 8
    assert all(min(abs(rows - 63).max(), 100) > 40 for rows in middle.values())


def test_chainers_resize_images_keeps_the_corners():
    video = frames(9, 13)
    x = video.transpose(0, 3, 1, 2).astype(np.float32)
    expected = F.resize_images(x, (28, 21)).array.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(resize(video, 28, 21, "bilinear-corners"), expected, atol=1e-3)


@pytest.mark.parametrize("name", FILTERS)
def test_every_frame_is_scaled_by_itself(name):
    both = resize(frames(12, 10), 28, 30, name)
    for t in range(2):
        np.testing.assert_array_equal(both[t], resize(frames(12, 10)[t : t + 1], 28, 30, name)[0])
