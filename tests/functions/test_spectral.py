"""Spectral normalization against matrices written out, in float64."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer.functions import power_iteration, spectral_norm
from mocogan_chainer.functions.spectral import back_by_sums, image_by_sums

SHAPES = [((5, 3, 2, 4), 0), ((3, 5, 2, 4), 1), ((6, 4), 0), ((3, 1, 4), 1)]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def matrix(W, axis):
    """Rows along ``axis``, columns along all other axes in their order, number by number."""
    rest = [n for i, n in enumerate(W.shape) if i != axis]
    rows = []
    for row in range(W.shape[axis]):
        picked = W[row] if axis == 0 else W[:, row]
        assert picked.shape == tuple(rest)
        rows.append([picked[index] for index in np.ndindex(*rest)])
    return np.array(rows)


def directions(W, axis):
    rows = W.shape[axis]
    u, v = random(rows, seed=1), random(W.size // rows, seed=2)
    return u / np.linalg.norm(u), v / np.linalg.norm(v)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
class TestIteration:
    def test_one_step(self, shape, axis):
        W = random(*shape)
        u, v = directions(W, axis)
        M = matrix(W, axis)
        expected_v = M.T @ u / np.linalg.norm(M.T @ u)
        expected_u = M @ expected_v / np.linalg.norm(M @ expected_v)
        power_iteration(W, u, v, axis)
        np.testing.assert_allclose(v, expected_v, rtol=1e-12)
        np.testing.assert_allclose(u, expected_u, rtol=1e-12)

    def test_many_steps_find_the_largest_singular_value(self, shape, axis):
        W = random(*shape)
        u, v = directions(W, axis)
        for _ in range(2000):
            power_iteration(W, u, v, axis)
        largest = np.linalg.svd(matrix(spectral_norm(chainer.Variable(W), u, v, axis).array, axis))[1][0]
        assert largest == pytest.approx(1, rel=1e-9)

    def test_images_by_sums(self, shape, axis):
        """As GPUs compute them."""
        W = random(*shape)
        u, v = directions(W, axis)
        M = matrix(W, axis)
        np.testing.assert_allclose(back_by_sums(W, u, axis), M.T @ u, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(image_by_sums(W, v, axis), M @ v, rtol=1e-12, atol=1e-12)

    def test_float32_stays(self, shape, axis):
        W = random(*shape).astype(np.float32)
        u, v = (a.astype(np.float32) for a in directions(W, axis))
        power_iteration(W, u, v, axis)
        assert spectral_norm(chainer.Variable(W), u, v, axis).dtype == u.dtype == v.dtype == np.float32


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
class TestNorm:
    def test_divides_by_the_estimate(self, shape, axis):
        W = random(*shape)
        u, v = directions(W, axis)
        expected = W / (u @ matrix(W, axis) @ v)
        np.testing.assert_allclose(spectral_norm(chainer.Variable(W), u, v, axis).array, expected, rtol=1e-10)

    def test_gradients(self, shape, axis):
        W = random(*shape)
        u, v = directions(W, axis)
        for _ in range(3):  # an estimate near 0 would make the quotient steep
            power_iteration(W, u, v, axis)

        def f(W):
            return spectral_norm(W, u, v, axis)

        gradient_check.check_backward(f, W, random(*shape, seed=3), dtype=np.float64, atol=1e-6, rtol=1e-5)
        gradient_check.check_double_backward(
            f, W, random(*shape, seed=3), random(*shape, seed=4), dtype=np.float64, atol=1e-5, rtol=1e-4
        )


def test_nothing_is_divided_by_zero():
    W, u, v = np.zeros((2, 3)), np.array([1.0, 0]), np.zeros(3)
    power_iteration(W, u, v, 0)
    assert (u == 0).all()
    assert (v == 0).all()


def test_a_later_iteration_leaves_the_graph_alone():
    W = chainer.Variable(random(4, 3))
    u, v = directions(W.array, 0)
    y = spectral_norm(W, u, v, 0)
    for a in (u, v):
        a[...] = np.nan
    y.grad = np.ones_like(y.array)
    y.backward()
    assert np.isfinite(W.grad).all()
