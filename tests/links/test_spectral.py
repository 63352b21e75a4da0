"""Spectrally normalized layers: their state in training and evaluation, and what they compute."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.links import SpectralConvolution, SpectralDeconvolution, SpectralLink


def convolution():
    return SpectralConvolution(3, 5, (2, 3), 1, 0, 0.2, seeding.stream(0))


def deconvolution():
    return SpectralDeconvolution(3, 5, (2, 3), 1, 0, seeding.stream(0))


def x(seed=0):
    return np.random.default_rng(seed).standard_normal((2, 3, 4, 6)).astype(np.float32)


def columns(layer):
    """The layer's weights as the matrix that PyTorch makes of them: outputs by all else."""
    W = layer.W.array.astype(np.float64)
    return W.reshape(5, -1) if isinstance(layer, SpectralConvolution) else W.swapaxes(0, 1).reshape(5, -1)


@pytest.mark.parametrize("make", [convolution, deconvolution])
class TestState:
    def test_its_form_is_pytorchs(self, make):
        layer = make()
        assert layer.u.shape == (5,)
        assert layer.v.shape == (3 * 2 * 3,)
        for vector in (layer.u, layer.v):
            assert vector.dtype == np.float32
            assert np.linalg.norm(vector) == pytest.approx(1, rel=1e-6)

    def test_a_training_forward_takes_one_iteration(self, make):
        layer, M = make(), columns(make())
        u = layer.u.astype(np.float64)
        for _ in range(3):
            layer(x())
            v = M.T @ u / np.linalg.norm(M.T @ u)
            u = M @ v / np.linalg.norm(M @ v)
            np.testing.assert_allclose(layer.v, v, atol=1e-6)
            np.testing.assert_allclose(layer.u, u, atol=1e-6)

    def test_evaluation_takes_none(self, make):
        layer = make()
        u, v = layer.u.copy(), layer.v.copy()
        with chainer.using_config("train", False):
            first = layer(x()).array
            second = layer(x()).array
        assert np.array_equal(layer.u, u)
        assert np.array_equal(layer.v, v)
        assert np.array_equal(first, second)

    def test_evaluation_divides_by_the_stored_estimate(self, make):
        layer = make()
        layer(x())
        sigma = layer.u @ columns(layer) @ layer.v
        with chainer.using_config("train", False):
            before = layer(x()).array
            layer.W.array *= 7  # which the quotient does not see
            np.testing.assert_allclose(layer(x()).array, before, rtol=1e-5, atol=1e-6)
        assert sigma == pytest.approx(np.linalg.norm(columns(make()) @ layer.v), rel=1e-5)

    def test_it_is_saved(self, make):
        layer, other = make(), make()
        layer(x())
        assert not np.array_equal(layer.u, other.u)
        arrays = {}
        layer.serialize(chainer.serializers.DictionarySerializer(arrays))
        other.serialize(chainer.serializers.NpzDeserializer(arrays))
        assert np.array_equal(other.u, layer.u)
        assert np.array_equal(other.v, layer.v)

    def test_two_forwards_of_one_graph(self, make):
        """The first graph's gradient is that of its own estimate, however u and v have turned since."""
        layer, alone = make(), make()
        first = layer(x())
        layer(x(1))
        for network, y in ((layer, first), (alone, alone(x()))):
            network.cleargrads()
            F.sum(y**2).backward()
        np.testing.assert_allclose(layer.W.grad, alone.W.grad, rtol=1e-6)


def test_a_convolution_written_out():
    layer = convolution()
    layer.b.array[...] = [0.5, -0.5, 0, 1, -1]
    y = layer(x()).array
    W = columns(layer) / (layer.u @ columns(layer) @ layer.v)
    for n, i, j in np.ndindex(2, 3, 4):
        z = W @ x()[n, :, i : i + 2, j : j + 3].ravel() + layer.b.array
        np.testing.assert_allclose(y[n, :, i, j], np.where(z > 0, z, 0.2 * z), rtol=1e-4, atol=1e-5)


def test_a_deconvolution_written_out():
    layer = deconvolution()
    y = layer(x()).array
    W = layer.W.array / (layer.u @ columns(layer) @ layer.v)
    expected = np.zeros((2, 5, 5, 8))
    for n, c, i, j in np.ndindex(2, 3, 4, 6):
        expected[n, :, i : i + 2, j : j + 3] += x()[n, c, i, j] * W[c]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_initial_weights_are_normal():
    W = SpectralLink((100, 100, 4), 1, seeding.stream(0)).W.array
    assert W.dtype == np.float32
    assert W.std() == pytest.approx(0.02, rel=0.02)
    assert abs(W.mean()) < 1e-3
