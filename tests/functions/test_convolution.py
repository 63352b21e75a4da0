"""Convolution and deconvolution nodes: first and second gradients against finite differences."""

from collections import Counter

import chainer
import numpy as np
import pytest
from chainer import Variable, gradient_check
from chainer.utils import type_check

from mocogan_chainer import backends, functions, links

SHAPES = [
    pytest.param((2, 4, 5, 6), (6, 4, 3, 4), {"stride": 2, "pad": 1}, id="2d"),
    pytest.param((2, 4, 5, 6), (6, 2, 3, 3), {"dilate": 2, "pad": 2, "groups": 2}, id="2d-groups-dilated"),
    pytest.param((1, 2, 5, 4, 5), (3, 2, 4, 4, 3), {"stride": (1, 2, 2), "pad": (0, 1, 1)}, id="3d"),
]


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), SHAPES)
def test_convolution_gradients(x_shape, w_shape, options):
    def convolve(x, W):
        return functions.convolution(x, W, **options)

    x, W = arrays(x_shape, w_shape)
    y = convolve(x, W)
    gy, ggx, ggW = arrays(y.shape, x_shape, w_shape)
    gradient_check.check_backward(convolve, (x, W), gy, dtype=np.float64, rtol=1e-4)
    gradient_check.check_double_backward(convolve, (x, W), gy, (ggx, ggW), dtype=np.float64, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), SHAPES)
def test_deconvolution_gradients(x_shape, w_shape, options):
    def deconvolve(x, W):
        return functions.deconvolution(x, W, **options)

    x, W = arrays((x_shape[0], w_shape[0], *x_shape[2:]), w_shape)
    y = deconvolve(x, W)
    gy, ggx, ggW = arrays(y.shape, x.shape, w_shape)
    gradient_check.check_backward(deconvolve, (x, W), gy, dtype=np.float64, rtol=1e-4)
    gradient_check.check_double_backward(deconvolve, (x, W), gy, (ggx, ggW), dtype=np.float64, rtol=1e-4, atol=1e-4)


def test_deconvolution_is_the_transpose():
    """<conv(x), y> = <x, deconv(y)>."""
    x, W, y = arrays((2, 3, 8, 8), (5, 3, 4, 4), (2, 5, 4, 4))
    left = (functions.convolution(x, W, 2, 1).array * y).sum()
    right = (x * functions.deconvolution(y, W, 2, 1).array).sum()
    assert left == pytest.approx(right, rel=1e-12)


@pytest.fixture
def calls(monkeypatch):
    """How often each gradient is asked of the backend."""
    counter = Counter()
    backend = backends.current()

    def count(name):
        function = getattr(backend, name)

        def counted(*args):
            counter[name] += 1
            return function(*args)

        monkeypatch.setattr(backend, name, counted)

    count("convolution_backward_data")
    count("convolution_backward_weights")
    return counter


def test_no_gradient_where_none_is_wanted(calls):
    x, W = arrays((1, 2, 4, 4), (3, 2, 3, 3))
    W = Variable(W)
    chainer.functions.sum(functions.convolution(x, W)).backward()
    assert W.grad.shape == W.shape
    assert calls == {"convolution_backward_weights": 1}


def test_no_gradient_of_frozen_weights(calls):
    """Data gradients go through: a convolution's is a deconvolution, a deconvolution's a convolution."""
    rng = np.random.default_rng(0)
    down = links.Convolution(2, 3, (4, 4), 2, 1, rng)
    up = links.Deconvolution(3, 2, (4, 4), 2, 1, rng)
    x = Variable(rng.standard_normal((1, 2, 8, 8), dtype=np.float32))
    with links.frozen(down, up):
        y = chainer.functions.sum(up(down(x)))
        calls.clear()  # a deconvolution's forward pass is a convolution's data gradient
        y.backward()
    assert x.grad.shape == x.shape
    assert calls == {"convolution_backward_data": 1}

    chainer.functions.sum(up(down(x))).backward()
    assert calls["convolution_backward_weights"] == 2


def test_wrong_channels_are_refused():
    x, W = arrays((1, 2, 4, 4), (3, 3, 3, 3))
    with pytest.raises(type_check.InvalidType):
        functions.convolution(x, W)
    with pytest.raises(type_check.InvalidType):
        functions.deconvolution(x, W)
