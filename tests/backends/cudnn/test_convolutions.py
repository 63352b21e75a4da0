"""What stands between arrays and cuDNN: shapes, memory orders, casts and workspaces, with cuDNN's part in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings

from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.cudnn.convolutions import CudnnConvolutions
from tests.backends.cudnn import host, workload
from tests.backends.cudnn.fake_cudnn import FakeDevice
from tests.backends.test_convolution import arrange, assert_close, cases, naive

ROUNDING = {"bf16": 2.0**-8, "fp16": 2.0**-11}  # of a factor or a result, relative, at most
SMALL = Geometry((2, 2), (1, 1))


@pytest.fixture
def convolve(tmp_path):
    """``convolve(precision, device)``: convolutions on a fake device, whose one plan in a form takes a millisecond."""

    def convolve(precision="tf32", device=None):
        if precision in ROUNDING:
            host.compiler()
        device = device or FakeDevice({precision: {"eng0": 1.0}}, {"eng0": 100})
        return CudnnConvolutions(precision, host.launch, lambda: device, tmp_path)

    return convolve


def arrays(x_shape, W_shape, geometry, seed=0):
    """Random x, W and gy."""
    rng = np.random.default_rng(seed)
    shapes = x_shape, W_shape, (x_shape[0], W_shape[0], *geometry.output_size(x_shape[2:], W_shape[2:]))
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def all_three(convolutions, x, W, gy, geometry):
    """y, gx, gW."""
    return (
        convolutions.forward(x, W, geometry),
        convolutions.backward_data(gy, W, x.shape[2:], geometry),
        convolutions.backward_weights(x, gy, W.shape[2:], geometry),
    )


def is_channels_last(a):
    return np.moveaxis(a, 1, -1).flags.c_contiguous


@settings(max_examples=64, deadline=None, derandomize=True)
@given(case=cases())
def test_equals_naive_loops(tmp_path_factory, case):
    n, (c, o), size, ksize, geometry, order = case
    x, W, gy = arrays((n, c, *size), (o, c // geometry.groups, *ksize), geometry)
    x, W, gy = (arrange(a, order) for a in (x, W, gy))
    device = FakeDevice({"tf32": {"eng0": 1.0}}, {"eng0": 100})
    convolutions = CudnnConvolutions("tf32", host.launch, lambda: device, tmp_path_factory.mktemp("chosen"))
    assert convolutions.takes(x.shape, W.shape, geometry)
    for got, expected in zip(all_three(convolutions, x, W, gy, geometry), naive(x, W, gy, geometry), strict=True):
        assert got.dtype == np.float32
        assert_close(got, expected)
    assert set(device.ran) == {("tf32", "eng0")}  # and not stock


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize(
    ("x_shape", "W_shape"), [((2, 6, 9), (4, 3, 3)), ((2, 3, 5, 6), (4, 3, 4, 4)), ((1, 2, 4, 5, 4), (3, 2, 2, 3, 2))]
)
def test_half_precision_rounds_factors_and_results_and_nothing_else(convolve, precision, x_shape, W_shape):
    axes = len(x_shape) - 2
    geometry = Geometry((2,) * axes, (1,) * axes, x_shape[1] // W_shape[1])
    x, W, gy = arrays(x_shape, W_shape, geometry)
    exact = naive(x, W, gy, geometry)
    sizes = naive(abs(x), abs(W), abs(gy), geometry)
    for got, y, size in zip(all_three(convolve(precision), x, W, gy, geometry), exact, sizes, strict=True):
        unit = ROUNDING[precision]
        by_factors = size * (2 * unit + unit**2)
        assert (abs(got - y) <= by_factors + (abs(y) + by_factors) * unit + 1e-6).all()
        assert abs(got - y).max() > unit / 50  # it did round


def test_float16_needs_no_loss_scaling(convolve):
    """Gradients far below float16's range, activations far above it, and zeros."""
    x, W, gy = arrays((2, 3, 6, 6), (4, 3, 4, 4), SMALL)
    convolutions = convolve("fp16")
    exact = naive(x, W, gy, SMALL)
    for big, small in ((1e9, 1e-12), (1e-20, 1e15)):
        y, gx, gW = all_three(convolutions, x * np.float32(big), W, gy * np.float32(small), SMALL)
        for got, expected, factor in ((y, exact[0], big), (gx, exact[1], small), (gW, exact[2], big * small)):
            scale = abs(expected).max()
            np.testing.assert_allclose(got / factor / scale, expected / scale, atol=2e-3)
    assert not np.any(convolutions.forward(np.zeros_like(x), W, SMALL))


