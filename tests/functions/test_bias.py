"""A bias and its rectifier against formulas written out."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer import backends
from mocogan_chainer.functions import bias_leaky_relu


@pytest.fixture(params=["stock", "onednn"], autouse=True)
def _backend(request, monkeypatch):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(request.param)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("slope", [0, 0.2, 1])
@pytest.mark.parametrize("size", [(), (4,), (3, 2, 5)])
class TestBiasLeakyRelu:
    def test_forward(self, size, slope):
        x, b = random(2, 3, *size).astype(np.float32), random(3, seed=1).astype(np.float32)
        y = bias_leaky_relu(chainer.Variable(x), chainer.Variable(b), slope)
        assert y.dtype == np.float32
        for index in np.ndindex(*x.shape):
            moved = x[index] + b[index[1]]
            assert y.array[index] == pytest.approx(moved if moved > 0 else slope * moved, rel=1e-5, abs=1e-6)

    def test_gradients(self, size, slope):
        x, b = random(2, 3, *size), random(3, seed=1)

        def f(x, b):
            return bias_leaky_relu(x, b, slope)

        def squared(x, b):
            return f(x, b) ** 2

        ggx, ggb = random(2, 3, *size, seed=3), random(3, seed=4)
        gy = random(2, 3, *size, seed=2)
        gradient_check.check_backward(f, (x, b), gy, dtype=np.float64, atol=1e-5, rtol=1e-4)
        gradient_check.check_double_backward(squared, (x, b), gy, (ggx, ggb), dtype=np.float64, atol=1e-4, rtol=1e-3)

    def test_the_biass_gradient_sums_many_numbers_well(self, size, slope):
        x = chainer.Variable(np.ones((3000, 3, *size), np.float32))
        b = chainer.Parameter(np.zeros(3, np.float32))
        y = bias_leaky_relu(x, b, slope)
        y.grad = gy = np.random.default_rng(0).uniform(1, 2, y.shape).astype(np.float32)
        y.backward()
        expected = gy.astype(np.float64).sum(axis=(0, *range(2, y.ndim)))
        np.testing.assert_allclose(b.grad, expected, rtol=1e-6)


def test_an_empty_batch_asks_nothing_of_the_bias():
    b = chainer.Parameter(np.zeros(3, np.float32))
    y = bias_leaky_relu(chainer.Variable(np.zeros((0, 3, 4), np.float32)), b, 0.2)
    y.grad = np.zeros_like(y.array)
    y.backward()
    assert b.grad.tolist() == [0, 0, 0]
