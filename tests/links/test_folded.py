"""The folded layer against a convolution, a normalization, a sum and a rectifier written out."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import links


def published(rng, out_channels, in_channels, ksize):
    """Weight, gamma, beta, mean and variance, as a published file has them."""
    weight = rng.standard_normal((out_channels, in_channels, *ksize), np.float32)
    gamma, beta, mean = rng.standard_normal((3, out_channels))
    return weight, gamma, beta, mean, rng.uniform(0.5, 2, out_channels)


def written_out(x, weight, bias, groups, pad):
    """Convolution with bias and stride 1, tap by tap, in float64."""
    x = np.pad(x.astype(float), ((0, 0), (0, 0), *((p, p) for p in pad)))
    per_group = weight.shape[0] // groups
    parts = np.split(x, groups, 1)
    out = [n - k + 1 for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)]
    y = np.zeros((x.shape[0], weight.shape[0], *out))
    for o in range(weight.shape[0]):
        for tap in np.ndindex(weight.shape[2:]):
            view = tuple(slice(t, t + n) for t, n in zip(tap, out, strict=True))
            y[:, o] += (
                np.moveaxis(parts[o // per_group][(slice(None), slice(None), *view)], 1, -1)
                @ weight[(o, slice(None), *tap)]
            )
        y[:, o] += bias[o]
    return y


@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_fold_is_the_normalization_behind_it(groups, rectify):
    rng = np.random.default_rng(0)
    weight, gamma, beta, mean, variance = published(rng, 6, 4 // groups, (3, 1, 2))
    bias = rng.standard_normal(6)
    layer = links.FoldedConvolution(4, 6, (3, 1, 2), pad=(1, 0, 1), groups=groups, rectify=rectify)
    scale = gamma / np.sqrt(variance + 1e-3)
    layer.fold(weight, bias, scale, beta - mean * scale)

    x = rng.standard_normal((2, 4, 3, 4, 5), np.float32)
    y = written_out(x, weight, bias, groups, (1, 0, 1))
    residual = rng.standard_normal(y.shape, np.float32)
    as_channels = (slice(None), None, None, None)
    y = (y - mean[as_channels]) / np.sqrt(variance[as_channels] + 1e-3) * gamma[as_channels] + beta[as_channels]
    for given, expected in ((None, y), (residual, y + residual)):
        expected = np.maximum(expected, 0) if rectify else expected
        np.testing.assert_allclose(layer(x, given).array, expected, atol=2e-5)


def test_numbers_instead_of_channels():
    layer = links.FoldedConvolution(2, 3, (1,), rectify=False)
    weight = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    layer.fold(weight, 2, 3, 4)
    assert layer.W.array.tolist() == (3 * weight).tolist()
    assert layer.b.array.tolist() == [10, 10, 10]
    assert layer.W.dtype == layer.b.dtype == np.float32


def test_another_shape_is_refused():
    layer = links.FoldedConvolution(2, 3, (1, 1))
    with pytest.raises(ValueError, match=r"weight \(3, 2, 1\): the layer needs \(3, 2, 1, 1\)"):
        layer.fold(np.zeros((3, 2, 1), np.float32), 0, 1, 0)


def test_a_frozen_layer_passes_gradients_to_its_inputs_alone():
    layer = links.FoldedConvolution(2, 2, (1, 1))
    layer.fold(np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1), 0, 1, 0)
    x, residual = (chainer.Variable(np.full((1, 2, 2, 2), value, np.float32)) for value in (-1, 3))
    layer.cleargrads()
    with links.frozen(layer):
        y = layer(x, residual)
        chainer.functions.sum(y * y).backward()
    assert x.grad.tolist() == residual.grad.tolist() == np.full((1, 2, 2, 2), 4).tolist()
    assert all(parameter.grad is None for parameter in layer.params())
