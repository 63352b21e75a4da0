"""The join of the streams, number by number."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils.type_check import InvalidType

from mocogan_chainer.models.g3an.streams import join

SHAPES = [(2, 3, 1, 4, 5), (2, 3, 6, 4, 5), (2, 3, 6, 1, 1)]


def streams(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in SHAPES]


def test_forward():
    s, v, t = streams()
    y = join(*map(chainer.Variable, (s, v, t))).array
    assert y.shape == (2, 6, 6, 4, 5)
    for n, c, k, i, j in np.ndindex(2, 3, 6, 4, 5):
        assert y[n, c, k, i, j] == s[n, c, 0, i, j]
        assert y[n, 3 + c, k, i, j] == v[n, c, k, i, j] + t[n, c, k, 0, 0]
    assert np.moveaxis(y, 1, -1).flags.c_contiguous


def test_gradients():
    gy = np.random.default_rng(1).standard_normal((2, 6, 6, 4, 5))
    gradient_check.check_backward(join, streams(), gy, dtype=np.float64, atol=1e-6, rtol=1e-5)
    gradient_check.check_double_backward(
        lambda *x: join(*x) ** 2, streams(), gy, streams(2), dtype=np.float64, atol=1e-4, rtol=1e-4
    )


def test_streams_must_fit():
    s, v, t = streams()
    with pytest.raises(InvalidType):
        join(s, v, t[:, :, :5])
