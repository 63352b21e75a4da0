"""The networks of the published layout compute what PyTorch computes, forward and backward, for the same weights."""

from pathlib import Path

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.models.mocogan.codes import Codes
from tests.models.mocogan import numbered

NUMBERS = Path(__file__).with_name("numbers.npz")
"""Made by torch_numbers.py."""


pytestmark = pytest.mark.usefixtures("each_cpu_backend")


@pytest.fixture(scope="module")
def close():
    """``close(array, name)``: PyTorch's number of that name is the same to rounding."""
    with np.load(NUMBERS) as file:
        numbers = dict(file)

    def close(array, name):
        expected, actual = numbers[name], numbered.part(array)
        scale = np.abs(expected).max()
        assert np.median(np.abs(expected)) > 1e-3 * scale > 0  # there is something to compare
        np.testing.assert_allclose(actual / scale, expected / scale, rtol=1e-4, atol=2e-5, err_msg=name)

    return close


def test_generator_in_evaluation(close):
    with chainer.using_config("train", False):
        close(numbered.network("generator").videos(Codes(*numbered.codes())).array, "generator/eval")


def test_generator_in_training(close):
    network = numbered.network("generator")
    backend = backends.current()
    backends.use("stock")  # forward, so that no backend's rounding turns a ReLU that is near 0
    y = network.videos(Codes(*numbered.codes()))
    backends._current = backend
    network.cleargrads()
    F.sum(y**2).backward()
    close(y.array, "generator/train")
    close(network.blocks[0].conv.W.grad, "generator/gradient of the first weights")
    close(network.motion.W_h.grad, "generator/gradient of the GRU's weights")


@pytest.mark.parametrize("name", numbered.DISCRIMINATORS)
def test_discriminators(close, name):
    x = numbered.inputs(name)
    with chainer.using_config("train", False):
        close(numbered.network(name)(x).array, f"{name}/eval")
    network, x = numbered.network(name), chainer.Variable(x)
    backend = backends.current()
    backends.use("stock")
    y = network(x)
    backends._current = backend
    network.cleargrads()
    F.sum(y**2).backward()
    close(y.array, f"{name}/train")
    close(x.grad, f"{name}/gradient of the input")
    close(network.blocks[0].conv.W.grad, f"{name}/gradient of the first weights")
