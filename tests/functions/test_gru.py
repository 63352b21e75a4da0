"""The GRU node against a recurrence written out, and its gradients against finite differences."""

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import Variable, gradient_check
from chainer.utils import type_check

from mocogan_chainer import functions

SHAPES = [pytest.param((5, 3, 4), id="many"), pytest.param((1, 1, 1), id="one")]
NAMES = ("x_projected", "h0", "W_h", "b_h")


def arrays(length=5, n=3, size=4, dtype=np.float64):
    """x_projected, h0, W_h, b_h."""
    rng = np.random.default_rng(0)
    shapes = (length, n, 3 * size), (n, size), (3 * size, size), (3 * size,)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def random(*shapes):
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in shapes]


def naive(x, h0, W, b):
    """The published recurrence, number by number: the reset gate multiplies W_hn h + b_hn, not h."""

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    length, (n, size) = len(x), h0.shape
    states = np.zeros((n, length, size))
    for i in range(n):
        h = list(h0[i])
        for t in range(length):
            p = [b[k] + sum(W[k, j] * h[j] for j in range(size)) for k in range(3 * size)]
            for j in range(size):
                reset = sigmoid(x[t, i, j] + p[j])
                update = sigmoid(x[t, i, size + j] + p[size + j])
                new = np.tanh(x[t, i, 2 * size + j] + reset * p[2 * size + j])
                h[j] = (1 - update) * new + update * h[j]
            states[i, t] = h
    return states


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_published_recurrence(shape, dtype, tolerance):
    inputs = arrays(*shape, dtype=dtype)
    states = functions.gru(*inputs)
    assert states.dtype == dtype
    np.testing.assert_allclose(states.array, naive(*(a.astype(np.float64) for a in inputs)), atol=tolerance)


def test_far_gates_do_not_overflow():
    x, h0, W, b = arrays(dtype=np.float32)
    with np.errstate(over="raise", invalid="raise"):
        states = functions.gru(x * 1000, h0, W, b)
        F.sum(states).backward()
    assert np.isfinite(states.array).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape):
    inputs = arrays(*shape)
    gy = random(functions.gru(*inputs).shape)
    gradient_check.check_backward(functions.gru, inputs, gy, dtype=np.float64, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_gradients(shape):
    inputs = arrays(*shape)
    gy, *ggs = random(functions.gru(*inputs).shape, *(a.shape for a in inputs))
    gradient_check.check_double_backward(functions.gru, inputs, gy, ggs, dtype=np.float64, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_do_not_depend_on_whether_they_can_be_differentiated(dtype):
    inputs = [Variable(a) for a in arrays(dtype=dtype)]
    states = functions.gru(*inputs)
    gy = [Variable(random(states.shape)[0].astype(dtype))]
    plain, differentiable = (
        chainer.grad([states], inputs, gy, enable_double_backprop=double) for double in (False, True)
    )
    for name, a, b in zip(NAMES, plain, differentiable, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a.array, b.array, rtol=1e-4, atol=1e-5, err_msg=name)
        assert (a.creator is None, b.creator is None) == (True, False)


@pytest.mark.parametrize("double", [False, True])
def test_inputs_computed_from_one_another(double):
    """Each input's gradient holds its own part only, and what they stem from gets the sum of all."""
    h0 = arrays(n=3, size=4)[1]
    _, _, W, b = arrays(n=3, size=4)

    def sum_of_states(h0):
        x = F.broadcast_to(F.concat([h0, h0 * 2, -h0])[None], (5, 3, 12))  # x_projected from h0
        return F.sum(functions.gru(x, h0, W, b) ** 2)

    start = Variable(h0)
    (actual,) = chainer.grad([sum_of_states(start)], [start], enable_double_backprop=double)
    expected = np.zeros_like(h0)
    for index in np.ndindex(*h0.shape):
        step = np.zeros_like(h0)
        step[index] = 1e-6
        expected[index] = (sum_of_states(h0 + step).array - sum_of_states(h0 - step).array) / 2e-6
    np.testing.assert_allclose(actual.array, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("frozen", range(4), ids=NAMES)
def test_a_frozen_input_gets_no_gradient_and_the_others_theirs(frozen, double):
    def gradients(requires_grad):
        inputs = [Variable(a, requires_grad=r) for a, r in zip(arrays(), requires_grad, strict=True)]
        F.sum(functions.gru(*inputs) ** 2).backward(enable_double_backprop=double)
        return [v.grad for v in inputs]

    every = gradients([True] * 4)
    some = gradients([i != frozen for i in range(4)])
    assert [g is None for g in some] == [i == frozen for i in range(4)]
    for i in set(range(4)) - {frozen}:
        np.testing.assert_array_equal(some[i], every[i])


def test_one_node_a_sequence():
    states = functions.gru(*map(Variable, arrays()))
    assert all(v.creator_node is None for v in states.creator_node.inputs)


@pytest.mark.parametrize("wrong", range(4), ids=NAMES)
class TestRefuses:
    def refused(self, wrong, change):
        inputs = arrays()
        inputs[wrong] = change(inputs[wrong])
        with pytest.raises(type_check.InvalidType):
            functions.gru(*inputs)

    def test_another_size(self, wrong):
        self.refused(wrong, lambda a: a[..., :-1])

    def test_another_batch_or_number_of_gates(self, wrong):
        self.refused(wrong, lambda a: a[:, :1] if a.ndim == 3 else a[:1])

    def test_another_dtype(self, wrong):
        self.refused(wrong, lambda a: a.astype(np.float32))
