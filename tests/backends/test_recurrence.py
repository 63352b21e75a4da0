"""The GRU's primitives on every backend: against the recurrence written out, and its derivatives by differences."""

import numpy as np
import pytest

SHAPES = [(1, 1, 1), (4, 3, 5), (3, 5, 10), (2, 14, 10), (2, 2, 33)]  # T, N, H
ORDERS = ["C", "F"]


def arrays(length, n, size, order="C"):
    """x_projected, h0, W, b and a gradient of the states (N, T, H), float32."""
    rng = np.random.default_rng(0)
    shapes = (length, n, 3 * size), (n, size), (3 * size, size), (3 * size,), (n, length, size)
    return [np.asarray(rng.standard_normal(shape, np.float32), order=order) for shape in shapes]


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def float64_gru(x, h0, W, b, moved=0.0):
    """States, gates and W_hn h + b_hn, sample by sample; ``moved`` (T, N, 3H) is added to W_h h + b_h."""
    length, (n, size) = len(x), h0.shape
    x, W, b = (a.astype(float) for a in (x, W, b))
    moved = np.broadcast_to(moved, x.shape)
    h, gates = np.empty((length + 1, n, size)), np.empty((length, n, 3 * size))
    hidden_n = np.empty((length, n, size))
    h[0] = h0
    for i in range(n):
        for t in range(length):
            p = np.array([sum(w * v for w, v in zip(row, h[t, i], strict=True)) for row in W]) + b + moved[t, i]
            reset, update, new = (slice(k * size, (k + 1) * size) for k in range(3))
            gates[t, i, reset] = sigmoid(x[t, i, reset] + p[reset])
            gates[t, i, update] = sigmoid(x[t, i, update] + p[update])
            gates[t, i, new] = np.tanh(x[t, i, new] + gates[t, i, reset] * p[new])
            hidden_n[t, i] = p[new]
            h[t + 1, i] = (1 - gates[t, i, update]) * gates[t, i, new] + gates[t, i, update] * h[t, i]
    return h, gates, hidden_n


def differences(loss, point):
    """The gradient of ``loss`` at ``point``, by central differences."""
    gradient = np.empty(point.shape)
    for place in np.ndindex(point.shape):
        step = np.zeros(point.shape)
        step[place] = 1e-5
        gradient[place] = (loss(point + step) - loss(point - step)) / 2e-5
    return gradient


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_recurrence(backend, shape, order):
    *inputs, _ = arrays(*shape, order)
    before = [a.copy() for a in inputs]
    for actual, expected in zip(backend.gru(*inputs), float64_gru(*inputs), strict=True):
        assert (actual.dtype, actual.shape) == (np.float32, expected.shape)
        np.testing.assert_allclose(actual, expected, atol=2e-6)
    assert all(np.array_equal(a, b) for a, b in zip(inputs, before, strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 3, 2), (3, 2, 5)])
def test_backward_equals_the_differences(backend, shape, order):
    x, h0, W, b, gy = arrays(*shape, order)

    def loss(x, h0, moved):
        return (gy.swapaxes(0, 1) * float64_gru(x, h0, W, b, moved)[0][1:]).sum()

    states = [a.astype(np.float32) for a in float64_gru(x, h0, W, b)]
    gx, gp, gh0 = backend.gru_backward(gy, W, *states)
    still = np.zeros(x.shape)
    for actual, expected in (
        (gx, differences(lambda x: loss(x, h0, still), x.astype(float))),
        (gp, differences(lambda moved: loss(x, h0, moved), still)),
        (gh0, differences(lambda h0: loss(x, h0, still), h0.astype(float))),
    ):
        assert (actual.dtype, actual.shape) == (np.float32, expected.shape)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_backward_of_a_repeated_gradient(backend):
    """What comes from a sum is one number with strides of 0."""
    x, h0, W, b, _ = arrays(3, 2, 4)
    states = backend.gru(x, h0, W, b)
    gy = np.broadcast_to(np.float32(2), (2, 3, 4))
    for actual, expected in zip(
        backend.gru_backward(gy, W, *states), backend.gru_backward(gy.copy(), W, *states), strict=True
    ):
        assert np.array_equal(actual, expected)


def test_far_gates_do_not_overflow(backend):
    x, h0, W, b, gy = arrays(3, 2, 4)
    with np.errstate(over="raise", invalid="raise"):
        states = backend.gru(1000 * x, h0, W, b)
        gradients = backend.gru_backward(gy, W, *states)
    assert all(np.isfinite(a).all() for a in (*states, *gradients))


def test_gives_the_same_bits_again(backend):
    *inputs, gy = arrays(4, 20, 10)
    states = backend.gru(*inputs)
    again = backend.gru(*inputs)
    pairs = zip(
        (*states, *backend.gru_backward(gy, inputs[2], *states)),
        (*again, *backend.gru_backward(gy, inputs[2], *again)),
        strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_in_float64(backend):
    inputs = [a.astype(float) for a in arrays(3, 2, 4)]
    states = backend.gru(*inputs[:4])
    for actual, expected in zip(states, float64_gru(*inputs[:4]), strict=True):
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected, atol=1e-13)
    assert all(a.dtype == np.float64 for a in backend.gru_backward(inputs[4], inputs[2], *states))


def test_of_no_samples(backend):
    x, h0, W, b, gy = arrays(3, 0, 4)
    states = backend.gru(x, h0, W, b)
    shapes = [a.shape for a in (*states, *backend.gru_backward(gy, W, *states))]
    assert shapes == [(4, 0, 4), (3, 0, 12), (3, 0, 4), (3, 0, 12), (3, 0, 12), (0, 4)]
