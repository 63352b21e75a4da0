"""Rounding to bfloat16, and convolutions that multiply in it (where the processor can)."""

import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import Geometry, stock
from mocogan_chainer.backends.onednn import c_api, has_bfloat16

CASES = [
    ((1, 16, 6, 32, 32), (32, 16, 4, 4, 4), Geometry((1, 2, 2), (0, 1, 1))),
    ((4, 3, 16, 16), (64, 3, 4, 4), Geometry((2, 2), (1, 1))),
    ((3, 8, 9, 7), (12, 4, 3, 2), Geometry((1, 2), (2, 0), 2)),
]


def widened(bits):
    """The float32 numbers of bfloat16 bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


class TestRounding:
    @pytest.fixture
    def to_bfloat16(self, onednn):
        from mocogan_chainer.backends.onednn.kernels.bfloat16 import to_bfloat16

        return to_bfloat16

    def test_to_the_nearest(self, to_bfloat16):
        x = np.random.default_rng(0).standard_normal(50_000).astype(np.float32) * np.float32(1e3)
        rounded = widened(to_bfloat16(x))
        spacing = 2.0 ** (np.floor(np.log2(np.abs(x.astype(float)))) - 7)  # 8 significant bits
        assert (np.abs(rounded.astype(float) - x) <= spacing / 2).all()

    def test_ties_go_to_even(self, to_bfloat16):
        x = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20], np.float32)
        assert widened(to_bfloat16(x)).tolist() == [1, 1 + 2**-6, -1, 1 + 2**-7]

    def test_what_is_no_ordinary_number(self, to_bfloat16):
        hidden = np.array([0x7F800001, 0xFF800001], np.uint32).view(np.float32)  # NaNs whose upper half is infinity's
        x = np.concatenate([np.array([np.inf, -np.inf, 0, -0.0, 3.4e38], np.float32), hidden])
        rounded = widened(to_bfloat16(x))
        assert rounded[:5].tolist() == [np.inf, -np.inf, 0, 0, np.inf]
        assert np.signbit(rounded[3])
        assert np.isnan(rounded[5:]).all()

    def test_shape_is_kept(self, to_bfloat16):
        x = np.arange(2 * 3 * 20_000, dtype=np.float32).reshape(2, 3, 20_000)
        bits = to_bfloat16(x)
        assert (bits.shape, bits.dtype) == (x.shape, np.uint16)
        assert np.array_equal(widened(bits)[0, 0, :257], x[0, 0, :257])  # exact up to 256


def results(backend, case):
    """Forward, backward-data and backward-weights of a case."""
    x_shape, w_shape, geometry = case
    rng = np.random.default_rng(1)
    x, W = rng.standard_normal(x_shape, np.float32), rng.standard_normal(w_shape, np.float32)
    y = backend.convolution_forward(x, W, geometry)
    gy = rng.standard_normal(y.shape, np.float32)
    return (
        y,
        backend.convolution_backward_data(gy, W, x.shape[2:], geometry),
        backend.convolution_backward_weights(x, gy, W.shape[2:], geometry),
    )


def assert_within(actual, expected, tolerance):
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == np.float32
        assert np.abs(a - e).max() <= tolerance * np.abs(e).max()


@pytest.mark.skipif(not has_bfloat16(), reason="this processor does not multiply bfloat16 numbers")
@pytest.mark.parametrize("case", CASES)
def test_convolutions(monkeypatch, case):
    monkeypatch.setattr(backends, "_current", backends.current())
    try:
        assert "bf16" in backends.use("onednn", precision="bf16")
        actual = results(backends.current(), case)
    finally:
        backends.onednn.load(bfloat16=False)
    assert_within(actual, results(stock, case), 2e-2)
    assert np.abs(actual[0] - results(stock, case)[0]).max() > 1e-4  # it was bfloat16


def some_case(rng):
    """A convolution of one to three axes, with groups, whose kernel may be longer than the data."""
    while True:
        axes = int(rng.integers(1, 4))
        ksize, stride, pad = (tuple(map(int, rng.integers(*r, axes))) for r in ((1, 6), (1, 6), (0, 5)))
        groups = int(rng.choice([1, 1, 2, 4]))
        inner, outer = (groups * int(rng.choice([1, 3, 16])) for _ in range(2))
        size, geometry = tuple(map(int, rng.integers(1, 9, axes))), Geometry(stride, pad, groups)
        if min(geometry.output_size(size, ksize)) >= 1:
            return (int(rng.integers(1, 4)), inner, *size), (outer, inner // groups, *ksize), geometry


@pytest.fixture
def in_bfloat16(monkeypatch):
    if not has_bfloat16():
        pytest.skip("this processor does not multiply bfloat16 numbers")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use("onednn", precision="bf16")
    yield backends.current()
    backends.onednn.load(bfloat16=False)


@pytest.fixture(params=["float32", "bf16"])
def precise(request):
    """The backend in either precision."""
    return request.getfixturevalue("onednn" if request.param == "float32" else "in_bfloat16")


@pytest.mark.parametrize("seed", range(40))
def test_convolutions_of_any_shape(precise, onednn, monkeypatch, seed):
    """They are those of plain or rounded numbers, and nothing of what memory held before is in them."""
    from mocogan_chainer.backends.onednn import memory
    from mocogan_chainer.backends.onednn.kernels.bfloat16 import to_bfloat16

    empty = memory.empty

    def soiled(shape, dtype=np.float32):
        array = empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[:] = 0x4A  # of float32 numbers 3.3e6
        return array

    monkeypatch.setattr(memory, "empty", soiled)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        x_shape, w_shape, geometry = case = some_case(rng)
        x, W = rng.standard_normal(x_shape, np.float32), rng.standard_normal(w_shape, np.float32)
        gy = rng.standard_normal((len(x), len(W), *geometry.output_size(x_shape[2:], w_shape[2:])), np.float32)
        directions = {
            "convolution_forward": (x, W, geometry),
            "convolution_backward_data": (gy, W, x_shape[2:], geometry),
            "convolution_backward_weights": (x, gy, w_shape[2:], geometry),
        }
        for name, arguments in directions.items():
            actual = getattr(precise, name)(*arguments)
            plain = getattr(stock, name)(*arguments)
            rounded = (widened(to_bfloat16(a)) if isinstance(a, np.ndarray) else a for a in arguments)
            expected = getattr(stock, name)(*rounded)
            error = min(np.abs(actual - e).max() for e in (plain, expected))
            assert error <= 1e-5 * np.abs(expected).max(), (name, case)


@pytest.mark.parametrize("case", CASES)
def test_layers_that_are_only_evaluated_stay_float32(onednn, monkeypatch, case):
    """On any processor: the whole layer does not ask which precision is set."""
    x_shape, w_shape, geometry = case
    rng = np.random.default_rng(2)
    x, W, b = (rng.standard_normal(shape, np.float32) for shape in (x_shape, w_shape, w_shape[:1]))
    monkeypatch.setattr(onednn, "bfloat16", True)
    y = onednn.convolution_activation(x, W, b, geometry, None, False)
    assert_within([y], [stock.convolution_activation(x, W, b, geometry, None, False)], 2e-6)


@pytest.mark.parametrize("case", CASES)
def test_what_is_given_in_the_lower_precision(onednn, monkeypatch, case):
    """On any processor: with float32 in bfloat16's place, each direction rounds its inputs and nothing else."""
    from mocogan_chainer.backends.onednn import operations, primitives

    rounded = []

    def round_nothing(x):
        rounded.append(x.shape)
        return np.ascontiguousarray(x)

    monkeypatch.setattr(c_api, "BFLOAT16", c_api.FLOAT32)
    monkeypatch.setattr(primitives, "to_bfloat16", round_nothing)
    monkeypatch.setattr(operations, "bfloat16", True)
    operations._plan.cache_clear()
    try:
        actual = results(operations, case)
    finally:
        operations._plan.cache_clear()
    x, y = (np.moveaxis(np.empty(s), 1, -1).shape for s in (case[0], actual[0].shape))
    assert rounded == [x, y, x, y]  # forward: x; backward: gy; weights: x and gy
    assert_within(actual, results(stock, case), 1e-5)
