"""Batch normalization by a batch's statistics, and what becomes of the running ones."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer.links import BatchNormActivation, statistics_kept

SLOPE, EPS = 0.2, 1e-5
RUNNING = np.float32([0.5, -1.0, 2.0]), np.float32([2.0, 0.5, 1.5])


def make():
    link, rng = BatchNormActivation(3, SLOPE), np.random.default_rng(0)
    link.gamma.array[...], link.beta.array[...] = 1 + 0.2 * rng.standard_normal(3), rng.standard_normal(3)
    link.avg_mean[...], link.avg_var[...] = RUNNING
    return link


def given():
    return 3 + 2 * np.random.default_rng(1).standard_normal((4, 3, 5, 5), np.float32)


def moments(x):
    x = x.astype(np.float64).transpose(1, 0, 2, 3).reshape(3, -1)
    return x.mean(1), x.var(1), x.var(1, ddof=1)


def normalized(link, x, mean, variance):
    mean, variance, gamma, beta = (
        v.astype(np.float64)[:, None, None] for v in (mean, variance, link.gamma.array, link.beta.array)
    )
    y = (x - mean) / np.sqrt(variance + EPS) * gamma + beta
    return np.where(y > 0, y, SLOPE * y)


def assert_kept(link):
    np.testing.assert_array_equal(link.avg_mean, RUNNING[0])
    np.testing.assert_array_equal(link.avg_var, RUNNING[1])


def assert_moved(link, x):
    mean, _, unbiased = moments(x)
    np.testing.assert_allclose(link.avg_mean, 0.9 * RUNNING[0] + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(link.avg_var, 0.9 * RUNNING[1] + 0.1 * unbiased, rtol=1e-5)


def test_running_statistics_move_towards_the_batchs():
    link, x = make(), given()
    y = link(chainer.Variable(x)).array
    np.testing.assert_allclose(y, normalized(link, x, *moments(x)[:2]), atol=1e-4)
    assert_moved(link, x)


class TestStatisticsKept:
    def test_the_batchs_are_taken_and_the_running_ones_stay(self):
        link, x = make(), given()
        with statistics_kept():
            y = link(chainer.Variable(x)).array
        np.testing.assert_allclose(y, normalized(link, x, *moments(x)[:2]), atol=1e-4)
        assert_kept(link)

    def test_gradients_are_those_of_training(self):
        """Through the batch's statistics too: a batch that is shifted stays the same."""
        link, x = make(), chainer.Variable(given())
        weighing = np.random.default_rng(2).standard_normal(x.shape, np.float32)
        link.cleargrads()
        with statistics_kept():
            loss = F.sum(link(x) * weighing)
        loss.backward()
        assert np.abs(x.grad).max() > 0.1
        np.testing.assert_allclose(x.grad.sum(axis=(0, 2, 3)), np.zeros(3), atol=1e-3)
        assert all(np.abs(p.grad).min() > 0 for p in link.params())
        assert_kept(link)

    def test_sampling_takes_the_running_ones_as_always(self):
        link, x = make(), given()
        with statistics_kept(), chainer.using_config("train", False):
            y = link(chainer.Variable(x)).array
        np.testing.assert_allclose(y, normalized(link, x, *RUNNING), atol=1e-4)
        assert_kept(link)

    def test_they_move_again_afterwards(self):
        link, x = make(), given()
        with pytest.raises(RuntimeError), statistics_kept():
            raise RuntimeError
        link(chainer.Variable(x))
        assert_moved(link, x)

    def test_one_within_another(self):
        link, x = make(), given()
        with statistics_kept():
            with statistics_kept():
                pass
            link(chainer.Variable(x))
        assert_kept(link)
