"""What the GPU's noise, rectifier and dropout promise beyond the protocol."""

import numpy as np
import pytest

from mocogan_chainer.backends import Noise, random
from mocogan_chainer.backends.cudnn.arrays import channels_last
from tests.backends.cudnn import on_host

KEY = 0xFEDCBA9876543210


@pytest.fixture(scope="module")
def backend():
    return on_host.load()


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


@pytest.mark.parametrize(
    ("key", "words"),
    [(0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)), (KEY, random.words(4096, KEY, np)[::1024])],
)
def test_words_to_the_last_bit(backend, key, words):
    """Those of key and counter 0 are published with Philox. A ratio just above a word drops its number."""
    ones = np.ones((1, 1, 4096), np.float32)
    for number, word in enumerate(words):
        kept, dropped = (backend.drop(ones, (int(word) + more) / 2**32, key)[0, 0, 1024 * number] for more in (0, 1))
        assert kept > 0
        assert dropped == 0


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_key_may_lie_on_the_device(backend, shape):
    x, key = channels_last(numbers(2, 3, 20, 50)), np.full(shape, KEY, np.uint64)
    here, there = Noise(KEY, 0.3), Noise(key, 0.3)
    three = np.ones(3, np.float32)
    constants = three, three, three, three, 1e-5, 0.2
    assert np.array_equal(backend.add_noise(x, here), backend.add_noise(x, there))
    assert np.array_equal(backend.rectify(x, 0.2, here)[0], backend.rectify(x, 0.2, there)[0])
    assert np.array_equal(backend.drop(x, 0.4, KEY), backend.drop(x, 0.4, key))
    assert np.array_equal(
        backend.normalize_rectify(x, *constants, here), backend.normalize_rectify(x, *constants, there)
    )
    key[...] = 1
    assert np.array_equal(backend.add_noise(x, there), backend.add_noise(x, Noise(1, 0.3)))


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_results_lie_in_channels_last_memory(backend, shape):
    x = numbers(*shape)
    y, positive = backend.rectify(x, 0.2, None)
    for result in (y, positive, backend.add_noise(x, Noise(1, 0.1)), backend.drop(x, 0.1, 1)):
        assert np.moveaxis(result, 1, -1).flags.c_contiguous


def test_a_gradient_in_another_order_than_the_mask(backend):
    """Chainer hands over broadcast gradients, whose strides are 0."""
    positive = numbers(2, 3, 4, 5) > 0
    gy = np.broadcast_to(np.float32(2), positive.shape)
    for mask in (positive, channels_last(positive), np.asfortranarray(positive)):
        assert np.array_equal(backend.rectify_backward(mask, gy, 0.25), np.where(positive, 2, 0.5))
