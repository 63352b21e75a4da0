"""Rectifier, batch normalization and pixels against formulas written out."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer import backends, functions
from mocogan_chainer.backends import Noise


def random(*shape):
    return np.random.default_rng(0).standard_normal(shape)


NOISE = Noise(0xFEDCBA9876543210, 0.5)


@pytest.fixture
def use(monkeypatch):
    """Take a backend for this test."""

    def take(name):
        if name == "onednn" and not backends.onednn.available():
            pytest.skip("oneDNN or numba is not on this machine")
        backends.use(name)

    monkeypatch.setattr(backends, "_current", backends.current())
    return take


def noise_of(shape):
    """What NOISE adds to an array."""
    return functions.add_noise(np.zeros(shape, np.float32), NOISE).array


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


def test_tanh():
    x, gy, ggx = random(2, 3, 4, 5), random(2, 3, 4, 5), random(2, 3, 4, 5)
    np.testing.assert_allclose(functions.tanh(chainer.Variable(x)).array, np.tanh(x))
    gradient_check.check_double_backward(functions.tanh, x, gy, ggx, dtype=np.float64)


def test_tanh_keeps_the_memory_order_both_ways():
    x = chainer.Variable(np.moveaxis(np.ones((2, 5, 6, 3), np.float32), -1, 1))
    y = functions.tanh(x)
    y.grad = np.ascontiguousarray(y.array)
    y.backward()
    assert x.array.strides == y.array.strides == x.grad.strides


@pytest.mark.parametrize("backend", ["stock", "onednn"])
class TestNoise:
    """It is added after the rectifier, and gradients do not see it."""

    @pytest.fixture(autouse=True)
    def _backend(self, use, backend):
        use(backend)

    def test_of_leaky_relu(self):
        x = chainer.Variable(random(2, 3, 4, 5).astype(np.float32))
        y, plain = functions.leaky_relu(x, 0.2, NOISE), functions.leaky_relu(x, 0.2)
        np.testing.assert_allclose(y.array, plain.array + noise_of(x.shape), atol=1e-6)
        assert y.array.std() > plain.array.std()
        y.grad = plain.grad = random(*x.shape).astype(np.float32)
        (gradient,), (expected,) = (chainer.grad([v], [x], [v.grad_var]) for v in (y, plain))
        assert np.array_equal(gradient.array, expected.array)

    @pytest.mark.parametrize("train", [True, False])
    def test_of_batch_norm_activation(self, train):
        x, gamma, beta = (chainer.Variable(a.astype(np.float32)) for a in (random(2, 3, 4, 5), random(3), random(3)))
        results = []
        for noise in (NOISE, None):
            mean, var = np.full(3, 0.1, np.float32), np.full(3, 2, np.float32)
            with chainer.using_config("train", train):
                y = functions.batch_norm_activation(x, gamma, beta, mean, var, slope=0.2, noise=noise)
            gradients = chainer.grad([y], [x, gamma, beta], [chainer.Variable(random(*x.shape).astype(np.float32))])
            results.append((y.array, mean, var, *(g.array for g in gradients)))
        (y, *rest), (plain, *expected) = results
        np.testing.assert_allclose(y, plain + noise_of(x.shape), atol=1e-6)
        for actual, other in zip(rest, expected, strict=True):
            assert np.array_equal(actual, other)

    def test_second_gradients_of_leaky_relu(self):
        """Of sum (r(x) + noise) x: the gradient is 2 r(x) + noise, and that of its squares 4 r'(x) times that."""
        x = random(2, 3, 4, 5).astype(np.float32)
        slopes = np.where(x > 0, 1, 0.2)
        variable = chainer.Variable(x)
        loss = chainer.functions.sum(functions.leaky_relu(variable, 0.2, NOISE) * variable)
        (gradient,) = chainer.grad([loss], [variable], enable_double_backprop=True)
        expected = 2 * slopes * x + noise_of(x.shape)
        np.testing.assert_allclose(gradient.array, expected, atol=1e-5)
        (second,) = chainer.grad([chainer.functions.sum(gradient**2)], [variable])
        np.testing.assert_allclose(second.array, 4 * slopes * expected, atol=1e-5)


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


SLOPES = [0, 0.2, 1]
SHAPES = [(5, 3), (2, 3, 4, 5), (2, 2, 2, 3, 2)]


def batch_norm(slope, train):
    """The function of x, gamma and beta, which leaves no trace in running statistics."""

    def apply(x, gamma, beta):
        mean, var = np.linspace(-0.5, 0.5, x.shape[1]), np.linspace(0.5, 2, x.shape[1])
        with chainer.using_config("train", train):
            return functions.batch_norm_activation(
                x, gamma, beta, mean.astype(x.dtype), var.astype(x.dtype), eps=0.01, slope=slope
            )

    return apply


