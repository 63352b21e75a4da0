"""Sums of gradients of a loss in parts."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.models.gradients import GradientSums
from tests.backends.cudnn import on_host


class Network(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            for name, shape in (("both", (2, 3, 4)), ("first", (5,)), ("second", ()), ("none", (2,))):
                numbers = np.random.default_rng(len(name)).standard_normal(shape, np.float32)
                setattr(self, name, chainer.Parameter(np.asarray(numbers)))

    def part(self, number):
        """A loss."""
        other = self.first if number == 0 else self.second
        return F.sum(self.both ** (number + 2)) + F.sum(other * (number + 1))


@pytest.fixture(params=["stock", "kernels"])
def _backend(request, monkeypatch):
    monkeypatch.setattr(backends, "_current", on_host.load((1,)) if request.param == "kernels" else backends.stock)


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_are_chainers_own(parts):
    ours, chainers = Network(), Network()
    for network in (ours, chainers):
        for parameter in network.params():
            parameter.grad = np.ones_like(parameter.array)  # of an earlier step
    chainers.cleargrads()
    sums = GradientSums(ours)
    for number in range(parts):
        ours.part(number).backward()
        sums.take()
        chainers.part(number).backward()
    sums.put()
    for (name, parameter), (_, expected) in zip(ours.namedparams(), chainers.namedparams(), strict=True):
        assert (parameter.grad is None) == (expected.grad is None), name
        if expected.grad is not None:
            np.testing.assert_allclose(parameter.grad, expected.grad, rtol=1e-6, err_msg=name)
    assert ours.none.grad is None


def test_lie_as_the_first_part_s_did(monkeypatch):
    monkeypatch.setattr(backends, "_current", on_host.load((1,)))
    network = Network()
    sums = GradientSums(network)
    for _ in range(2):
        network.both.grad = np.moveaxis(np.ones((2, 4, 3), np.float32), -1, 1)
        sums.take()
    sums.put()
    assert np.array_equal(network.both.grad, np.full((2, 3, 4), 2))
    assert np.moveaxis(network.both.grad, 1, -1).flags.c_contiguous
