from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import Variable


@pytest.mark.parametrize("stride, pad", [(1, 0), (2, 1)])
def test_deconvolution_of_an_input_without_gradient(stride, pad):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    kernel = rng.standard_normal((3, 2, 4, 4)).astype(np.float32)
    gradients = []
    for requires_grad in (True, False):
        w = Variable(kernel)
        y = F.deconvolution_2d(Variable(x, requires_grad=requires_grad), w, stride=stride, pad=pad)
        F.sum(y * y).backward()
        gradients.append(w.grad)
    np.testing.assert_array_equal(gradients[0], gradients[1])
    step = 1e-2
    for index in [(0, 0, 0, 0), (2, 1, 3, 1)]:
        losses = []
        for sign in (1, -1):
            moved = kernel.astype(np.float64)
            moved[index] += sign * step
            losses.append(F.sum(F.deconvolution_2d(x.astype(np.float64), moved, stride=stride, pad=pad) ** 2))
        difference = (losses[0].array - losses[1].array) / (2 * step)
        np.testing.assert_allclose(gradients[1][index], difference, rtol=1e-4)


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_gradients_of_softplus_at_any_score(beta, recwarn):
    """To eight digits where 1 - 1 / (1 + exp(x)) has none left, and without a word where exp(x) overflows."""
    scores = np.array([-1e4, -60, -17, -1, 0, 1, 17, 89, 1e4]) / beta
    expected = 1 / (1 + np.exp(-np.clip(scores * beta, -700, 700)))
    x = Variable(scores.astype(np.float32))
    y = F.softplus(x, beta)
    (first,) = chainer.grad([F.sum(y)], [x], enable_double_backprop=True)
    np.testing.assert_allclose(first.array, expected, rtol=1e-5, atol=1e-37)
    (second,) = chainer.grad([F.sum(first)], [x])
    np.testing.assert_allclose(second.array, beta * expected * (1 - expected), rtol=1e-5, atol=1e-6)
    assert not recwarn.list
    assert first.dtype == second.dtype == np.float32
