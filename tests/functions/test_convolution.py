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
    pytest.param((1, 2, 5, 4, 5), (3, 2, 4, 4, 3), {"stride": (1, 2, 2), "pad": (0, 1, 1)}, id="3d"),
]


LAYERS = [
    pytest.param((2, 4, 5, 6), (6, 4, 3, 4), {"stride": 2, "pad": 1}, id="2d"),
    pytest.param((2, 4, 5, 6), (6, 2, 3, 3), {"pad": 1, "groups": 2}, id="2d-groups"),
    pytest.param((1, 2, 5, 4, 5), (3, 2, 3, 2, 3), {"stride": (1, 2, 2), "pad": (0, 1, 1)}, id="3d"),
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


@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("with_residual", [True, False])
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), LAYERS)
def test_layer_gradients(x_shape, w_shape, options, with_residual, rectify):
    def layer(x, W, b, residual=None):
        return functions.convolution_activation(x, W, b, residual=residual, rectify=rectify, **options)

    x, W, b = arrays(x_shape, w_shape, w_shape[:1])
    y = layer(x, W, b)
    gy, residual, ggx, ggW, ggb, ggresidual = arrays(y.shape, y.shape, x_shape, w_shape, b.shape, y.shape)
    inputs, gg = ((x, W, b, residual), (ggx, ggW, ggb, ggresidual)) if with_residual else ((x, W, b), (ggx, ggW, ggb))
    gradient_check.check_backward(layer, inputs, gy, dtype=np.float64, rtol=1e-4, atol=1e-4)
    gradient_check.check_double_backward(layer, inputs, gy, gg, dtype=np.float64, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["stock", "onednn"])
