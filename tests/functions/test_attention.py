"""Attention against loops over positions."""

import math
import sys

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer.functions import attention


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def naive(q, k, v):
    y = np.zeros((*q.shape[:2], v.shape[2]))
    for n, i in np.ndindex(*q.shape[:2]):
        logits = [sum(q[n, i, d] * k[n, j, d] for d in range(q.shape[2])) for j in range(k.shape[1])]
        total = sum(math.exp(logit) for logit in logits)
        for j, logit in enumerate(logits):
            y[n, i] += math.exp(logit) / total * v[n, j]
    return y


def inputs():
    return random(5, 4, 3), random(5, 6, 3, seed=1), random(5, 6, 2, seed=2)


@pytest.mark.parametrize("most", [1, 50, 1 << 24])
class TestAttention:
    """In parts of one sequence, of two, and whole."""

    @pytest.fixture(autouse=True)
    def _limit(self, monkeypatch, most):
        monkeypatch.setattr(sys.modules[attention.__module__], "MOST_WEIGHTS", most)

    def test_forward(self):
        np.testing.assert_allclose(attention(*map(chainer.Variable, inputs())).array, naive(*inputs()), rtol=1e-10)

    def test_gradients(self):
        gy = random(5, 4, 2, seed=3)
        gradient_check.check_backward(attention, inputs(), gy, dtype=np.float64, atol=1e-6, rtol=1e-5)

    def test_gradients_of_gradients(self):
        gy, ggs = random(5, 4, 2, seed=3), [random(*a.shape, seed=4 + i) for i, a in enumerate(inputs())]
        gradient_check.check_double_backward(attention, inputs(), gy, ggs, dtype=np.float64, atol=1e-5, rtol=1e-4)

    def test_large_logits_do_not_overflow(self):
        q, k, v = (a.astype(np.float32) for a in inputs())
        y = attention(*map(chainer.Variable, (300 * q, 300 * k, v))).array
        best = np.argmax(q @ k.swapaxes(1, 2), axis=2)
        np.testing.assert_allclose(y, np.take_along_axis(v, best[..., None], axis=1), rtol=1e-3)
        assert y.dtype == np.float32
