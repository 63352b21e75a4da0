from __future__ import annotations

import warnings

import chainer
import chainer.functions as F
import numpy as np
import pytest


@pytest.fixture
def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_multiprocess_iterator_starts_its_thread(strict):
    iterator = chainer.iterators.MultiprocessIterator(np.arange(6), 2, n_processes=1, shared_mem=64, shuffle=False)
    try:
        assert [iterator.next(), iterator.next()] == [[0, 1], [2, 3]]
        assert iterator._prefetch_loop.thread.daemon
    finally:
        iterator.finalize()


def test_padding_names_the_output_of_maximum(monkeypatch):
    maximum = np.maximum

    def keyword_only(a, b, *, out=None):  # what NumPy will come to accept
        return maximum(a, b, out=out)

    monkeypatch.setattr(np, "maximum", keyword_only)
    batch = chainer.dataset.concat_examples([np.ones((1, 3)), np.ones((2, 1))], padding=-1)
    np.testing.assert_array_equal(batch, [[[1, 1, 1], [-1, -1, -1]], [[1, -1, -1], [1, -1, -1]]])


def test_fix_does_without_numpy_fix(monkeypatch):
    monkeypatch.delattr(np, "fix")
    x = np.array([-1.7, -0.2, 0.0, 0.2, 1.7], np.float32)
    for y in (F.fix(x), F.fix(chainer.Variable(x))):
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.array, [-1, 0, 0, 0, 1])
    np.testing.assert_allclose(F.fmod(x, np.full(5, 1.5, np.float32)).array, np.fmod(x, 1.5), rtol=1e-6)
