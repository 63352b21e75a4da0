"""Layers: initial values, freezing, moving average."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, checkpoint, links, seeding
from mocogan_chainer.optimizer import Adam
from tests.backends.cudnn import on_host


def small_network(seed=0):
    rng = seeding.stream(seed)
    return chainer.Sequential(links.Convolution(2, 3, (3, 3), 1, 1, rng), links.BatchNormActivation(3, 0.2))


def test_initial_weights_are_uniform_in_the_fan_in_bound():
    W = links.Convolution(16, 32, (4, 4), 2, 1, seeding.stream(0)).W.array
    bound = (16 * 16) ** -0.5
    assert W.dtype == np.float32
    assert 0.99 * bound < np.abs(W).max() <= bound
    assert W.std() == pytest.approx(bound / 3**0.5, rel=0.02)


@pytest.mark.parametrize("link", [links.Convolution, links.Deconvolution])
def test_initial_weights_are_normal_with_a_deviation(link):
    W = link(30, 30, (4, 4), 2, 1, seeding.stream(0), deviation=0.02).W.array
    assert W.dtype == np.float32
    assert W.std() == pytest.approx(0.02, rel=0.03)
    assert np.abs(W).max() > 0.06


def test_deconvolution_takes_pytorchs_fan_in():
    W = links.Deconvolution(16, 32, (4, 4), 2, 1, seeding.stream(0)).W.array
    assert W.shape == (16, 32, 4, 4)
    assert 0.99 * (32 * 16) ** -0.5 < np.abs(W).max() <= (32 * 16) ** -0.5


class TestWhereFiltersLie:
    """A GPU's backend wants them in channels-last memory; here it takes NumPy's arrays for a GPU's."""

    @pytest.fixture
    def network(self, monkeypatch):
        monkeypatch.setattr(backends, "_current", on_host.load(orders=(1,)))
        network = links.Convolution(2, 3, (3, 3), 1, 1, seeding.stream(0))
        network.to_device("@numpy")
        return network

    def test_numbers_stay(self, network):
        expected = links.Convolution(2, 3, (3, 3), 1, 1, seeding.stream(0)).W.array
        assert np.array_equal(network.W.array, expected)
        assert lies_channels_last(network.W.array) and not lies_channels_last(expected)

    def test_other_backends_leave_them_as_they_are(self):
        network = links.Deconvolution(2, 3, (3, 3), 1, 1, seeding.stream(0))
        before = network.W.array
        network.to_device("@numpy")
        assert network.W.array is before

    def test_what_belongs_to_them_lies_alike(self, network):
        """So that updates are one pass over flat memory."""
        optimizer = Adam(1e-3, 0.5, 0.999).setup(network)
        ema = links.ExponentialMovingAverage(network, 0.5)
        network.cleargrads()
        F.sum(network(np.ones((2, 2, 5, 5), np.float32)) ** 2).backward()
        optimizer.update()
        ema.move(ema.next_decay().item())
        state = network.W.update_rule.state
        for array in (network.W.array, network.W.grad, state["m"], state["v"], ema.average.W.array):
            assert lies_channels_last(array)

    def test_a_snapshot_goes_into_them(self, network, tmp_path):
        other = links.Convolution(2, 3, (3, 3), 1, 1, seeding.stream(1))
        checkpoint.save(tmp_path / "weights.npz", other, config="", data={}, iteration=1)
        checkpoint.load(tmp_path / "weights.npz").restore(network)
        assert np.array_equal(network.W.array, other.W.array)
        assert lies_channels_last(network.W.array)


def lies_channels_last(array):
    return np.moveaxis(array, 1, -1).flags.c_contiguous


class TestFrozen:
    def test_gradients_pass_but_none_are_kept(self):
        network, x = small_network(), chainer.Variable(np.ones((2, 2, 4, 4), np.float32))
        network.cleargrads()
        with links.frozen(network):
            F.sum(network(x) ** 2).backward()
        assert np.abs(x.grad).max() > 0
        assert all(p.grad is None for p in network.params())

    def test_everything_learns_again_afterwards(self):
        network, x = small_network(), np.ones((2, 2, 4, 4), np.float32)
        with pytest.raises(RuntimeError), links.frozen(network):
            raise RuntimeError
        network.cleargrads()
        F.sum(network(x) ** 2).backward()
        assert all(p.grad is not None for p in network.params())


class TestMovingAverage:
    def test_follows_weights_and_statistics(self):
        network = small_network()
        ema = links.ExponentialMovingAverage(network, 0.5)
        expected = [p.array.copy() for p in network.params()]
        network[1].avg_mean[...] = 8
        for decay in (0.1, 2 / 11, 0.25, 4 / 13, 5 / 14, 6 / 15, 7 / 16, 8 / 17, 0.5):
            for e, p in zip(expected, network.params(), strict=True):
                p.array += 1
                e[...] = decay * e + (1 - decay) * p.array
            ema.move(ema.next_decay().item())
        for e, p in zip(expected, ema.average.params(), strict=True):
            np.testing.assert_allclose(p.array, e, rtol=1e-5)
        assert ema.average[1].avg_mean == pytest.approx(8, rel=1e-3)

    def test_the_network_is_untouched(self):
        network = small_network()
        before = network[0].W.array.copy()
        ema = links.ExponentialMovingAverage(network, 0.9)
        ema.average[0].W.array += 1
        assert np.array_equal(network[0].W.array, before)


def test_gru_unrolls_over_time():
    gru = links.GRU(4, 3, seeding.stream(0))
    rng = np.random.default_rng(0)
    h, e = rng.standard_normal((2, 3), np.float32), rng.standard_normal((5, 2, 4), np.float32)
    states = gru(h, e)
    assert states.shape == (2, 5, 3)
    again = gru(states[:, 1].array, e[2:])
    np.testing.assert_allclose(again.array, states.array[:, 2:], rtol=1e-5)
