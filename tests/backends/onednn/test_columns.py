"""Convolution as one matrix product, against naive loops over positions and taps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import Geometry

HALVING = Geometry((2, 2), (1, 1))


@pytest.fixture(scope="session")
def columns(onednn):
    """The module, which needs numba."""
    from mocogan_chainer.backends.onednn import columns

    return columns


def naive(x, W, gy, geometry):
    """Return y, gx, gW in float64."""
    x, W, gy = (a.astype(float) for a in (x, W, gy))
    y, gx, gW = np.zeros(gy.shape), np.zeros(x.shape), np.zeros(W.shape)
    for i, j in itertools.product(*map(range, gy.shape[2:])):
        for a, b in itertools.product(*map(range, W.shape[2:])):
            row, column = i * geometry.stride[0] + a - geometry.pad[0], j * geometry.stride[1] + b - geometry.pad[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                y[:, :, i, j] += x[:, :, row, column] @ W[:, :, a, b].T
                gx[:, :, row, column] += gy[:, :, i, j] @ W[:, :, a, b]
                gW[:, :, a, b] += gy[:, :, i, j].T @ x[:, :, row, column]
    return y, gx, gW


def channels_last(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def empty_channels_last(shape):
    return np.moveaxis(np.full((shape[0], *shape[2:], shape[1]), np.nan, np.float32), -1, 1)


def operands(samples, channels, size, ksize, geometry):
    rng = np.random.default_rng(0)
    shapes = (samples, channels[0], *size), (channels[1], channels[0], *ksize)
    x, W = (rng.standard_normal(shape, np.float32) for shape in shapes)
    gy = rng.standard_normal((samples, channels[1], *geometry.output_size(size, ksize)), np.float32)
    return channels_last(x), W, channels_last(gy)


def assert_close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, atol=1e-5)


@st.composite
def cases(draw):
    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    ksize, geometry, extra = pair(1, 4), Geometry(pair(1, 3), pair(0, 2)), pair(0, 4)
    size = tuple(max(k - 2 * p, 1) + e for k, p, e in zip(ksize, geometry.pad, extra, strict=True))
    return draw(st.integers(1, 3)), pair(1, 5), size, ksize, geometry


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases())
def test_equals_naive_loops(columns, case):
    from mocogan_chainer.backends.onednn.c_api import load

    x, W, gy = operands(*case)
    plan = columns.ColumnsConvolution(load(), W.shape, gy.shape, case[-1])
    y, gx, gW = empty_channels_last(gy.shape), empty_channels_last(x.shape), np.full(W.shape, np.nan, np.float32)
    plan.forward(x, W, y)
    plan.backward_data(gy, W, gx)
    plan.backward_weights(x, gy, gW)
    for actual, expected in zip((y, gx, gW), naive(x, W, gy, case[-1]), strict=True):
        assert_close(actual, expected)


TAKEN = [
    ((1, 64, 1, 1), (64, 64, 4, 4)),  # a U-Net's innermost layer
    ((5, 512, 2, 2), (512, 256, 4, 4)),
    ((512, 64, 1, 1), (64, 64, 4, 4)),
]
LEFT = [
    ((1, 64, 1, 1), (64, 63, 4, 4), HALVING),  # few weights
    ((513, 64, 1, 1), (64, 64, 4, 4), HALVING),  # many outputs
    ((129, 64, 2, 2), (64, 64, 4, 4), HALVING),
    ((1, 64, 1, 1), (64, 64, 4, 4), Geometry((2, 2), (1, 1), 2)),
    ((1, 64, 1, 1, 1), (64, 64, 4, 4, 4), Geometry((1, 2, 2), (0, 1, 1))),
]


def test_takes_many_weights_and_few_outputs(columns):
    assert all(columns.suits(w_shape, y_shape, HALVING) for y_shape, w_shape in TAKEN)
    assert not any(columns.suits(w_shape, y_shape, geometry) for y_shape, w_shape, geometry in LEFT)


@pytest.mark.parametrize(("samples", "size"), [(1, 2), (3, 4)])
def test_through_the_backend(onednn, columns, samples, size):
    """Weights that change between two uses are seen."""
    x, W, gy = operands(samples, (64, 72), (size, size), (4, 4), HALVING)
    assert columns.suits(W.shape, gy.shape, HALVING)
    for _ in range(2):
        y, gx, gW = naive(x, W, gy, HALVING)
        assert_close(onednn.convolution_forward(x, W, HALVING), y)
        assert_close(onednn.convolution_backward_data(gy, W, (size, size), HALVING), gx)
        assert_close(onednn.convolution_backward_weights(x, gy, (4, 4), HALVING), gW)
        W[3, 5, 1, 2] += 9


def test_weights_in_another_order(onednn):
    x, W, gy = operands(1, (64, 72), (2, 2), (4, 4), HALVING)
    y = naive(x, W, gy, HALVING)[0]
    assert_close(onednn.convolution_forward(x, np.asfortranarray(W), HALVING), y)


def test_the_number_of_threads_does_not_matter(onednn):
    import numba

    _, W, gy = operands(3, (64, 72), (4, 4), (4, 4), HALVING)
    every = numba.get_num_threads()
    found = []
    for count in (1, every):
        numba.set_num_threads(count)
        try:
            found.append(onednn.convolution_backward_data(gy, W, (4, 4), HALVING))
        finally:
            numba.set_num_threads(every)
    assert np.array_equal(*found)
