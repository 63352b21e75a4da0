"""Shapes at the seams of the GPU's normalization, against float64; all else is tested beside all backends'."""

import numpy as np
import pytest

from mocogan_chainer.backends.cudnn.arrays import channels_last
from tests.backends.cudnn import on_host

SHAPES = [
    (1, 1030, 1),  # one row, more channels than four blocks' threads
    (9, 260, 1, 9),  # a last block of 4 channels, whose threads lie along rows
    (7, 5, 11, 13),  # 255 of 256 threads
    (40, 64, 20, 10),  # more blocks than threads that add up their sums
]
SAMPLES = [(100, 7, 3), (30, 5, 150, 2), (1, 7, 33), (3, 300, 70)]  # many samples a thread; none alone


@pytest.fixture(scope="module")
def backend():
    return on_host.load()


def numbers(shape, seed=0):
    return channels_last(np.random.default_rng(seed).standard_normal(shape, np.float32))


def close(actual, expected, tolerance=1e-5):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * max(np.abs(expected).max(), 1)


def positions(x, by_sample):
    return tuple(range(2, x.ndim)) if by_sample else (0, *range(2, x.ndim))


def expected(x, gy, gamma, beta, axes, eps, slope):
    """y and the gradients of x, gamma and beta in float64."""
    x, gy = x.astype(float), gy.astype(float)
    gamma, beta = (a.astype(float).reshape(1, -1, *(1,) * (x.ndim - 2)) for a in (gamma, beta))
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=axes, keepdims=True)) / deviation
    y = x_hat * gamma + beta
    g = np.where(y > 0, gy, slope * gy)
    gx = g - g.mean(axis=axes, keepdims=True) - x_hat * (g * x_hat).mean(axis=axes, keepdims=True)
    of_channel = positions(x, by_sample=False)
    sums = (g * x_hat).sum(axis=of_channel), g.sum(axis=of_channel)
    return np.where(y > 0, y, slope * y), gamma / deviation * gx, *sums


@pytest.mark.parametrize(("shape", "by_sample"), [*((s, False) for s in SHAPES), *((s, True) for s in SAMPLES)])
def test_there_and_back(backend, shape, by_sample):
    x, gy = numbers(shape), numbers(shape, seed=1)
    gamma, beta = np.random.default_rng(2).standard_normal((2, shape[1]), np.float32)
    beta += np.float32(5)  # few numbers near the rectifier's bend, where float64 may decide in another way
    axes = positions(x, by_sample)
    mean, variance = backend.moments(x, by_sample)
    close(mean, x.mean(axis=axes, dtype=float))
    close(variance, x.var(axis=axes, dtype=float))
    constants = gamma, beta, mean, variance, 0.01, 0.2
    y, gx, ggamma, gbeta = expected(x, gy, gamma, beta, axes, 0.01, 0.2)
    close(backend.normalize_rectify(x, *constants, None), y)
    for actual, wanted in zip(backend.normalize_rectify_backward(x, gy, *constants), (gx, ggamma, gbeta), strict=True):
        close(actual, wanted, 2e-5)


@pytest.mark.parametrize("by_sample", [False, True])
def test_moments_where_the_first_number_is_far_from_the_others(backend, by_sample):
    x = numbers((2, 3, 60, 60))
    x[:, :, 0, 0] = 1000
    axes = positions(x, by_sample)
    mean, variance = backend.moments(x, by_sample)
    np.testing.assert_allclose(mean, x.mean(axis=axes, dtype=float), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var(axis=axes, dtype=float), rtol=1e-6)


def test_a_broken_number_spoils_its_channel_alone(backend):
    x = numbers((2, 3, 4, 4))
    x[1, 1, 2, 2] = np.nan
    for moment in backend.moments(x):
        assert np.isnan(moment).tolist() == [False, True, False]


def test_a_channel_of_one_value_has_no_variance(backend):
    x = channels_last(np.full((4, 3, 50, 5), 0.1, np.float32))
    mean, variance = backend.moments(x)
    assert mean.tolist() == [np.float32(0.1)] * 3
    assert (variance >= 0).all()
    assert (variance < 1e-15).all()


def test_the_rectifier_decides_on_the_way_back_as_it_did_before(backend):
    """Though numbers lie around its bend as close as rounding lets them."""
    x = channels_last(np.float32(3) + np.float32(1e-7) * np.arange(-600, 600, dtype=np.float32).reshape(2, 3, 200))
    gamma, mean, variance = (np.array(v, np.float32) for v in ([1.7, -0.3, 2], [3.1, 2.9, 3], [0.3, 1, 2]))
    beta = (np.float32(3) - mean) / np.sqrt(variance + np.float32(1e-5)) * -gamma
    constants = gamma, beta, mean, variance, 1e-5
    positive = backend.normalize_rectify(x, *constants, 0.0, None) > 0
    assert 0 < positive.sum() < positive.size
    gbeta = backend.normalize_rectify_backward(x, np.ones_like(x), *constants, 0.0)[2]
    assert gbeta.tolist() == positive.sum(axis=(0, 2)).tolist()
