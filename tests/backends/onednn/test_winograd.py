"""The convolutions that share products against naive loops over positions and taps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import Geometry
from tests.backends.onednn.square_layers import (
    PLAIN,
    PLAIN_VIDEO,
    PLANE,
    VIDEO,
    assert_close,
    channels_last,
    empty_channels_last,
    naive,
    operands,
)


@pytest.fixture(scope="session")
def winograd(onednn):
    """The module, which needs numba."""
    from mocogan_chainer.backends.onednn import winograd

    return winograd


def all_directions(winograd, tiling, x, W, gy):
    """Return y, gx, gW of a WinogradConvolution, whose memory starts out as NaN."""
    from mocogan_chainer.backends.onednn import c_api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            winograd.memory,
            "empty",
            lambda shape, dtype=np.float32: np.full(shape, 171 if dtype == np.uint8 else np.nan, dtype),
        )
        convolution = winograd.WinogradConvolution(c_api.load(), x.shape, W.shape, gy.shape, tiling)
        y, gx, gW = empty_channels_last(gy.shape), empty_channels_last(x.shape), np.full_like(W, np.nan)
        convolution.forward(x, convolution.prepare_forward(W), y)
        convolution.backward_data(gy, convolution.prepare_backward_data(W), gx)
        convolution.backward_weights(x, gy, gW)
    return y, gx, gW


KINDS = {"F22": (4, 2), "F42": (4, 2), "F34": (4, 1), "F43": (3, 1)}
"""Kernel and stride of each tiling."""


@st.composite
def cases(draw):
    """Sizes need be no whole number of tiles, so that the last ones reach beyond the outputs."""
    tiling = draw(st.sampled_from(sorted(KINDS)))
    kernel, stride = KINDS[tiling]
    taps = draw(st.sampled_from([None, 1, 2, 3, 4]))
    frames = () if taps is None else (taps + draw(st.integers(0, 2)),)
    size = (*frames, *(draw(st.integers(2, 16)) for _ in range(2)))
    channels = [draw(st.integers(1, 5)) for _ in range(2)]
    return tiling, stride, (draw(st.integers(1, 5)), channels, size, taps, kernel, stride)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(case=cases())
def test_equals_naive_loops(winograd, case):
    tiling, stride, rest = case
    x, W, gy = operands(*rest)
    assert_close(all_directions(winograd, getattr(winograd, tiling), x, W, gy), naive(x, W, gy, stride), 1e-5)


@pytest.mark.parametrize("tiling", KINDS)
@pytest.mark.parametrize(("size", "taps"), [((8, 16), None), ((3, 8, 16), 2)])
@pytest.mark.parametrize(("at_a_time", "parts"), [(0, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (4, [3, 2]), (9, [5])])
def test_samples_in_parts(winograd, monkeypatch, tiling, size, taps, at_a_time, parts):
    """As many of the 5 samples at a time as fit into the cache; the last part may be smaller than the others."""
    kernel, stride = KINDS[tiling]
    x, W, gy = operands(5, (3, 2), size, taps, kernel, stride)
    outputs, products = getattr(winograd, tiling).A.shape
    tiles = -(-gy.shape[-2] // outputs) * -(-gy.shape[-1] // outputs)
    frames = 1 if taps is None else size[0]
    a_sample = 4 * products**2 * frames * tiles * stride**2 * x.shape[1]
    monkeypatch.setattr(winograd, "CACHE", at_a_time * a_sample)
    transform, seen = winograd.tiles.pixels_to_tiles, []

    def count(pixels, *arguments):
        seen.append(len(pixels))
        transform(pixels, *arguments)

    monkeypatch.setattr(winograd.tiles, "pixels_to_tiles", count)
    assert_close(all_directions(winograd, getattr(winograd, tiling), x, W, gy), naive(x, W, gy, stride), 1e-5)
    assert seen[-len(parts) :] == parts  # of the weights' gradient, which must not count a sample twice


@pytest.mark.parametrize("tiling", KINDS)
def test_rounding_error(winograd, tiling):
    """At the size of a discriminator's layer: below 5e-6 of the largest number, as a direct float32 sum."""
    kernel, stride = KINDS[tiling]
    x, W, gy = operands(4, (64, 32), (16, 16), None, kernel, stride)
    assert_close(all_directions(winograd, getattr(winograd, tiling), x, W, gy), naive(x, W, gy, stride), 5e-6)


def plan(x_shape, w_shape, geometry):
    """Who would compute it, by the backend's own choice."""
    from mocogan_chainer.backends.onednn import operations

    y_shape = (x_shape[0], w_shape[0], *geometry.output_size(x_shape[2:], w_shape[2:]))
    return operations._plan(x_shape, w_shape, y_shape, geometry, False)  # in float32


TAKEN = [
    ((32, 64, 32, 32), (128, 64, 4, 4), PLANE),
    ((32, 128, 16, 16), (256, 128, 4, 4), PLANE),
    ((32, 64, 24, 40), (128, 64, 4, 4), PLANE),
    ((32, 64, 13, 32, 32), (128, 64, 4, 4, 4), VIDEO),
    ((32, 64, 10, 32, 32), (128, 64, 1, 4, 4), VIDEO),
    ((32, 64, 33, 31), (128, 64, 4, 4), PLANE),
    ((5, 256, 16, 16), (512, 256, 4, 4), PLAIN),
    ((5, 256, 32, 32), (512, 256, 4, 4), PLAIN),
    ((8, 256, 32, 32), (256, 256, 3, 3), PLAIN),
    ((8, 256, 5, 16, 16), (256, 256, 2, 3, 3), PLAIN_VIDEO),
]

