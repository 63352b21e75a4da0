from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest


def test_gradient_of_as_strided():
    x = chainer.Variable(np.arange(6, dtype=np.float32))
    windows = F.as_strided(x, (4, 3), (1, 1))  # four windows of three
    F.sum(windows).backward()
    np.testing.assert_array_equal(windows.array, np.lib.stride_tricks.sliding_window_view(x.array, 3))
    np.testing.assert_array_equal(x.grad, [1, 2, 3, 3, 2, 1])


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_resize_images(mode, align_corners):
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4).repeat(2, axis=2)
    y = F.resize_images(x, (2, 8), mode=mode, align_corners=align_corners).array
    assert y.dtype == np.float32
    if mode == "nearest":
        np.testing.assert_array_equal(y[0, 0, 0], np.arange(4).repeat(2))
    else:
        source = np.linspace(0, 3, 8) if align_corners else np.clip((np.arange(8) + 0.5) / 2 - 0.5, 0, 3)
        np.testing.assert_allclose(y[0, 0, 0], source, rtol=1e-6)


def test_log_prob_of_categorical():
    p = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], np.float32)
    log_prob = chainer.distributions.Categorical(p=p).log_prob(np.array([1, 0, 0]))
    np.testing.assert_allclose(log_prob.array, np.log([0.8, 0.5, 0.9]), rtol=1e-6)
