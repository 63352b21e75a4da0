"""The linear layer on the backend's matrix product: its numbers, its gradients and theirs."""

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils import type_check

from mocogan_chainer.functions import linear

AXES = [(), (4,), (2, 3), (2, 1, 3)]
NAMES = ("x", "W", "b")


def arrays(axes=(4,), dtype=np.float64):
    """x (*axes, 5), W (3, 5), b (3,)."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((*axes, 5), (3, 5), (3,))]


def random(*shapes):
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("axes", AXES)
def test_numbers(axes, dtype, tolerance):
    x, W, b = arrays(axes, dtype)
    y = linear(x, W, b)
    assert (y.dtype, y.shape) == (dtype, (*axes, 3))
    for place in np.ndindex(*axes):
        for o in range(3):
            expected = sum(float(x[place][k]) * float(W[o, k]) for k in range(5)) + float(b[o])
            assert y.array[place][o] == pytest.approx(expected, abs=10 * tolerance)


@pytest.mark.parametrize("axes", AXES)
def test_gradients(axes):
    inputs = arrays(axes)
    gradient_check.check_backward(linear, inputs, random((*axes, 3)), dtype=np.float64, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("axes", AXES)
def test_gradients_of_gradients(axes):
    inputs = arrays(axes)
    gy, *ggs = random((*axes, 3), *(a.shape for a in inputs))
    gradient_check.check_double_backward(
        lambda *inputs: linear(*inputs) ** 2, inputs, gy, ggs, dtype=np.float64, atol=1e-6, rtol=1e-4
    )


def test_a_frozen_input_gets_no_gradient():
    x, W, b = (chainer.Variable(a, requires_grad=name != "W") for a, name in zip(arrays(), NAMES, strict=True))
    F.sum(linear(x, W, b)).backward()
    assert [v.grad is None for v in (x, W, b)] == [False, True, False]


class TestRefuses:
    @pytest.mark.parametrize("wrong", range(3), ids=NAMES)
    def test_another_size(self, wrong):
        inputs = arrays()
        inputs[wrong] = inputs[wrong][..., :-1]
        with pytest.raises(type_check.InvalidType):
            linear(*inputs)

    @pytest.mark.parametrize("wrong", range(3), ids=NAMES)
    def test_another_dtype(self, wrong):
        inputs = arrays()
        inputs[wrong] = inputs[wrong].astype(np.float32)
        with pytest.raises(type_check.InvalidType):
            linear(*inputs)

    def test_weights_of_three_axes(self):
        x, W, b = arrays()
        with pytest.raises(type_check.InvalidType):
            linear(x, W[None], b)
