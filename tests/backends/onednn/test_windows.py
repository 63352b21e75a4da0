"""The 4 x 4 halving convolution in bfloat16 against naive loops over what rounding leaves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.onednn import c_api, has_bfloat16
from tests.backends.onednn.square_layers import PLANE, VIDEO, assert_close, empty_channels_last, naive, operands

IN_ALL_SUMS = 1e-5
"""Products of rounded numbers are exact in float32; only sums round."""


@pytest.fixture(scope="session")
def windows(onednn):
    """The module, which needs numba."""
    from mocogan_chainer.backends.onednn import windows

    return windows


def widened(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


class NumPyProduct:
    """What :class:`~mocogan_chainer.backends.onednn.products.Product` computes, on any processor."""

    def __init__(self, library, rows, inner, columns, *, transposed_a=False, transposed_b=False, adds=False):
        self.sizes, self.turned, self.adds = (rows, inner, columns), (transposed_a, transposed_b), adds

    def __call__(self, a, b, c):
        rows, inner, columns = self.sizes
        assert a.flags.c_contiguous and b.flags.c_contiguous and c.flags.c_contiguous
        assert (a.dtype, b.dtype, c.dtype) == (np.uint16, np.uint16, np.float32)
        a, b = widened(a), widened(b)
        a = a.reshape(inner, rows).T if self.turned[0] else a.reshape(rows, inner)
        b = b.reshape(columns, inner).T if self.turned[1] else b.reshape(inner, columns)
        target = c.reshape(rows, columns)
        target[...] = a @ b + (target if self.adds else 0)


def product(windows, real):
    if real and not has_bfloat16():
        pytest.skip("this processor does not multiply bfloat16 numbers")
    return windows.Product if real else NumPyProduct


def all_directions(windows, of, x, W, gy):
    """Return y, gx, gW of a WindowsConvolution over products ``of`` a class, whose memory starts out as NaN."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows.memory, "empty", lambda shape, dtype=np.float32: np.full(shape, *nan(dtype)))
        patch.setattr(windows, "Product", of)
        convolution = windows.WindowsConvolution(c_api.load(), x.shape, W.shape, gy.shape)
        y, gx, gW = empty_channels_last(gy.shape), empty_channels_last(x.shape), np.full_like(W, np.nan)
        weights = convolution.prepare_forward(W)
        convolution.forward(x, weights, y)
        convolution.backward_data(gy, weights, gx)
        convolution.backward_weights(x, gy, gW)
    return y, gx, gW


def nan(dtype):
    return (np.nan, dtype) if dtype == np.float32 else (0x7FC0 if dtype == np.uint16 else 171, dtype)