def test_float16_sums_of_equal_numbers_do_not_overflow(convolve):
    x, W = np.full((1, 64, 8, 8), 3e4, np.float32), np.full((2, 64, 4, 4), -7e3, np.float32)
    y = convolve("fp16").forward(x, W, Geometry((1, 1), (0, 0)))
    np.testing.assert_allclose(y, np.full(y.shape, -3e4 * 7e3 * 1024), rtol=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_half_precision_hides_no_overflow(convolve, precision, bad):
    x, W, _ = arrays((1, 3, 6, 6), (4, 3, 4, 4), SMALL)
    x[0, 1, 2, 3] = bad
    y = convolve(precision).forward(x, W, SMALL)
    assert not np.isfinite(y[0, :, 1, 1]).any()


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_memory_orders(convolve, precision):
    x, W, gy = arrays((2, 3, 4, 6, 6), (4, 3, 4, 4, 4), Geometry((1, 2, 2), (0, 1, 1)))
    y, gx, gW = all_three(convolve(precision), x, W, gy, Geometry((1, 2, 2), (0, 1, 1)))
    assert all(map(is_channels_last, (y, gx, gW)))


def test_odd_addresses_and_strided_views(convolve):
    """cuDNN takes addresses of 16 bytes; a slice of a batch may begin anywhere, a broadcast gradient has no memory."""
    rng = np.random.default_rng(1)
    batch = arrange(rng.standard_normal((3, 3, 5, 5), np.float32), "L")
    x = batch[1:]  # 300 bytes on
    W = rng.standard_normal((9, 6, 4, 4), np.float32)[1::2, ::2]
    y = naive(x, W, np.zeros((2, 4, 2, 2), np.float32), SMALL)[0]
    convolutions = convolve()
    assert_close(convolutions.forward(x, W, SMALL), y)
    gy = np.broadcast_to(np.float32(0.5), (2, 4, 2, 2))
    assert_close(convolutions.backward_data(gy, W, (5, 5), SMALL), naive(x, W, gy, SMALL)[1])
    assert_close(convolutions.backward_weights(x, gy, (4, 4), SMALL), naive(x, W, gy, SMALL)[2])


def test_a_deconvolution_may_be_larger_than_it_must(convolve):
    x, W, gy = arrays((2, 3, 7, 8), (4, 3, 3, 3), Geometry((3, 3), (1, 0)))
    geometry = Geometry((3, 3), (1, 0))
    assert geometry.input_size(gy.shape[2:], (3, 3)) != x.shape[2:]
    assert_close(convolve().backward_data(gy, W, x.shape[2:], geometry), naive(x, W, gy, geometry)[1])


def test_nothing_given_is_written_to(convolve):
    x, W, gy = arrays((2, 3, 6, 6), (4, 3, 4, 4), SMALL)
    copies = [a.copy() for a in (x, W, gy)]
    for precision in ("tf32", "bf16", "fp16"):
        all_three(convolve(precision), x, W, gy, SMALL)
    assert all(np.array_equal(a, copy) for a, copy in zip((x, W, gy), copies, strict=True))


def test_takes_what_goes_together(convolve):
    takes = convolve().takes
    assert takes((2, 4, 9), (6, 2, 3), Geometry((1,), (0,), 2))
    assert takes((2, 3, 6, 6), (4, 3, 4, 4), SMALL)
    assert not takes((2, 4, 6, 6), (4, 3, 4, 4), SMALL)
    assert not takes((2, 4, 6, 6), (5, 2, 4, 4), Geometry((2, 2), (1, 1), 2))
    assert not takes((2, 3, 1, 1), (4, 3, 4, 4), SMALL)
    assert not takes((0, 3, 6, 6), (4, 3, 4, 4), SMALL)
    four = (1,) * 4
    assert not takes((1, 1, *four), (1, 1, *four), Geometry(four, (0,) * 4))


def test_what_has_no_plan_is_computed_all_the_same(convolve):
    x, W, gy = arrays((2, 3, 6, 6), (4, 3, 4, 4), SMALL)
    for device in (FakeDevice({}), FakeDevice({"tf32": {"eng0": None, "eng1": float("inf")}})):
        convolutions = convolve(device=device)
        with pytest.warns(UserWarning, match="no plan for forward x=2x3x6x6 W=4x3x4x4 y=2x4x3x3 stride=2x2"):
            y = convolutions.forward(x, W, SMALL)
        assert_close(y, naive(x, W, gy, SMALL)[0])
        assert_close(convolutions.forward(x, W, SMALL), naive(x, W, gy, SMALL)[0])  # and said once


def test_gradients_of_another_size_are_refused(convolve):
    _, W, gy = arrays((2, 3, 6, 6), (4, 3, 4, 4), SMALL)
    device = FakeDevice({"tf32": {"eng0": float("inf")}})  # cuDNN refuses them too
    with pytest.warns(UserWarning, match="no plan"), pytest.raises((ValueError, AssertionError)):
        convolve(device=device).backward_weights(np.zeros((2, 3, 9, 9), np.float32), gy, (4, 4), SMALL)
    with pytest.warns(UserWarning, match="no plan"), pytest.raises((ValueError, AssertionError)):
        convolve(device=device).backward_data(gy[:, :3], W, (6, 6), SMALL)


class TestWorkspace:
    def test_grows_and_keeps_what_a_recorded_step_may_use(self, convolve):
        device = FakeDevice({"tf32": {"eng0": 1.0}})
        small, large = (arrays((n, 3, 6, 6), (4, 3, 4, 4), SMALL) for n in (1, 2))
        convolutions = convolve(device=device)
        device.workspaces["eng0"] = 1000
        convolutions.forward(*small[:2], SMALL)
        first = device.workspace(1000)
        device.workspaces["eng0"] = 3000
        convolutions.forward(*large[:2], SMALL)
        last = device.workspace(3000)
        assert last.nbytes == 4096 and first.nbytes == 1024
        assert device.workspace(10) is last
        before = len(device.allocated)
        convolutions.forward(*small[:2], SMALL)
        convolutions.forward(*large[:2], SMALL)
        assert len(device.allocated) == before  # nothing is allocated once all shapes were met


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_odd_problems_come_as_close_as_their_precision_allows(convolve, precision):
    """By the measure that a device is checked with."""
    worst = max(workload.deviation(convolve(precision), problem) for problem in workload.odd(24))
    assert worst <= workload.CLOSENESS[precision]
    assert precision == "tf32" or worst >= workload.CLOSENESS[precision] / 8  # the measure sees it


def test_the_measure_sees_one_wrong_number(convolve):
    class Wrong:
        def forward(self, x, W, geometry):
            y = convolve().forward(x, W, geometry)
            y.flat[abs(y).argmax()] *= np.float32(1 + 1e-3)
            return y

    assert workload.deviation(Wrong(), workload.odd(1)[0]) > workload.CLOSENESS["float32"]
