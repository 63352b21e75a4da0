"""Rectifier, batch normalization, GRU and pixels against formulas written out."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer import functions


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("slope", [0, 0.2, 1])
def test_leaky_relu(slope):
    x = np.array([[-2.0, 0.0, 3.0]], np.float32)
    y = functions.leaky_relu(chainer.Variable(x), slope)
    np.testing.assert_allclose(y.array, [[-2 * slope, 0, 3]], rtol=1e-6)
    assert y.dtype == np.float32


def test_leaky_relu_gradients():
    x = random(3, 4) + 0.05
    gradient_check.check_double_backward(
        lambda x: functions.leaky_relu(x, 0.2) ** 2, x, random(3, 4), random(3, 4), dtype=np.float64
    )


def test_leaky_relu_keeps_the_memory_order():
    x = np.moveaxis(np.ones((2, 5, 6, 3), np.float32), -1, 1)
    y = functions.leaky_relu(chainer.Variable(x), 0.2)
    assert y.array.strides == x.strides


def test_batch_norm_in_training():
    x = random(4, 3, 5, 6).astype(np.float32) * 3 + 1
    gamma, beta = (np.array(v, np.float32) for v in ([1, 2, 3], [0.5, 0, -1]))
    mean, var = np.zeros(3, np.float32), np.ones(3, np.float32)
    y = functions.batch_norm_activation(x, gamma, beta, mean, var, slope=0.2)
    for c in range(3):
        values = x[:, c].astype(float)
        normal = (values - values.mean()) / np.sqrt(values.var() + 1e-5) * gamma[c] + beta[c]
        np.testing.assert_allclose(y.array[:, c], np.where(normal > 0, normal, 0.2 * normal), rtol=1e-4, atol=1e-5)
        assert mean[c] == pytest.approx(0.1 * values.mean(), rel=1e-5)
        assert var[c] == pytest.approx(0.9 + 0.1 * values.var(ddof=1), rel=1e-5)


def test_batch_norm_in_evaluation():
    x = random(1, 2, 3).astype(np.float32)
    mean, var = np.array([1, 2], np.float32), np.array([4, 9], np.float32)
    one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    with chainer.using_config("train", False):
        y = functions.batch_norm_activation(x, one, zero, mean, var, slope=1).array
    np.testing.assert_allclose(y, (x - mean[:, None]) / np.sqrt(var[:, None] + 1e-5), rtol=1e-5)
    assert mean.tolist() == [1, 2]


def test_gru_is_the_published_form():
    """The reset gate multiplies W_hn h + b_hn, not h."""

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    x, h, W, b = random(2, 9), random(2, 3), random(9, 3) * 0.5, random(9)
    (xr, xu, xn), (hr, hu, hn) = np.split(x, 3, axis=1), np.split(h @ W.T + b, 3, axis=1)
    update = sigmoid(xu + hu)
    expected = (1 - update) * np.tanh(xn + sigmoid(xr + hr) * hn) + update * h
    np.testing.assert_allclose(functions.gru_cell(x, h, W, b).array, expected, rtol=1e-12)


def test_pixels_there_and_back():
    frames = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16, 1).repeat(3, axis=-1)
    x = functions.to_float(frames)
    assert x.shape == (1, 3, 1, 16, 16)
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(functions.to_bytes(x), frames)


def test_bytes_are_clipped_and_rounded():
    x = np.array([-1.5, -1, 0.5 / 127.5 - 1.001, 0.0, 1.2], np.float32).reshape(5, 1, 1, 1)
    assert functions.to_bytes(x).ravel().tolist() == [0, 0, 0, 128, 255]