def test_a_layers_gradient_of_data_on_every_backend(monkeypatch, name):
    """In float32 and through frozen weights, as of a perceptual loss: what reaches x by each tap."""
    if name == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(name)
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((2, 16, 5, 6), np.float32), rng.standard_normal((24, 16, 3, 3), np.float32)
    b, residual = rng.standard_normal(24, np.float32), rng.standard_normal((2, 24, 5, 6), np.float32)
    padded = np.pad(x.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [(i, j, (slice(None), slice(None), slice(i, i + 5), slice(j, j + 6))) for i in range(3) for j in range(3)]
    y = sum(np.einsum("nchw,oc->nohw", padded[view], W[:, :, i, j]) for i, j, view in taps)
    y += b.reshape(-1, 1, 1) + residual
    gpadded, gy = np.zeros_like(padded), np.where(y > 0, np.cos(y), 0)  # of sin(y)
    for i, j, view in taps:
        gpadded[view] += np.einsum("nohw,oc->nchw", gy, W[:, :, i, j])

    x, residual = Variable(x), Variable(residual)
    frozen = [Variable(a, requires_grad=False) for a in (W, b)]
    out = functions.convolution_activation(x, *frozen, pad=1, residual=residual)
    np.testing.assert_allclose(out.array, np.maximum(y, 0), atol=1e-4)
    chainer.functions.sum(chainer.functions.sin(out)).backward()
    np.testing.assert_allclose(x.grad, gpadded[:, :, 1:-1, 1:-1], atol=1e-3)
    np.testing.assert_allclose(residual.grad, gy, atol=1e-4)
    assert all(a.grad is None for a in frozen)


def test_deconvolution_is_the_transpose():
    """<conv(x), y> = <x, deconv(y)>."""
    x, W, y = arrays((2, 3, 8, 8), (5, 3, 4, 4), (2, 5, 4, 4))
    left = (functions.convolution(x, W, 2, 1).array * y).sum()
    right = (x * functions.deconvolution(y, W, 2, 1).array).sum()
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("name", ["stock", "onednn"])
@pytest.mark.parametrize(
    ("ksize", "output_pad", "size"), [(3, 1, (10, 12)), (3, 0, (9, 11)), ((3, 4), (1, 0), (10, 12))]
)
def test_output_pad_on_every_backend(monkeypatch, name, ksize, output_pad, size):
    """Each input adds its kernel to the output at twice its place; what is cut off at the start is the pad."""
    if name == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(name)
    rng = np.random.default_rng(0)
    kh, kw = (ksize, ksize) if isinstance(ksize, int) else ksize
    x, W = rng.standard_normal((2, 16, 5, 6), np.float32), rng.standard_normal((16, 8, kh, kw), np.float32)
    larger = np.zeros((2, 8, size[0] + 8, size[1] + 8))
    for i in range(5):
        for j in range(6):
            larger[:, :, 2 * i : 2 * i + kh, 2 * j : 2 * j + kw] += np.einsum("nc,cokl->nokl", x[:, :, i, j], W)
    expected = larger[:, :, 1 : 1 + size[0], 1 : 1 + size[1]]
    x, W = Variable(x), Variable(W)
    y = functions.deconvolution(x, W, 2, 1, output_pad=output_pad)
    assert y.shape == (2, 8, *size)
    np.testing.assert_allclose(y.array, expected, atol=1e-4)

    gy = rng.standard_normal(y.shape, np.float32)
    y.grad = gy
    y.backward()
    np.testing.assert_allclose((x.array * x.grad).sum(), (gy * expected).sum(), rtol=1e-3)  # bilinear
    np.testing.assert_allclose((W.array * W.grad).sum(), (gy * expected).sum(), rtol=1e-3)


def test_output_pad_gradients():
    def deconvolve(x, W):
        return functions.deconvolution(x, W, 2, 1, output_pad=1)

    x, W = arrays((2, 3, 3, 4), (3, 2, 3, 3))
    gy, ggx, ggW = arrays((2, 2, 6, 8), x.shape, W.shape)
    gradient_check.check_backward(deconvolve, (x, W), gy, dtype=np.float64, rtol=1e-4)
    gradient_check.check_double_backward(deconvolve, (x, W), gy, (ggx, ggW), dtype=np.float64, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("output_pad", [-1, 2, (0, 2)])
def test_an_output_pad_that_no_convolution_undoes(output_pad):
    x, W = arrays((1, 2, 4, 4), (2, 3, 3, 3))
    with pytest.raises(ValueError, match=r"at least 0 and less than the stride \(2, 2\)"):
        functions.deconvolution(x, W, 2, 1, output_pad=output_pad)


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


def test_a_frozen_layer_keeps_no_data_and_computes_no_gradient_of_weights(calls):
    x, W, b = arrays((1, 2, 4, 4), (3, 2, 3, 3), (3,))
    x, W, b = Variable(x), Variable(W, requires_grad=False), Variable(b, requires_grad=False)
    y = functions.convolution_activation(x, W, b)
    assert [kept.shape for kept in y.creator.get_retained_inputs()] == [W.shape]
    chainer.functions.sum(y).backward()
    assert calls == {"convolution_backward_data": 1}


@pytest.mark.parametrize(
    ("b_shape", "residual_shape"), [((2,), (1, 3, 2, 2)), ((3, 1), (1, 3, 2, 2)), ((3,), (1, 3, 1, 2)), ((3,), (1, 3))]
)
def test_wrong_addends_are_refused(b_shape, residual_shape):
    x, W, b, residual = arrays((1, 2, 4, 4), (3, 2, 3, 3), b_shape, residual_shape)
    with pytest.raises(type_check.InvalidType):
        functions.convolution_activation(x, W, b, residual=residual)


def test_wrong_channels_are_refused():
    x, W = arrays((1, 2, 4, 4), (3, 3, 3, 3))
    with pytest.raises(type_check.InvalidType):
        functions.convolution(x, W)
    with pytest.raises(type_check.InvalidType):
        functions.deconvolution(x, W)


def test_outputs_that_groups_do_not_divide():
    x, W, b = (np.zeros(shape, np.float32) for shape in ((1, 6, 4, 4), (3, 3, 3, 3), (3,)))
    with pytest.raises(type_check.InvalidType):
        functions.convolution_activation(x, W, b, groups=2)


def test_numbers_of_numpy():
    x, W = (a.astype(np.float32) for a in arrays((1, 3, 6, 6), (4, 3, 3, 3)))
    expected = functions.convolution(x, W, 2, 1).array
    assert np.array_equal(functions.convolution(x, W, np.int64(2), np.int32(1)).array, expected)
