"""Dropout: which numbers fall is decided by Philox words in plain integers, on every backend."""

import chainer
import numpy as np
import pytest
from chainer import gradient_check

from mocogan_chainer import backends
from mocogan_chainer.functions import dropout

KEY = 0xFEDCBA9876543210
SHAPES = [(2, 3), (2, 5, 7), (3, 4, 20, 30), (1, 2, 3, 4, 5)]


@pytest.fixture(params=["stock", "onednn"], autouse=True)
def _backend(request, monkeypatch):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(request.param)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def falls(shape, ratio, key=KEY):
    """Number i of channels-last memory falls by word i // 1024 % 4 of counter 1024 (i // 4096) + i % 1024."""
    n, c, *size = shape
    out = np.empty((n, *size, c), bool)
    flat = out.reshape(-1)
    for i in range(flat.size):
        flat[i] = philox(i // 4096 * 1024 + i % 1024, key)[i // 1024 % 4] < ratio * 2**32
    return np.moveaxis(out, -1, 1)


def philox(counter, key):
    """Philox4x32-10 as published (Salmon et al. 2011), of a counter below 2**32."""
    word = 2**32 - 1
    c, k = [counter, 0, 0, 0], [key & word, key >> 32]
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [high >> 32 ^ c[1] ^ k[0], high & word, low >> 32 ^ c[3] ^ k[1], low & word]
        k = [(k[0] + 0x9E3779B9) & word, (k[1] + 0xBB67AE85) & word]
    return c


@pytest.mark.parametrize("ratio", [0.5, 0.2])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_words_of_the_key_decide(shape, ratio):
    x = chainer.Variable(random(*shape).astype(np.float32))
    gone = falls(shape, ratio)
    y = dropout(x, ratio, KEY)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.array, np.where(gone, 0, x.array / (1 - ratio)), rtol=1e-6)
    y.grad = gy = random(*shape, seed=1).astype(np.float32)
    y.backward()
    np.testing.assert_allclose(x.grad, np.where(gone, 0, gy / (1 - ratio)), rtol=1e-6)


def test_does_not_depend_on_the_memory_order():
    x = random(2, 3, 4, 5).astype(np.float32)
    orders = (x, np.asfortranarray(x), np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1))
    results = [dropout(a, 0.5, KEY).array for a in orders]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_as_many_fall_as_asked():
    ones = np.ones((4, 64, 32, 32), np.float32)
    for ratio in (0.1, 0.5, 0.9):
        share = (dropout(ones, ratio, KEY).array == 0).mean()
        assert abs(share - ratio) < 4 * (ratio * (1 - ratio) / ones.size) ** 0.5


def test_keys_choose_alone():
    ones = np.ones((4, 16, 32, 32), np.float32)
    a, b = (dropout(ones, 0.5, key).array == 0 for key in (KEY, KEY + 1))
    assert abs((a & b).mean() - 0.25) < 4 * (0.25 * 0.75 / ones.size) ** 0.5


def test_without_a_key_nothing_falls():
    x = chainer.Variable(random(2, 3, 4, 4).astype(np.float32))
    for y in (dropout(x, 0.5, None), dropout(x, 0, KEY)):
        assert np.array_equal(y.array, x.array)


def test_second_gradients():
    x, gy, ggx = (random(2, 3, 4, 5, seed=seed) for seed in range(3))

    def squared(x):
        return dropout(x, 0.3, KEY) ** 2

    gradient_check.check_backward(lambda x: dropout(x, 0.3, KEY), x, gy, dtype=np.float64)
    gradient_check.check_double_backward(squared, x, gy, ggx, dtype=np.float64, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("ratio", [-0.1, 1, 1.5])
def test_refuses_a_ratio_out_of_range(ratio):
    with pytest.raises(ValueError, match=f"ratio={ratio}: .* at least 0 and less than 1"):
        dropout(np.ones((2, 3), np.float32), ratio, KEY)
