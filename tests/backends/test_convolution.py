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
    out_size = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, ksize, geometry.stride, geometry.pad, strict=True)]
    for position in itertools.product(*map(range, out_size)):
        for tap in itertools.product(*map(range, ksize)):
            place = [o * s + t - p for o, t, s, p in zip(position, tap, geometry.stride, geometry.pad, strict=True)]
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

    ksize, groups = each(1, 3), draw(st.integers(1, 2))
    geometry = Geometry(each(1, 3), each(0, 2), groups)
    extra = each(0, 3)
    size = tuple(max(k - 2 * p, 1) + e for k, p, e in zip(ksize, geometry.pad, extra, strict=True))
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
        geometry = Geometry((2, 2), (1, 1))
        x, W, gy = (np.ones(s, dtype) for s in ((2, 3, 6, 6), (4, 3, 4, 4), (2, 4, 3, 3)))
        assert backend.convolution_forward(x, W, geometry).dtype == dtype
        assert backend.convolution_backward_data(gy, W, (6, 6), geometry).dtype == dtype
        assert backend.convolution_backward_weights(x, gy, (4, 4), geometry).dtype == dtype

    def test_takes_strided_views(self, backend):
        geometry = Geometry((1, 2, 2), (0, 1, 1))
        rng = np.random.default_rng(1)
        x = rng.standard_normal((4, 6, 5, 6, 12), np.float32)[::2, ::2, :, :, ::2]
        W = rng.standard_normal((8, 3, 4, 4, 4), np.float32)[::2]
        y = naive(x, W, np.zeros((2, 4, 2, 3, 3), np.float32), geometry)[0]
        assert_close(backend.convolution_forward(x, W, geometry), y)

    def test_gives_the_same_bits_again(self, backend):
        geometry = Geometry((1, 2, 2), (0, 1, 1))
        rng = np.random.default_rng(2)
        x, W = rng.standard_normal((2, 8, 7, 8, 8), np.float32), rng.standard_normal((8, 8, 4, 4, 4), np.float32)
        first, second = (backend.convolution_forward(x, W, geometry) for _ in range(2))
        assert np.array_equal(first, second)
        gradients = [backend.convolution_backward_weights(x, first, (4, 4, 4), geometry) for _ in range(2)]
        assert np.array_equal(*gradients)


def convolved(x, W, geometry):
    """A convolution by loops in float64."""
    size = geometry.output_size(x.shape[2:], W.shape[2:])
    return naive(x, W, np.zeros((x.shape[0], W.shape[0], *size), np.float32), geometry)[0]


def activated(y, b, residual, rectify):
    """What a layer does to its convolution's result, in float64."""
    y = y + b.reshape(-1, *(1,) * (y.ndim - 2)) + (0 if residual is None else residual)
    return np.where(rectify & (y < 0), 0, y)


LAYERS = {  # of published networks, with fewer channels and positions: x, W, geometry
    "first": ((1, 3, 4, 5, 6), (8, 3, 7, 7, 7), Geometry((1, 2, 2), (3, 3, 3))),
    "unpadded": ((1, 3, 9, 8, 9), (8, 3, 7, 7, 7), Geometry((2, 2, 2), (0, 0, 0))),
    "point": ((2, 40, 3, 5, 4), (24, 40, 1, 1, 1), Geometry((1, 1, 1), (0, 0, 0))),
    "shortcut": ((2, 20, 4, 7, 6), (12, 20, 1, 1, 1), Geometry((2, 2, 2), (0, 0, 0))),
    "groups of 4": ((1, 32, 2, 5, 4), (32, 4, 3, 3, 3), Geometry((1, 1, 1), (1, 1, 1), 8)),
    "groups of 8": ((1, 32, 3, 3, 4), (32, 8, 3, 3, 3), Geometry((2, 2, 2), (1, 1, 1), 4)),
    "groups of 16": ((1, 32, 2, 3, 3), (32, 16, 3, 3, 3), Geometry((1, 1, 1), (1, 1, 1), 2)),
    "groups of 32": ((1, 64, 1, 3, 2), (64, 32, 3, 3, 3), Geometry((1, 1, 1), (1, 1, 1), 2)),
    "image": ((2, 16, 5, 4), (24, 16, 3, 3), Geometry((1, 1), (1, 1))),
}


def layer(x_shape, w_shape, geometry, seed=0):
    """Random x, W, b and residual."""
    rng = np.random.default_rng(seed)
    size = geometry.output_size(x_shape[2:], w_shape[2:])
    shapes = (x_shape, w_shape, w_shape[:1], (x_shape[0], w_shape[0], *size))
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


class TestConvolutionActivation:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(case=cases(), residual=st.booleans(), rectify=st.booleans())
    def test_equals_naive_loops(self, backend, case, residual, rectify):
        n, (c, o), size, ksize, geometry, order = case
        x, W, b, added = layer((n, c, *size), (o, c // geometry.groups, *ksize), geometry)
        x, added = arrange(x, order), arrange(added, order) if residual else None
        y = backend.convolution_activation(x, W, b, geometry, added, rectify)
        assert_close(y, activated(convolved(x, W, geometry), b, added, rectify))

    @pytest.mark.parametrize("name", LAYERS)
    def test_layers_of_published_networks(self, backend, name):
        x, W, b, added = layer(*LAYERS[name])
        geometry = LAYERS[name][2]
        convolution = convolved(x, W, geometry)
        for residual, rectify in ((None, True), (added, True), (None, False)):
            y = backend.convolution_activation(x, W, b, geometry, residual, rectify)
            assert_close(y, activated(convolution, b, residual, rectify))

    def test_nothing_given_is_written_to(self, backend):
        geometry = LAYERS["image"][2]
        given_arrays = [arrange(a, "L") if a.ndim > 1 else a for a in layer(*LAYERS["image"])]
        copies = [a.copy() for a in given_arrays]
        x, W, b, residual = given_arrays
        backend.convolution_activation(x, W, b, geometry, residual, True)
        assert all(np.array_equal(a, copy) for a, copy in zip(given_arrays, copies, strict=True))

    def test_changed_weights_are_seen(self, backend):
        geometry = LAYERS["image"][2]
        x, W, b, _ = layer(*LAYERS["image"])
        backend.convolution_activation(x, W, b, geometry, None, True)
        W[3, 2, 1, 0] += 5
        b[1] -= 3
        y = backend.convolution_activation(x, W, b, geometry, None, True)
        assert_close(y, activated(convolved(x, W, geometry), b, None, True))

    def test_a_bias_of_another_size_is_refused(self, backend):
        x, W, b, _ = layer(*LAYERS["image"])
        with pytest.raises(ValueError, match="broadcast"):
            backend.convolution_activation(x, W, b[:5], LAYERS["image"][2], None, True)

    def test_keeps_float64(self, backend):
        geometry = LAYERS["image"][2]
        x, W, b, residual = (a.astype(np.float64) for a in layer(*LAYERS["image"]))
        y = backend.convolution_activation(x, W, b, geometry, residual, True)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, activated(convolved(x, W, geometry), b, residual, True), atol=1e-12)


def test_geometry_sizes_are_inverse():
    geometry = Geometry((2, 1), (1, 0))
    assert geometry.output_size((64, 9), (4, 3)) == (32, 7)
    assert geometry.input_size((32, 7), (4, 3)) == (64, 9)
