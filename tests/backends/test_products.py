"""Matrix products on every backend, against sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=30, deadline=None, derandomize=True)
ORDERS = "CFSB"


def matrix(rows, columns, order, seed):
    """Float32 numbers by rows, by columns (a transposed view), with gaps, or one row repeated by a stride of 0."""
    numbers = np.random.default_rng(seed).standard_normal((rows, columns), np.float32)
    if order == "F":
        return np.ascontiguousarray(numbers.T).T
    if order == "S":
        wide = np.full((2 * rows, 3 * columns), np.nan, np.float32)
        wide[::2, 1::3] = numbers
        return wide[::2, 1::3]
    return np.broadcast_to(numbers[:1], (rows, columns)) if order == "B" else numbers


def check(backend, a, b):
    """The error of a sum grows with the size of its terms, not of itself."""
    before = a.copy(), b.copy()
    c = backend.product(a, b)
    assert (c.dtype, c.shape) == (np.float32, (len(a), b.shape[1]))
    terms = a.astype(float)[:, :, None] * b.astype(float)[None]
    assert (np.abs(c - terms.sum(axis=1)) <= 1e-6 * np.abs(terms).sum(axis=1)).all()
    assert np.array_equal(a, before[0]) and np.array_equal(b, before[1])


class TestProduct:
    @FEW
    @given(
        sizes=st.tuples(*[st.integers(1, 70)] * 3),
        orders=st.tuples(*[st.sampled_from(ORDERS)] * 2),
    )
    def test_equals_the_sums(self, backend, sizes, orders):
        m, k, n = sizes
        check(backend, matrix(m, k, orders[0], 0), matrix(k, n, orders[1], 1))

    @pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
    @pytest.mark.parametrize(
        "sizes", [(256, 10, 30), (256, 30, 10), (30, 512, 10), (3, 1000, 2), (1, 129, 1), (65, 96, 33)]
    )
    def test_sizes(self, backend, sizes, orders):
        m, k, n = sizes
        check(backend, matrix(m, k, orders[0], 0), matrix(k, n, orders[1], 1))

    def test_by_the_identity(self, backend):
        a = matrix(40, 35, "C", 0)
        assert np.array_equal(backend.product(a, np.eye(35, dtype=np.float32)), a)

    def test_gives_the_same_bits_again(self, backend):
        a, b = matrix(30, 700, "F", 0), matrix(700, 10, "C", 1)
        assert np.array_equal(backend.product(a, b), backend.product(a, b))

    def test_in_float64(self, backend):
        a, b = (matrix(8, 8, "C", seed).astype(float) for seed in range(2))
        c = backend.product(a, b)
        assert c.dtype == np.float64
        np.testing.assert_allclose(c, (a[:, :, None] * b[None]).sum(axis=1), rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("sizes", [(0, 3, 2), (2, 3, 0), (2, 0, 3)])
    def test_of_nothing(self, backend, sizes):
        m, k, n = sizes
        assert np.array_equal(
            backend.product(np.ones((m, k), np.float32), np.ones((k, n), np.float32)), np.zeros((m, n))
        )
