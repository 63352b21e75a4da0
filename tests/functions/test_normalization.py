"""Instance normalization against loops over samples and channels, PyTorch's numbers and finite differences."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils import type_check

from mocogan_chainer import backends, functions

EPS = 1e-5
SLOPES = [0, 0.2, 1]
SHAPES = [(2, 3, 5), (3, 2, 3, 4), (1, 5, 2, 2), (2, 2, 2, 3, 2)]
LARGE = [(5, 32, 16, 16), (3, 7, 41, 43), (2, 64, 2, 12, 12), (1, 256, 4, 4)]
"""Rows of a sample on both sides of a block of rows."""


@pytest.fixture(params=["stock", "onednn"], autouse=True)
def _backend(request, monkeypatch):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(request.param)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def channels_last(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def naive(x, slope):
    y = np.empty(x.shape)
    for n, c in np.ndindex(*x.shape[:2]):
        values = x[n, c].astype(float)
        normal = (values - values.mean()) / np.sqrt(((values - values.mean()) ** 2).mean() + EPS)
        y[n, c] = np.where(normal > 0, normal, slope * normal)
    return y


def naive_gradient(x, gy, slope):
    """By the derivatives of mean and variance."""
    gx = np.empty(x.shape)
    for n, c in np.ndindex(*x.shape[:2]):
        values = x[n, c].astype(float)
        around = values - values.mean()
        deviation = np.sqrt((around**2).mean() + EPS)
        g = np.where(around > 0, gy[n, c], slope * gy[n, c].astype(float))
        by_variance = (g * around).sum() * -0.5 / deviation**3
        gx[n, c] = g / deviation + by_variance * 2 * around / g.size - g.sum() / deviation / g.size
    return gx


def gradient(x, gy, slope):
    x = chainer.Variable(x)
    y = functions.instance_norm_activation(x, slope=slope)
    y.grad = gy
    y.backward()
    return x.grad


@pytest.mark.parametrize("arrange", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SHAPES + LARGE)
def test_of_single_precision(shape, slope, arrange):
    x, gy = (arrange(random(*shape, seed=seed).astype(np.float32)) for seed in (0, 1))
    x *= np.linspace(0.5, 3, shape[0], dtype=np.float32).reshape(-1, *(1,) * (x.ndim - 1))  # samples unlike each other
    y = functions.instance_norm_activation(chainer.Variable(x), slope=slope).array
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, naive(x, slope), atol=1e-5)
    gx = gradient(x, gy, slope)
    assert gx.dtype == np.float32
    np.testing.assert_allclose(gx, naive_gradient(x, gy, slope), atol=2e-5)


def test_of_pytorch():
    """leaky_relu(instance_norm(x), 0.2), of one channel far from 0, and its gradients."""
    x = [
        [[[1, 2, 4], [-1, 0, 3]], [[2, 2, 2], [2, 2, 5]]],
        [[[-3, 1, 0.5], [2, 2, -2]], [[100, 101, 103], [102, 99, 104]]],
    ]
    gy = [[[[1, -1, 2], [0, 3, 1]], [[2, 0, 1], [1, -1, 4]]], [[[0, 1, 1], [-2, 1, 3]], [[1, 2, -1], [0, 1, 2]]]]
    y = [
        [
            [[-0.058554, 0.29277, 1.463848], [-0.29277, -0.175662, 0.878309]],
            [[-0.089442, -0.089442, -0.089442], [-0.089442, -0.089442, 2.236059]],
        ],
        [
            [[-0.320529, 0.476462, 0.216574], [0.996239, 0.996239, -0.216574]],
            [[-0.175662, -0.058554, 0.878309], [0.29277, -0.29277, 1.463848]],
        ],
    ]
    gx = [
        [
            [[-0.072496, -0.942439, 0.479586], [0.144989, 0.329016, 0.061343]],
            [[0.250434, -0.107335, 0.071549], [0.071549, -0.28622, 2.3e-05]],
        ],
        [
            [[-0.270908, 0.420502, 0.399048], [-1.09592, 0.463411, 0.083867]],
            [[0.066918, 0.100378, -0.886673], [-0.217486, 0.150566, 0.786296]],
        ],
    ]
    x, gy = np.array(x, np.float32), np.array(gy, np.float32)
    np.testing.assert_allclose(functions.instance_norm_activation(x, slope=0.2).array, y, atol=2e-5)
    np.testing.assert_allclose(gradient(x, gy, 0.2), gx, atol=2e-5)


def test_is_the_same_in_evaluation():
    x = random(2, 3, 4, 5).astype(np.float32)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        y = functions.instance_norm_activation(x).array
    np.testing.assert_allclose(y, naive(x, 1), atol=1e-5)


def test_a_sample_does_not_depend_on_the_others():
    x = random(3, 8, 6, 7).astype(np.float32)
    together = functions.instance_norm_activation(x, slope=0.2).array
    for n in range(3):
        alone = functions.instance_norm_activation(x[n : n + 1], slope=0.2).array
        assert np.array_equal(together[n : n + 1], alone)


def test_far_from_zero():
    """Where a sum of squares less the square of the mean would lose the variance."""
    x = (1000.3 + random(3, 4, 60, 61)).astype(np.float32)
    y = functions.instance_norm_activation(x).array
    np.testing.assert_allclose(y, naive(x, 1), atol=2e-3)


def test_a_channel_of_equal_numbers_is_zero():
    x = np.full((2, 3, 4, 4), 7, np.float32)
    assert np.abs(functions.instance_norm_activation(x).array).max() < 1e-3


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, slope):
    def f(x):
        return functions.instance_norm_activation(x, slope=slope)

    options = {"dtype": np.float64, "eps": 1e-5, "rtol": 1e-4}
    x, gy, ggx = (random(*shape, seed=seed) for seed in (3, 4, 5))  # no number too near to the rectifier's corner
    gradient_check.check_backward(f, x, gy, atol=1e-5, **options)
    gradient_check.check_double_backward(f, x, gy, ggx, atol=1e-4, **options)


def test_second_gradients_of_single_precision():
    """Of the squared length of x's gradient, against central differences of the naive one."""
    x, gy = (random(2, 3, 3, 4, seed=seed) for seed in (3, 4))
    variable = chainer.Variable(x.astype(np.float32))
    y = functions.instance_norm_activation(variable, slope=0.2)
    (gx,) = chainer.grad([y], [variable], [chainer.Variable(gy.astype(np.float32))], enable_double_backprop=True)
    chainer.functions.sum(gx**2).backward()
    expected = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += step
            ends.append((naive_gradient(moved, gy, 0.2) ** 2).sum())
        expected[place] = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(variable.grad, expected, atol=1e-3 * np.abs(expected).max())


