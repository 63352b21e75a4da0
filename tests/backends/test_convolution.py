"""Every backend against naive loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import Geometry


def walk(x_shape, w_shape, geometry):
    """Yield (output index, input index, weight index) of every product in a convolution."""
    size, ksize = x_shape[2:], w_shape[2:]
    out_channels, in_channels = w_shape[:2]
    per_group = out_channels // geometry.groups
    out_size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, ksize, geometry.stride, geometry.pad, geometry.dilate, strict=True)
    ]
    for position in itertools.product(*map(range, out_size)):
        for tap in itertools.product(*map(range, ksize)):
            place = [
                o * s + t * d - p
                for o, t, s, p, d in zip(position, tap, geometry.stride, geometry.pad, geometry.dilate, strict=True)
            ]
            if any(not 0 <= i < n for i, n in zip(place, size, strict=True)):
                continue
            for o in range(out_channels):
                for c in range(in_channels):
                    source = o // per_group * in_channels + c
                    yield (o, *position), (source, *place), (o, c, *tap)


def naive(x, W, gy, geometry):
    """Return y, gx, gW by loops in float64."""
    y, gx, gW = np.zeros(gy.shape), np.zeros(x.shape), np.zeros(W.shape)
    for out, source, weight in walk(x.shape, W.shape, geometry):
        at_y, at_x = (slice(None), *out), (slice(None), *source)
        y[at_y] += x[at_x].astype(float) * W[weight]
        gx[at_x] += gy[at_y].astype(float) * W[weight]
        gW[weight] += (gy[at_y].astype(float) * x[at_x]).sum()
    return y, gx, gW


def assert_close(actual, expected):
    assert actual.shape == expected.shape
    scale = max(np.abs(expected).max(), 1e-3)
    np.testing.assert_allclose(actual / scale, expected / scale, atol=1e-5)


@st.composite
def cases(draw):
    ndim = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(ndim))

    ksize, dilate, groups = each(1, 3), each(1, 2), draw(st.integers(1, 2))
    geometry = Geometry(each(1, 3), each(0, 2), dilate, groups)
    extra = each(0, 3)
    size = tuple(
        max(d * (k - 1) + 1 - 2 * p, 1) + e for d, k, p, e in zip(dilate, ksize, geometry.pad, extra, strict=True)
    )
    channels = [draw(st.integers(1, 3)) * groups for _ in range(2)]
    return draw(st.integers(1, 2)), channels, size, ksize, geometry, draw(st.sampled_from("CFL"))


def arrange(a, order):
    """The same numbers in C, Fortran or channels-last memory."""
    if order == "L":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
    return np.asarray(a, order=order)


class TestConvolution:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(case=cases())
    def test_equals_naive_loops(self, backend, case):
        n, (c, o), size, ksize, geometry, order = case
        rng = np.random.default_rng(0)
        x = arrange(rng.standard_normal((n, c, *size), np.float32), order)
        W = rng.standard_normal((o, c // geometry.groups, *ksize), np.float32)
        gy = arrange(rng.standard_normal((n, o, *geometry.output_size(size, ksize)), np.float32), order)
        y, gx, gW = naive(x, W, gy, geometry)
        assert_close(backend.convolution_forward(x, W, geometry), y)
        assert_close(backend.convolution_backward_data(gy, W, size, geometry), gx)
        assert_close(backend.convolution_backward_weights(x, gy, ksize, geometry), gW)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_keeps_the_dtype(self, backend, dtype):
        geometry = Geometry((2, 2), (1, 1), (1, 1))
        x, W, gy = (np.ones(s, dtype) for s in ((2, 3, 6, 6), (4, 3, 4, 4), (2, 4, 3, 3)))
        assert backend.convolution_forward(x, W, geometry).dtype == dtype
        assert backend.convolution_backward_data(gy, W, (6, 6), geometry).dtype == dtype
        assert backend.convolution_backward_weights(x, gy, (4, 4), geometry).dtype == dtype

    def test_takes_strided_views(self, backend):
        geometry = Geometry((1, 2, 2), (0, 1, 1), (1, 1, 1))
        rng = np.random.default_rng(1)
        x = rng.standard_normal((4, 6, 5, 6, 12), np.float32)[::2, ::2, :, :, ::2]
        W = rng.standard_normal((8, 3, 4, 4, 4), np.float32)[::2]
        y = naive(x, W, np.zeros((2, 4, 2, 3, 3), np.float32), geometry)[0]
        assert_close(backend.convolution_forward(x, W, geometry), y)

    def test_gives_the_same_bits_again(self, backend):
        geometry = Geometry((1, 2, 2), (0, 1, 1), (1, 1, 1))
        rng = np.random.default_rng(2)
        x, W = rng.standard_normal((2, 8, 7, 8, 8), np.float32), rng.standard_normal((8, 8, 4, 4, 4), np.float32)
        first, second = (backend.convolution_forward(x, W, geometry) for _ in range(2))
        assert np.array_equal(first, second)
        gradients = [backend.convolution_backward_weights(x, first, (4, 4, 4), geometry) for _ in range(2)]
        assert np.array_equal(*gradients)


def test_geometry_sizes_are_inverse():
    geometry = Geometry((2, 1), (1, 0), (1, 2))
    assert geometry.output_size((64, 9), (4, 3)) == (32, 5)
    assert geometry.input_size((32, 5), (4, 3)) == (64, 9)