def rounded(a):
    """Its numbers as bfloat16 has them, to the nearest (ties do not come up among random ones)."""
    bits = np.ascontiguousarray(a).view(np.uint32)
    return ((bits + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view(np.float32)


def expected(x, W, gy):
    return naive(*map(rounded, (x, W, gy)))


@st.composite
def cases(draw):
    taps = draw(st.sampled_from([None, 1, 2, 3, 4]))
    frames = () if taps is None else (taps + draw(st.integers(0, 2)),)
    size = (*frames, *(2 * draw(st.integers(1, 5)) for _ in range(2)))
    channels = [draw(st.integers(1, 40)) for _ in range(2)]
    return draw(st.integers(1, 4)), channels, size, taps


@pytest.mark.parametrize("real", [False, True], ids=["NumPy's products", "oneDNN's products"])
def test_equals_naive_loops(windows, real):
    of = product(windows, real)

    @settings(max_examples=12, deadline=None, derandomize=True)
    @given(case=cases())
    def check(case):
        layer = operands(*case)
        assert_close(all_directions(windows, of, *layer), expected(*layer), IN_ALL_SUMS)

    check()


@pytest.mark.parametrize("real", [False, True], ids=["NumPy's products", "oneDNN's products"])
@pytest.mark.parametrize(("size", "taps"), [((8, 16), None), ((3, 8, 16), 2)])
@pytest.mark.parametrize(("at_a_time", "parts"), [(0, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (9, [5])])
def test_samples_in_parts(windows, monkeypatch, real, size, taps, at_a_time, parts):
    """As many of the 5 samples at a time as fit into the cache; the last part may be smaller than the others."""
    layer = operands(5, (3, 2), size, taps)
    pixels = size[-2] * size[-1] * (1 if taps is None else size[0])
    monkeypatch.setattr(windows, "CACHE", at_a_time * 4 * pixels * 3 * 2)
    copy, seen = windows.kernels.pixels_to_windows, []

    def count(pixels, target):
        seen.append(len(pixels))
        copy(pixels, target)

    monkeypatch.setattr(windows.kernels, "pixels_to_windows", count)
    assert_close(all_directions(windows, product(windows, real), *layer), expected(*layer), IN_ALL_SUMS)
    assert seen == parts * 2  # forward, and the weights' gradient


def test_what_is_not_finite_stays_in_its_place(windows):
    x, W, gy = operands(1, (2, 3), (8, 8), None)
    x[0, 1, 3, 3], gy[0, 0, 0, 0] = np.inf, np.nan
    y, gx, gW = all_directions(windows, NumPyProduct, x, W, gy)
    assert np.array_equal(np.isfinite(y[0]).all(axis=0), ~np.isin(np.arange(16), [5, 6, 9, 10]).reshape(4, 4))
    assert np.isnan(gx[0, :, :3, :3]).all() and np.isfinite(gx[0, :, 3:]).all() and np.isfinite(gx[0, :, :, 3:]).all()
    assert np.isnan(gW[0]).any() and np.isfinite(gW[1:, 0]).all()


TAKEN = [
    ((8, 128, 10, 16, 16), (256, 128, 4, 4, 4), VIDEO),
    ((8, 256, 7, 8, 8), (512, 256, 4, 4, 4), VIDEO),
    ((1, 64, 4, 4), (64, 64, 4, 4), PLANE),
    ((2, 64, 64, 30), (96, 64, 4, 4), PLANE),
]
REFUSED = {
    "long rows": ((8, 64, 32, 32), (128, 64, 4, 4), PLANE),
    "few channels in": ((8, 63, 16, 16), (64, 63, 4, 4), PLANE),
    "few channels out": ((8, 64, 16, 16), (63, 64, 4, 4), PLANE),
    "odd width": ((8, 64, 16, 15), (64, 64, 4, 4), PLANE),
    "stride 1": ((8, 64, 9, 9), (64, 64, 4, 4), Geometry((1, 1), (1, 1))),
    "pad in time": ((8, 64, 4, 8, 8), (64, 64, 3, 4, 4), Geometry((1, 2, 2), (1, 1, 1))),
    "kernel of 3": ((8, 64, 16, 16), (64, 64, 3, 3), PLANE),
}


def taken(windows, case, in_bfloat16):
    from mocogan_chainer.backends.onednn import operations

    x_shape, w_shape, geometry = case
    y_shape = (x_shape[0], w_shape[0], *geometry.output_size(x_shape[2:], w_shape[2:]))
    return isinstance(operations._plan(x_shape, w_shape, y_shape, geometry, in_bfloat16), windows.WindowsConvolution)


@pytest.mark.parametrize("case", TAKEN)
def test_takes_layers_of_short_rows(windows, case):
    assert taken(windows, case, True)
    assert not taken(windows, case, False)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refuses_what_it_cannot_or_should_not(windows, case):
    assert not taken(windows, case, True)


@pytest.mark.parametrize("size", [(8, 8), (4, 8, 16)])
def test_through_the_backend(onednn, windows, monkeypatch, size):
    """Both directions share the weights' form, which is made anew when the weights change."""
    taps, geometry = (None, PLANE) if len(size) == 2 else (3, VIDEO)
    x, W, gy = operands(2, (17, 16), size, taps)
    monkeypatch.setattr(onednn, "bfloat16", True)
    monkeypatch.setattr(windows, "Product", NumPyProduct)
    monkeypatch.setattr(windows, "MIN_CHANNELS", 16)
    onednn._plan.cache_clear()
    made, make = [], windows.kernels.weights_to_matrices
    monkeypatch.setattr(windows.kernels, "weights_to_matrices", lambda *a: made.append(1) or make(*a))
    try:
        for times in (1, 2):
            W *= times
            actual = (
                onednn.convolution_forward(x, W, geometry),
                onednn.convolution_backward_data(gy, W, size, geometry),
                onednn.convolution_backward_weights(x, gy, W.shape[2:], geometry),
            )
            assert_close(actual, expected(x, W, gy), IN_ALL_SUMS)
            assert len(made) == times
    finally:
        onednn._plan.cache_clear()


@pytest.mark.threads
def test_the_number_of_threads_does_not_matter(windows):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs a second core")
    layer, before, results = operands(3, (40, 33), (3, 8, 8), 2), numba.get_num_threads(), []
    try:
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            results.append(all_directions(windows, NumPyProduct, *layer))
    finally:
        numba.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)