def test_refuses_what_has_no_positions():
    with pytest.raises(type_check.InvalidType):
        functions.instance_norm_activation(np.ones((2, 3), np.float32))


@pytest.mark.parametrize("scale", [1, 100, 1e4])
def test_one_position_is_exactly_0_and_asks_for_nothing(scale):
    """However large the number is that the mean is taken off."""
    x = chainer.Variable((random(8, 64, 1, 1) * scale).astype(np.float32))
    y = functions.instance_norm_activation(x)
    y.grad = random(8, 64, 1, 1, seed=1).astype(np.float32)
    y.backward()
    assert (y.array == 0).all()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("mean", [0, 1e2, 1e4])
def test_a_large_mean_costs_no_more_digits_than_it_has(mean):
    x = (random(2, 3, 32, 32) + mean).astype(np.float32)
    actual = functions.instance_norm_activation(chainer.Variable(x), slope=0.2).array
    tolerance = 2e-6 + 4 * np.finfo(np.float32).eps * mean  # of a number less its mean
    np.testing.assert_allclose(actual, naive(x, 0.2), atol=tolerance)


def test_a_graph_of_evaluation_keeps_its_statistics():
    """A pass in training between it and its gradients moves the running ones."""
    x = random(4, 3, 5).astype(np.float32)
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    gradients = []
    for trains_between in (False, True):
        v, mean, variance = chainer.Variable(x), zeros.copy(), 2 * ones
        with chainer.using_config("train", False):
            y = functions.batch_norm_activation(v, ones, zeros, mean, variance, slope=1)
        if trains_between:
            functions.batch_norm_activation(10 * x + 5, ones, zeros, mean, variance, slope=1)
        y.grad = np.ones_like(x)
        y.backward()
        gradients.append(v.grad)
    assert np.array_equal(*gradients)