REFUSED = {
    "no pad at stride 1": ((32, 64, 32, 32), (64, 64, 3, 3), Geometry((1, 1), (0, 0))),
    "one tap": ((32, 64, 32, 32), (64, 64, 1, 1), PLAIN),
    "5 taps": ((32, 64, 32, 32), (64, 64, 5, 5), PLAIN),
    "3 and 4 taps": ((32, 64, 32, 32), (64, 64, 3, 4), PLAIN),
    "stride 3": ((32, 64, 32, 32), (64, 64, 4, 4), Geometry((3, 3), (1, 1))),
    "one stride": ((32, 64, 32, 32), (64, 64, 4, 4), Geometry((2, 1), (1, 1))),
    "stride in time": ((32, 64, 8, 32, 32), (64, 64, 4, 4, 4), Geometry((2, 2, 2), (0, 1, 1))),
    "no pad": ((32, 64, 32, 32), (64, 64, 4, 4), Geometry((2, 2), (0, 0))),
    "pad 2": ((32, 64, 32, 32), (64, 64, 4, 4), Geometry((2, 2), (2, 2))),
    "pad in time": ((32, 64, 8, 32, 32), (64, 64, 3, 4, 4), Geometry((1, 2, 2), (1, 1, 1))),
    "groups": ((32, 64, 32, 32), (64, 32, 4, 4), Geometry((2, 2), (1, 1), 2)),
    "kernel of 3": ((32, 64, 32, 32), (64, 64, 3, 3), PLANE),
    "kernel of 5 and 4": ((32, 64, 32, 32), (64, 64, 5, 4), PLANE),
    "a narrow layer": ((16, 16, 32, 32), (32, 16, 4, 4), PLANE),
    "image channels in": ((32, 3, 64, 64), (64, 3, 4, 4), PLANE),
    "image channels out": ((32, 64, 64, 64), (3, 64, 4, 4), PLANE),
    "few rows": ((1, 64, 4, 4), (64, 64, 4, 4), PLANE),
    "one axis": ((32, 64, 32), (64, 64, 4), Geometry((2,), (1,))),
}


@pytest.mark.parametrize("case", TAKEN)
def test_takes_the_layers_of_gans(winograd, case):
    assert isinstance(plan(*case), winograd.WinogradConvolution)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refuses_what_it_cannot_or_should_not(winograd, case):
    assert not isinstance(plan(*case), winograd.WinogradConvolution)


@pytest.fixture
def always_chosen(winograd, monkeypatch):
    """Sums that cost nothing, so that small layers share products too."""
    from mocogan_chainer.backends.onednn import operations

    for name, value in {"MIN_CHANNELS": 0, "FILTER": 0, "SUMMED": {1: 0, 2: 0}}.items():
        monkeypatch.setattr(winograd, name, value)
    operations._plan.cache_clear()
    yield
    operations._plan.cache_clear()


@pytest.mark.parametrize(
    ("samples", "size", "taps", "geometry", "kernel"),
    [
        (40, (8, 8), None, PLANE, 4),
        (40, (8, 12), None, PLANE, 4),
        (12, (16, 24), None, PLANE, 4),
        (12, (4, 8, 16), 3, VIDEO, 4),
        (12, (13, 10), None, PLANE, 4),
        (9, (16, 13), None, PLAIN, 4),
        (9, (16, 13), None, PLAIN, 3),
        (9, (3, 14, 16), 2, PLAIN_VIDEO, 4),
        (9, (3, 14, 16), 2, PLAIN_VIDEO, 3),
    ],
)
def test_through_the_backend(onednn, winograd, always_chosen, samples, size, taps, geometry, kernel):
    stride = geometry.stride[-1]
    x, W, gy = operands(samples, (17, 16), size, taps, kernel, stride)
    assert isinstance(plan(x.shape, W.shape, geometry), winograd.WinogradConvolution)
    for arrange in (channels_last, np.ascontiguousarray, np.asfortranarray):
        a, b = arrange(x), arrange(gy)
        a.flags.writeable = b.flags.writeable = False
        actual = (
            onednn.convolution_forward(a, W, geometry),
            onednn.convolution_backward_data(b, W, size, geometry),
            onednn.convolution_backward_weights(a, b, W.shape[2:], geometry),
        )
        assert_close(actual, naive(x, W, gy, stride), 1e-5)


@pytest.mark.threads
@pytest.mark.parametrize("tiling", KINDS)
def test_the_number_of_threads_does_not_matter(winograd, tiling):
    """To the sums around the products; the products are oneDNN's."""
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs a second core")
    x, W, gy = operands(3, (16, 16), (2, 16, 16), 2, *KINDS[tiling])
    before, results = numba.get_num_threads(), []
    try:
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            results.append(all_directions(winograd, getattr(winograd, tiling), x, W, gy))
    finally:
        numba.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)


def test_primitives_are_made_once(winograd, monkeypatch):
    """Also with more layers than a few: making them takes longer than running them, and they are never freed."""
    from mocogan_chainer.backends.onednn import c_api

    made, make = [], winograd.ConvolutionPrimitives
    monkeypatch.setattr(winograd, "ConvolutionPrimitives", lambda *a, **k: made.append(1) or make(*a, **k))
    layers = []
    for channels in range(1, 14):
        x, W, gy = operands(1, (channels, 2), (8, 8), None)
        convolution = winograd.WinogradConvolution(c_api.load(), x.shape, W.shape, gy.shape, winograd.F22)
        layers.append((convolution, x, convolution.prepare_forward(W), gy))
    for _ in range(2):
        made.clear()
        for convolution, x, weights, gy in layers:
            convolution.forward(x, weights, empty_channels_last(gy.shape))
    assert made == []
