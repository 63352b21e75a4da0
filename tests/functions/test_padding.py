"""Padding by reflection against loops, PyTorch's numbers and finite differences."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils import type_check

from mocogan_chainer import functions

CASES = [((2, 3, 5, 4), 3), ((1, 2, 2, 2), 1), ((2, 1, 4, 7), 2), ((1, 2, 3, 3), 0)]
"""Also as wide as there is, so that what is folded back from both sides overlaps."""


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def channels_last(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def mirrored(i, size):
    """The position that a mirror shows at position i of an axis."""
    return -i if i < 0 else 2 * (size - 1) - i if i >= size else i


def places(shape, pad):
    """Pairs of a position of y and the position of x that is seen there."""
    n, c, h, w = shape
    for place in np.ndindex(n, c, h + 2 * pad, w + 2 * pad):
        yield place, (*place[:2], mirrored(place[2] - pad, h), mirrored(place[3] - pad, w))


@pytest.mark.parametrize("arrange", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize(("shape", "pad"), CASES)
class TestReflectionPad:
    def test_forward(self, shape, pad, arrange):
        x = arrange(random(*shape).astype(np.float32))
        y = functions.reflection_pad(chainer.Variable(x), pad).array
        assert y.dtype == np.float32
        assert y.shape == (*shape[:2], shape[2] + 2 * pad, shape[3] + 2 * pad)
        for place, source in places(shape, pad):
            assert y[place] == x[source]

    def test_gradients(self, shape, pad, arrange):
        x = chainer.Variable(arrange(random(*shape).astype(np.float32)))
        y = functions.reflection_pad(x, pad)
        y.grad = gy = arrange(random(*y.shape, seed=1).astype(np.float32))
        before = gy.copy()
        y.backward()
        expected = np.zeros(shape)
        for place, source in places(shape, pad):
            expected[source] += gy[place]
        assert x.grad.dtype == np.float32
        np.testing.assert_allclose(x.grad, expected, atol=1e-5)
        assert np.array_equal(gy, before)

    def test_second_gradients(self, shape, pad, arrange):
        def squared(x):
            return functions.reflection_pad(x, pad) ** 2

        x, ggx = (arrange(random(*shape, seed=seed)) for seed in (0, 1))
        gy = arrange(random(*functions.reflection_pad(x, pad).shape, seed=2))
        gradient_check.check_double_backward(squared, x, gy, ggx, dtype=np.float64, atol=1e-4, rtol=1e-4)


def test_of_pytorch():
    """nn.ReflectionPad2d(2) of the numbers 0 to 8 and the gradient of the sum of its squares."""
    x = chainer.Variable(np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3))
    y = functions.reflection_pad(x, 2)
    assert y.array[0, 0].tolist() == [
        [8, 7, 6, 7, 8, 7, 6],
        [5, 4, 3, 4, 5, 4, 3],
        [2, 1, 0, 1, 2, 1, 0],
        [5, 4, 3, 4, 5, 4, 3],
        [8, 7, 6, 7, 8, 7, 6],
        [5, 4, 3, 4, 5, 4, 3],
        [2, 1, 0, 1, 2, 1, 0],
    ]
    chainer.functions.sum(y**2).backward()
    assert x.grad[0, 0].tolist() == [[0, 12, 16], [36, 72, 60], [48, 84, 64]]


def test_keeps_the_memory_order():
    x = chainer.Variable(channels_last(np.ones((2, 3, 8, 9), np.float32)))
    y = functions.reflection_pad(x, 3)
    y.grad = channels_last(np.ones(y.shape, np.float32))
    (gx,) = chainer.grad([y], [x], [y.grad_var])
    for a in (y.array, gx.array):
        assert np.moveaxis(a, 1, -1).flags.c_contiguous


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (1, 1, 4, 3), (1, 4, 4)])
def test_refuses_what_the_mirror_cannot_show(shape):
    with pytest.raises(type_check.InvalidType):
        functions.reflection_pad(np.ones(shape, np.float32), 3)
