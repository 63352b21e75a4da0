"""What passes from encoders to the decoder."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check
from chainer.utils import type_check

from mocogan_chainer.backends import Noise
from mocogan_chainer.models.affinegan import skips


def arrays(*shapes, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


class TestMove:
    @pytest.mark.parametrize("channels_last", [True, False])
    def test_a_loop(self, channels_last):
        base, residual, alphas = arrays((2, 3, 4, 5), (2, 3, 4, 5), (2, 6), dtype=np.float32)
        if channels_last:
            base = np.moveaxis(np.ascontiguousarray(np.moveaxis(base, 1, -1)), -1, 1)
        y = skips.move(base, residual, alphas).array
        assert (y.shape, y.dtype) == ((12, 3, 4, 5), np.float32)
        for n in range(2):
            for k in range(6):
                np.testing.assert_allclose(y[n * 6 + k], base[n] + alphas[n, k] * residual[n], rtol=1e-6)

    def test_gradients(self):
        base, residual, alphas, gy = arrays((2, 3, 2, 2), (2, 3, 2, 2), (2, 4), (8, 3, 2, 2))
        gg = arrays((2, 3, 2, 2), (2, 3, 2, 2), (2, 4))
        gradient_check.check_backward(skips.move, (base, residual, alphas), gy, dtype=np.float64, rtol=1e-4)
        gradient_check.check_double_backward(
            skips.move, (base, residual, alphas), gy, gg, dtype=np.float64, rtol=1e-4, atol=1e-4
        )

    def test_alphas_of_an_array_take_no_gradient(self):
        base, residual, alphas = arrays((2, 3, 2, 2), (2, 3, 2, 2), (2, 4), dtype=np.float32)
        base, residual = chainer.Variable(base), chainer.Variable(residual)
        chainer.functions.sum(skips.move(base, residual, alphas)).backward()
        np.testing.assert_allclose(base.grad, np.full(base.shape, 4))
        np.testing.assert_allclose(residual.grad[1], np.full(base.shape[1:], alphas[1].sum()), rtol=1e-5)

    @pytest.mark.parametrize("shapes", [((2, 3, 4, 4), (2, 3, 4, 2), (2, 1)), ((2, 3, 4, 4), (2, 3, 4, 4), (1, 2))])
    def test_what_does_not_fit(self, shapes):
        with pytest.raises(type_check.InvalidType):
            skips.move(*arrays(*shapes))


class TestJoin:
    def test_by_hand(self):
        skip, below = arrays((2, 3, 4, 5), (2, 2, 4, 5), dtype=np.float32)
        y = skips.join(skip, below, None).array
        assert np.array_equal(y[:, :3], np.where(skip > 0, skip, 0))
        assert np.array_equal(y[:, 3:], below)

    def test_gradients(self):
        skip, below, gy = arrays((2, 3, 2, 2), (2, 1, 2, 2), (2, 4, 2, 2))
        skip += np.sign(skip)  # far from the kink

        def join(skip, below):
            return skips.join(skip, below, None)

        gradient_check.check_backward(join, (skip, below), gy, dtype=np.float64, rtol=1e-4)
        gg = arrays(skip.shape, below.shape)
        gradient_check.check_double_backward(join, (skip, below), gy, gg, dtype=np.float64, rtol=1e-4, atol=1e-4)

    def test_noise_comes_before_the_rectifier(self):
        skip, below = np.zeros((2, 3, 40, 40), np.float32), np.zeros((2, 1, 40, 40), np.float32)
        y = skips.join(skip, below, Noise(1, 0.5)).array
        assert y.min() == 0
        assert not y[:, 3:].any()
        assert (y[:, :3] > 0).mean() == pytest.approx(0.5, abs=0.02)
        assert (y[:, :3] ** 2).mean() == pytest.approx(0.125, rel=0.05)  # half of sigma squared

    def test_gradients_are_of_what_noise_left_positive(self):
        skip, below = chainer.Variable(np.zeros((1, 2, 8, 8), np.float32)), np.zeros((1, 1, 8, 8), np.float32)
        y = skips.join(skip, below, Noise(1, 0.5))
        chainer.functions.sum(y).backward()
        assert np.array_equal(skip.grad, (y.array[:, :2] > 0).astype(np.float32))
        assert 0 < skip.grad.sum() < skip.size


def test_rectify_adds_noise_first():
    y = skips.rectify(np.full((2, 3, 40, 40), -0.1, np.float32), Noise(1, 0.1)).array
    assert y.min() == 0
    assert (y > 0).mean() == pytest.approx(0.1587, abs=0.01)  # beyond one standard deviation
