"""Max pooling on every backend, against naive loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import Window


def naive(x, window):
    """The maxima, window by window."""
    sizes = [
        (n + before + after - k) // s + 1
        for n, k, s, (before, after) in zip(x.shape[2:], window.ksize, window.stride, window.pads, strict=True)
    ]
    y = np.empty((*x.shape[:2], *sizes), x.dtype)
    for position in itertools.product(*map(range, sizes)):
        axes = zip(position, window.ksize, window.stride, window.pads, strict=True)
        view = tuple(slice(max(p * s - before, 0), p * s - before + k) for p, k, s, (before, _) in axes)
        y[(slice(None), slice(None), *position)] = x[(slice(None), slice(None), *view)].max(
            axis=tuple(range(2, x.ndim))
        )
    return y


def negative(*shape):
    """Numbers below 0: zeros from outside would be their maxima."""
    return -np.random.default_rng(0).random(shape, np.float32) - 1


@st.composite
def cases(draw):
    axes = draw(st.integers(1, 3))
    ksize = tuple(draw(st.integers(1, 4)) for _ in range(axes))
    pads = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in ksize)
    size = tuple(
        max(k - before - after, 1) + draw(st.integers(0, 4)) for k, (before, after) in zip(ksize, pads, strict=True)
    )
    window = Window(ksize, tuple(draw(st.integers(1, 3)) for _ in range(axes)), pads)
    x = negative(draw(st.integers(1, 2)), draw(st.sampled_from([1, 3, 16, 20])), *size)
    if draw(st.booleans()):
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x, window


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases())
def test_equals_naive_loops(backend, case):
    x, window = case
    y = backend.max_pooling(x, window)
    assert np.array_equal(y, naive(x, window))


PUBLISHED = {
    "I3D, frames": ((1, 16, 3, 8, 8), Window((1, 3, 3), (1, 2, 2), ((0, 0), (0, 1), (0, 1)))),
    "I3D, odd": ((1, 16, 5, 7, 7), Window((3, 3, 3), (2, 2, 2), ((1, 1), (1, 1), (1, 1)))),
    "I3D, even": ((2, 16, 4, 8, 8), Window((3, 3, 3), (2, 2, 2), ((0, 1), (0, 1), (0, 1)))),
    "I3D, same": ((1, 24, 2, 5, 5), Window((3, 3, 3), (1, 1, 1), ((1, 1), (1, 1), (1, 1)))),
    "C3D, Caffe": ((1, 8, 2, 7, 7), Window((2, 2, 2), (2, 2, 2), ((0, 0), (0, 1), (0, 1)))),
    "C3D, PyTorch": ((1, 8, 2, 7, 7), Window((2, 2, 2), (2, 2, 2), ((0, 0), (1, 0), (1, 0)))),
    "remainder": ((1, 8, 3, 5), Window((2, 2), (2, 2), ((0, 0), (0, 0)))),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_poolings_of_published_networks(backend, name):
    shape, window = PUBLISHED[name]
    x = negative(*shape)
    assert np.array_equal(backend.max_pooling(x, window), naive(x, window))


def test_keeps_float64(backend):
    window = Window((3, 2), (2, 2), ((1, 0), (0, 1)))
    x = negative(2, 3, 6, 5).astype(np.float64) * (1 + 1e-12)
    y = backend.max_pooling(x, window)
    assert y.dtype == np.float64
    assert np.array_equal(y, naive(x, window))


def test_taps_say_where_they_lie():
    window = Window((3, 1), (2, 1), ((1, 1), (0, 0)))
    x, seen = np.arange(8).reshape(1, 1, 4, 2), []
    for data, outputs in window.taps((4, 2)):
        y = np.full((1, 1, *window.output_size((4, 2))), -1)
        y[outputs] = x[data]
        seen.append(y[0, 0].tolist())
    assert seen == [[[-1, -1], [2, 3]], [[0, 1], [4, 5]], [[2, 3], [6, 7]]]
