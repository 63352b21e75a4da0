"""Max pooling as a graph node: its gradients against loops and finite differences."""

import itertools

import chainer
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils import type_check

from mocogan_chainer import backends, functions

WINDOWS = [
    pytest.param((2, 3, 5, 6), ((3, 3), (2, 2), ((1, 1), (0, 1))), id="2d"),
    pytest.param((2, 2, 4, 5, 6), ((1, 3, 3), (1, 2, 2), ((0, 0), (0, 1), (0, 1))), id="frames"),
    pytest.param((1, 2, 4, 5, 5), ((3, 3, 3), (1, 1, 1), ((1, 1), (1, 1), (1, 1))), id="overlapping"),
    pytest.param((1, 2, 2, 7, 7), ((2, 2, 2), (2, 2, 2), ((0, 0), (1, 0), (1, 0))), id="before"),
    pytest.param((1, 2, 3, 5), ((2, 2), (2, 2), ((0, 0), (0, 0))), id="remainder"),
]


@pytest.fixture(params=["stock", "onednn"])
def _backend(request, monkeypatch):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(request.param)


def distinct(shape):
    """Numbers that lie well apart."""
    rng = np.random.default_rng(0)
    return rng.permutation(np.prod(shape)).reshape(shape) / 10


def naive_gradient(x, gy, ksize, stride, pads):
    """Each gradient to the first position of its window's maximum."""
    gx = np.zeros_like(x)
    for place in np.ndindex(gy.shape):
        ranges = [
            [i for i in range(p * s - before, p * s - before + k) if 0 <= i < n]
            for p, k, s, (before, _), n in zip(place[2:], ksize, stride, pads, x.shape[2:], strict=True)
        ]
        positions = [(*place[:2], *position) for position in itertools.product(*ranges)]
        gx[max(positions, key=lambda at: x[at])] += gy[place]  # max takes the first of equals
    return gx


def gradient(x, gy, window):
    x = chainer.Variable(x)
    y = functions.max_pooling(x, *window)
    y.grad = gy
    y.backward()
    return x.grad


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize(("shape", "window"), WINDOWS)
class TestGradient:
    def gy(self, x, window):
        return np.random.default_rng(1).standard_normal(functions.max_pooling(x, *window).shape, np.float32)

    def test_goes_to_the_maxima(self, shape, window):
        x = distinct(shape).astype(np.float32)
        gy = self.gy(x, window)
        np.testing.assert_allclose(gradient(x, gy, window), naive_gradient(x, gy, *window), atol=1e-6)

    def test_goes_to_the_first_of_equals(self, shape, window):
        x = np.random.default_rng(2).integers(2, size=shape).astype(np.float32)  # zeros, as after a ReLU, and ones
        gy = self.gy(x, window)
        np.testing.assert_allclose(gradient(x, gy, window), naive_gradient(x, gy, *window), atol=1e-6)


@pytest.mark.parametrize(("shape", "window"), WINDOWS)
def test_finite_differences(shape, window):
    def pool(x):
        return functions.max_pooling(x, *window)

    x = distinct(shape)
    rng = np.random.default_rng(3)
    gy, ggx = rng.standard_normal(pool(x).shape), rng.standard_normal(shape)
    gradient_check.check_backward(pool, x, gy, dtype=np.float64)
    gradient_check.check_double_backward(lambda x: pool(x) ** 2, x, gy, ggx, dtype=np.float64, atol=1e-3)


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(type_check.InvalidType):
        functions.max_pooling(np.zeros((1, 1, 2, 4), np.float32), (4, 2), (1, 1), ((1, 0), (0, 0)))


def test_a_window_of_other_axes_is_refused():
    with pytest.raises(type_check.InvalidType):
        functions.max_pooling(np.zeros((1, 1, 4, 4, 4), np.float32), (2, 2), (1, 1), ((0, 0), (0, 0)))
