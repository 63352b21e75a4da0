"""The noise stream against Philox in plain integers and Box-Muller in float64."""

import math

import numpy as np
import pytest

from mocogan_chainer.backends import Noise, random

KEY = 0x299F31D0A4093822
WORD = 0xFFFFFFFF


def plain_philox(counter, key):
    """Philox4x32-10 of four counter words and two key words, as published: a block of four words."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low = 0xD2511F53 * c[0]
        high = 0xCD9E8D57 * c[2]
        c = [high >> 32 ^ c[1] ^ k[0], high & WORD, low >> 32 ^ c[3] ^ k[1], low & WORD]
        k = [(k[0] + 0x9E3779B9) & WORD, (k[1] + 0xBB67AE85) & WORD]
    return c


def split(number):
    """The low and the high word of a 64-bit number."""
    return number & WORD, number >> 32


def plain_normal(index, key):
    """Number ``index`` of the stream, by the definition of its order."""
    block, place = divmod(index, 4096)
    word, counter = divmod(place, 1024)
    words = plain_philox((*split(block * 1024 + counter), 0, 0), split(key))
    a, b = words[:2] if word < 2 else words[2:]
    radius = math.sqrt(-2 * math.log(((a >> 8) + 1) / 2**24))
    angle = ((b >> 6) / 2**26 * 4 - 0.5) * math.pi / 2
    return radius * (math.sin(angle) if word % 2 else math.cos(angle))


def plain_word(index, key):
    """Word ``index`` of the stream, by the definition of its order."""
    block, place = divmod(index, 4096)
    word, counter = divmod(place, 1024)
    return plain_philox((*split(block * 1024 + counter), 0, 0), split(key))[word]


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_plain_philox_gives_the_published_words(counter, key, words):
    assert plain_philox(counter, key) == list(words)


@pytest.mark.parametrize("key", [0, 1, KEY, 2**64 - 1])
def test_philox(key):
    counters = [0, 1, 1023, 2**32 - 1, 2**32, 2**32 + 7, 0x85A308D3_243F6A88, 2**64 - 1]
    words = random.philox(np.array(counters, np.uint64), key)
    assert np.transpose(words).tolist() == [plain_philox((*split(c), 0, 0), split(key)) for c in counters]


def test_a_part_far_into_the_stream_is_made_with_its_own_counters():
    """Beyond the 64 blocks that are made at a time."""
    step = 64 * 4096
    numbers = random.normal(step + 5000, KEY, np)
    for index in (step - 1, step, step + 1, step + 1024, step + 4095, step + 4096, step + 4999):
        assert numbers[index] == pytest.approx(plain_normal(index, KEY), abs=2e-6)


def test_words():
    step = 64 * 4096
    words = random.words(step + 5000, KEY, np)
    assert words.dtype == np.uint32
    for index in (0, 1, 1023, 1024, 2047, 3072, 4095, 4096, step - 1, step, step + 1024, step + 4999):
        assert words[index] == plain_word(index, KEY)


@pytest.mark.parametrize(("ratio", "number"), [(0, 0), (0.25, 1 << 30), (0.5, 1 << 31), (1 - 1e-12, 2**32 - 1)])
def test_threshold(ratio, number):
    assert random.threshold(ratio) == number


def make(backend, size, key):
    """The first numbers of a stream, as the backend adds them."""
    return backend.add_noise(np.zeros((1, 1, size), np.float32), Noise(key, 1.0)).ravel()


class TestStream:
    @pytest.mark.parametrize("key", [0, KEY, 2**64 - 1])
    def test_numbers(self, backend, key):
        indexes = [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 3000, 3072, 4095, 4096, 5121, 8191, 8192, 12345]
        numbers = make(backend, 12346, key)
        assert numbers.dtype == np.float32
        assert numbers[indexes] == pytest.approx([plain_normal(i, key) for i in indexes], abs=5e-6)

    def test_every_number_of_a_block(self, backend):
        expected = [plain_normal(i, KEY) for i in range(4096)]
        np.testing.assert_allclose(make(backend, 4096, KEY), expected, atol=5e-6)

    @pytest.mark.parametrize("size", [1, 1023, 1025, 4095, 4096, 4097, 10000])
    def test_a_shorter_stream_is_the_beginning_of_a_longer_one(self, backend, size):
        assert np.array_equal(make(backend, size, KEY), make(backend, 12000, KEY)[:size])

    def test_moments(self, backend):
        numbers = make(backend, 400_000, KEY).astype(float)
        powers = [(numbers**p).mean() for p in range(1, 5)]
        deviations = [1, math.sqrt(2), math.sqrt(15), math.sqrt(96)]  # of N(0, 1)'s powers
        for mean, expected, deviation in zip(powers, (0, 1, 0, 3), deviations, strict=True):
            assert abs(mean - expected) < 4 * deviation / math.sqrt(numbers.size)

    def test_distribution(self, backend):
        """Kolmogorov-Smirnov: a distance of 1.95 / sqrt(n) has probability 0.001."""
        numbers = np.sort(make(backend, 100_000, KEY))
        below = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in numbers.tolist()])
        ranks = np.arange(numbers.size + 1) / numbers.size
        distance = max((ranks[1:] - below).max(), (below - ranks[:-1]).max())
        assert distance < 1.95 / math.sqrt(numbers.size)
        assert 4 < np.abs(numbers).max() < 6

    @pytest.mark.parametrize("lag", [1, 2, 1023, 1024, 2048, 3072, 4096])
    def test_numbers_of_a_stream_do_not_hang_together(self, backend, lag):
        numbers = make(backend, 300_000, KEY).astype(float)
        assert_uncorrelated(numbers[:-lag], numbers[lag:])
        assert_uncorrelated(numbers[:-lag] ** 2, numbers[lag:] ** 2)

    @pytest.mark.parametrize("other", [KEY + 1, KEY ^ 1 << 32, KEY ^ 1 << 63, split(KEY)[0] << 32 | split(KEY)[1]])
    def test_streams_do_not_hang_together(self, backend, other):
        assert_uncorrelated(*(make(backend, 300_000, key).astype(float) for key in (KEY, other)))


def assert_uncorrelated(a, b):
    correlation = np.corrcoef(a, b)[0, 1]
    assert abs(correlation) < 4 / math.sqrt(a.size)
