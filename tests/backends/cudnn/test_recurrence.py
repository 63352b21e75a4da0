"""The GRU's kernels at sizes that they have different ways for, against the reference in float64."""

import numpy as np
import pytest

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.cudnn import recurrence
from tests.backends.cudnn import host, on_host

SIZES = [(2, 5, 56), (3, 5, 57), (2, 9, 128), (2, 3, 520), (2, 2, 768)]  # T, N, H


def arrays(length, n, size):
    rng = np.random.default_rng(0)
    shapes = (length, n, 3 * size), (n, size), (3 * size, size), (3 * size,), (n, length, size)
    x, h0, W, b, gy = (rng.standard_normal(shape, np.float32) for shape in shapes)
    return x, h0, W / np.float32(size**0.5), b, gy


def in_float64(function, *arrays):
    return function(*(a.astype(float) for a in arrays))


@pytest.mark.parametrize("shape", SIZES)
def test_sizes(shape):
    x, h0, W, b, gy = arrays(*shape)
    expected = in_float64(stock.gru, x, h0, W, b)
    for actual, reference in zip(recurrence.gru(host.launch, x, h0, W, b), expected, strict=True):
        np.testing.assert_allclose(actual, reference, atol=5e-6)
    states = [a.astype(np.float32) for a in expected]
    expected = in_float64(stock.gru_backward, gy, W, *states)
    for actual, reference in zip(recurrence.gru_backward(host.launch, gy, W, *states), expected, strict=True):
        np.testing.assert_allclose(actual, reference, atol=1e-5)


@pytest.mark.parametrize("size", [10, 64])
def test_one_kernel_each_way(size):
    started = []

    def launch(source, kernel, *arguments, shared):
        started.append(kernel)
        host.launch(source, kernel, *arguments, shared=shared)

    x, h0, W, b, gy = arrays(6, 3, size)
    recurrence.gru_backward(launch, gy, W, *recurrence.gru(launch, x, h0, W, b))
    assert [name.rpartition("_")[0] for name in started] == ["gru_forward", "gru_backward"]


def test_larger_states_go_by_the_reference():
    assert [recurrence.takes(size) for size in (1, 768, 769)] == [True, True, False]
    x, h0, W, b, gy = arrays(1, 1, 769)
    backend = on_host.load()
    states = backend.gru(x, h0, W, b)
    pairs = zip(
        (*states, *backend.gru_backward(gy, W, *states)),
        (*stock.gru(x, h0, W, b), *stock.gru_backward(gy, W, *states)),
        strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in pairs)