def operands(shape):
    """(x, gamma, beta), no number so near to the rectifier's corner that a difference steps over it; gy; their ggs."""
    rng, c = np.random.default_rng(3), shape[1]
    x, gy, ggx = (rng.standard_normal(shape) for _ in range(3))
    gamma, beta, gg_gamma, gg_beta = (rng.standard_normal(c) for _ in range(4))
    return (x, gamma, beta), gy, (ggx, gg_gamma, gg_beta)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_gradients(use, shape, slope, train):
    use("stock")
    inputs, gy, _ = operands(shape)
    gradient_check.check_backward(
        batch_norm(slope, train), inputs, gy, dtype=np.float64, eps=1e-5, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_second_gradients(use, shape, slope, train):
    use("stock")
    inputs, gy, second = operands(shape)
    gradient_check.check_double_backward(
        batch_norm(slope, train), inputs, gy, second, dtype=np.float64, eps=1e-5, rtol=1e-4, atol=1e-4
    )


def first_gradients(function, inputs, gy):
    """By backward, as in training."""
    variables = [chainer.Variable(a) for a in inputs]
    y = function(*variables)
    y.grad = gy
    y.backward()
    return [v.grad for v in variables]


def gradients_of_penalty(function, inputs, gy):
    """Of the squared length of x's gradient, as a gradient penalty asks for them."""
    variables = [chainer.Variable(a) for a in inputs]
    y = function(*variables)
    (gx,) = chainer.grad([y], variables[:1], [chainer.Variable(gy)], enable_double_backprop=True)
    penalty = chainer.functions.sum(gx**2)
    penalty.backward()
    return [v.grad for v in variables]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize(("gradients", "tolerance"), [(first_gradients, 1e-4), (gradients_of_penalty, 1e-3)])
@pytest.mark.parametrize("shape", [(3, 4, 6, 7), (6, 64, 2, 9, 9)])
def test_batch_norm_gradients_of_single_precision(use, shape, gradients, tolerance, slope, train):
    """By compiled kernels, or whatever a second derivative makes of them, against the reference in float64."""
    inputs, gy, _ = operands(shape)
    use("stock")
    expected = gradients(batch_norm(slope, train), inputs, gy)
    use("onednn")
    single = [np.asarray(a, np.float32) for a in (*inputs, gy)]
    actual = gradients(batch_norm(slope, train), single[:3], single[3])
    for a, b in zip(actual, expected, strict=True):
        if b is None or a is None:  # beta moves nothing where there is no corner
            assert a is None
            assert b is None
            continue
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=tolerance * max(np.abs(b).max(), 1e-3))


def test_a_first_gradient_is_one_pass_of_the_backend(use, monkeypatch):
    """And a gradient that will be differentiated again is made of functions that can be."""
    use("stock")
    inputs, gy, _ = operands((3, 4, 6, 7))
    passes, backward = [], backends.stock.normalize_rectify_backward
    monkeypatch.setattr(backends.stock, "normalize_rectify_backward", lambda *a: passes.append(1) or backward(*a))
    first_gradients(batch_norm(0.2, True), inputs, gy)
    assert len(passes) == 1
    gradients_of_penalty(batch_norm(0.2, True), inputs, gy)
    assert len(passes) == 1


def test_one_wanted_gradient_of_batch_norm(use):
    """The others may belong to frozen parameters."""
    use("stock")
    inputs, gy, _ = operands((3, 4, 6, 7))
    expected = first_gradients(batch_norm(0.2, True), inputs, gy)
    for number in range(3):
        variables = [chainer.Variable(a, requires_grad=i == number) for i, a in enumerate(inputs)]
        y = batch_norm(0.2, True)(*variables)
        y.grad = gy
        y.backward()
        assert [v.grad is None for v in variables] == [i != number for i in range(3)]
        np.testing.assert_allclose(variables[number].grad, expected[number])


def test_pixels_there_and_back():
    frames = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16, 1).repeat(3, axis=-1)
    x = functions.to_float(frames)
    assert x.shape == (1, 3, 1, 16, 16)
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(functions.to_bytes(x), frames)


def test_bytes_are_clipped_and_rounded():
    x = np.array([-1.5, -1, 0.5 / 127.5 - 1.001, 0.0, 1.2], np.float32).reshape(5, 1, 1, 1)
    assert functions.to_bytes(x).ravel().tolist() == [0, 0, 0, 128, 255]
