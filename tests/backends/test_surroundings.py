"""What surrounds convolutions, on every backend, against formulas in float64."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocogan_chainer.backends import AdamState, Noise, RunningStatistics, random, stock

KEY = 0xFEDCBA9876543210
NOISE = Noise(KEY, 0.3)
SLOPES = (0, 0.2, 1)

ORDERS = "CFLS"
SIZES = [  # on both sides of blocks of 4096 numbers and of the blocks of rows, in one thread's part or several
    (1, 1, 4096),
    (1, 1, 4097),
    (2, 1, 100, 100),
    (2, 3, 60, 61),
    (1, 7, 5, 29, 31),
    (5, 64, 13, 13),
    (2, 64, 2, 8, 8),
    (300, 64),
    (1, 5000, 3),
]
FEW = settings(max_examples=30, deadline=None, derandomize=True)


def arrange(a, order):
    """The same numbers in C, Fortran or channels-last memory, or as a slice with gaps."""
    if order == "L":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
    if order == "S":
        wide = np.full([2 * n + 1 for n in a.shape], np.nan, a.dtype)
        part = wide[tuple(slice(1, None, 2) for _ in a.shape)]
        part[...] = a
        return part
    return np.asarray(a, order=order)


def numbers(shape, order="C", seed=0):
    """Float32 numbers, none of them close to 0."""
    a = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return arrange(a + np.copysign(np.float32(0.01), a), order)


def channel_parameters(channels):
    """Gamma, of either sign, and beta."""
    rng = np.random.default_rng(1)
    return (rng.standard_normal(channels, np.float32) + np.float32(0.1) for _ in range(2))


@st.composite
def inputs(draw):
    shape = (
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 3, 7, 64])),
        *draw(st.lists(st.integers(1, 6), max_size=3)),
    )
    return numbers(shape, draw(st.sampled_from(ORDERS)))


def float64_noise(shape, noise):
    """What is to be added: number i of the stream goes to position i of (N, *size, C)."""
    if noise is None:
        return 0.0
    stream = random.normal(np.prod(shape), noise.key, np).astype(float)
    out = np.empty(shape)
    strides = {1: 1}
    for axis in (*range(len(shape) - 1, 1, -1), 0):
        strides[axis] = np.prod([shape[a] for a in strides], dtype=int)
    for place in np.ndindex(shape):
        out[place] = stream[sum(i * strides[axis] for axis, i in enumerate(place))]
    return noise.sigma * out


def float64_moments(x):
    """Each channel's mean and biased variance."""
    channels = [x[:, c].astype(float).ravel() for c in range(x.shape[1])]
    return np.array([a.mean() for a in channels]), np.array([((a - a.mean()) ** 2).mean() for a in channels])


def along_channels(a, x):
    return np.asarray(a, float).reshape(1, -1, *(1,) * (x.ndim - 2))


def float64_rectify(x, slope):
    return np.where(x > 0, x, slope * x)


def float64_normalize_rectify(x, gamma, beta, mean, variance, eps, slope):
    gamma, beta, mean, variance = (along_channels(a, x) for a in (gamma, beta, mean, variance))
    return float64_rectify((x.astype(float) - mean) / np.sqrt(variance + eps) * gamma + beta, slope)


def float64_normalize_rectify_backward(x, gy, gamma, beta, eps, slope):
    """The gradients by the derivatives of mean and variance, channel by channel."""
    gx, ggamma, gbeta = np.empty(x.shape), np.empty(x.shape[1]), np.empty(x.shape[1])
    for c in range(x.shape[1]):
        values, g = x[:, c].astype(float), gy[:, c].astype(float)
        deviation = np.sqrt(values.var() + eps)
        normal = (values - values.mean()) / deviation
        g = np.where(normal * gamma[c] + beta[c] > 0, g, slope * g)
        ggamma[c], gbeta[c] = (g * normal).sum(), g.sum()
        by_variance = (g * gamma[c] * (values - values.mean())).sum() * -0.5 / deviation**3
        by_mean = -(g * gamma[c]).sum() / deviation
        gx[:, c] = g * gamma[c] / deviation + by_variance * 2 * (values - values.mean()) / g.size + by_mean / g.size
    return gx, ggamma, gbeta


def assert_close(actual, expected, tolerance=1e-5):
    """Equal in dtype, shape and, relative to the largest, in value."""
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * max(np.abs(expected).max(), 1e-3)


class TestAddNoise:
    @FEW
    @given(x=inputs())
    def test_equals_the_formula(self, backend, x):
        before = x.copy()
        assert_close(backend.add_noise(x, NOISE), x.astype(float) + float64_noise(x.shape, NOISE))
        assert np.array_equal(x, before)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        x = numbers(shape, "L")
        assert_close(backend.add_noise(x, NOISE), x.astype(float) + float64_noise(shape, NOISE))

    def test_is_the_reference_stream(self, backend):
        x = np.zeros((2, 3, 40, 41), np.float32)
        noise = Noise(KEY, 1.0)
        np.testing.assert_allclose(backend.add_noise(x, noise), stock.add_noise(x, noise), atol=1e-5)

    def test_of_no_size_adds_nothing(self, backend):
        x = numbers((2, 3, 4))
        assert np.array_equal(backend.add_noise(x, Noise(KEY, 0.0)), x)


class TestRectify:
    @FEW
    @given(x=inputs(), slope=st.sampled_from(SLOPES), noise=st.sampled_from([None, NOISE]))
    def test_equals_the_formula(self, backend, x, slope, noise):
        before = x.copy()
        y = float64_rectify(x.astype(float), slope) + float64_noise(x.shape, noise)
        assert_close(backend.rectify(x, slope, noise)[0], y)
        assert np.array_equal(x, before)

    @FEW
    @given(x=inputs(), slope=st.sampled_from(SLOPES), order=st.sampled_from(ORDERS))
    def test_backward_equals_the_formula(self, backend, x, slope, order):
        gy = numbers(x.shape, order, seed=2)
        gx = gy * np.where(x > 0, 1.0, slope)
        assert_close(backend.rectify_backward(x > 0, gy, slope), gx, 1e-6)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        x, gy = numbers(shape, "L"), numbers(shape, "L", seed=2)
        assert_close(backend.rectify(x, 0.2, None)[0], float64_rectify(x.astype(float), 0.2))
        assert_close(backend.rectify(x, 0.2, NOISE)[0], float64_rectify(x, 0.2) + float64_noise(shape, NOISE))
        assert_close(backend.rectify_backward(x > 0, gy, 0.2), gy * np.where(x > 0, 1.0, 0.2))

    def test_at_zero(self, backend):
        x = np.array([[0.0, -0.0, 1e-30, -1e-30]], np.float32)
        gy = np.full((1, 4), 5, np.float32)
        np.testing.assert_allclose(backend.rectify(x, 0.5, None)[0], [[0, 0, 1e-30, -5e-31]], atol=0, rtol=1e-6)
        np.testing.assert_allclose(backend.rectify_backward(x > 0, gy, 0.5), [[2.5, 2.5, 5, 2.5]])

    def test_lets_a_broken_number_be_seen(self, backend):
        x = np.array([[1.0, np.nan, -1.0]], np.float32)
        assert np.isnan(backend.rectify(x, 0.2, None)[0]).tolist() == [[False, True, False]]


class TestDrop:
    @FEW
    @given(x=inputs(), ratio=st.sampled_from([0.0, 0.25, 0.9]))
    def test_equals_the_formula(self, backend, x, ratio):
        self.check(backend, x, ratio)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        self.check(backend, numbers(shape, "L"), 0.5)

    def check(self, backend, x, ratio):
        before = x.copy()
        words = random.words(x.size, KEY, np).reshape(x.shape[0], *x.shape[2:], x.shape[1])
        stays = np.moveaxis(words, -1, 1) >= ratio * 2**32
        assert_close(backend.drop(x, ratio, KEY), np.where(stays, x.astype(float) / (1 - ratio), 0), 1e-6)
        assert np.array_equal(x, before)


class TestMoments:
    @FEW
    @given(x=inputs())
    def test_equal_the_formula(self, backend, x):
        for actual, expected in zip(backend.moments(x), float64_moments(x), strict=True):
            assert_close(actual, expected)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        for actual, expected in zip(backend.moments(numbers(shape, "L")), float64_moments(numbers(shape)), strict=True):
            assert_close(actual, expected)

    def test_of_one_number_a_channel(self, backend):
        mean, variance = backend.moments(np.array([[3.0, -2.0]], np.float32))
        assert (mean.tolist(), variance.tolist()) == ([3, -2], [0, 0])

    @pytest.mark.parametrize("deviation", [1.0, 0.1])
    @pytest.mark.parametrize("shape", [(2, 1, 100, 100), (2, 3, 60, 61), (5, 64, 13, 13)])
    def test_far_from_zero(self, backend, shape, deviation):
        """A sum of squares less the square of the mean, or a mean summed up carelessly, would lose the variance."""
        x = (1000.3 + deviation * np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
        mean, variance = backend.moments(arrange(x, "L"))
        expected_mean, expected_variance = float64_moments(x)
        np.testing.assert_allclose(variance, expected_variance, rtol=1e-3)
        np.testing.assert_allclose(mean, expected_mean, atol=0.02 * deviation)

    @pytest.mark.parametrize("decay", [0.9, 0.0])
    @pytest.mark.parametrize("shape", [*SIZES, (1, 3)])
    def test_running_ones_follow(self, backend, shape, decay):
        """By the unbiased variance; that of a single number stays 0."""
        x, count = numbers(shape), prod(shape) // shape[1]
        running = RunningStatistics(*np.random.default_rng(1).random((2, shape[1]), np.float32), decay)
        before, (mean, variance) = [running.mean.copy(), running.variance.copy()], float64_moments(x)
        towards = mean, variance * count / max(count - 1, 1)
        found = backend.moments(arrange(x, "L"), running=running)
        for actual, expected in zip(found, (mean, variance), strict=True):
            assert_close(actual, expected)
        for actual, was, value in zip((running.mean, running.variance), before, towards, strict=True):
            assert_close(actual, decay * was + (1 - decay) * value)

    def test_running_ones_of_other_floats_follow_too(self, backend):
        x, running = numbers((2, 3, 4, 5)), RunningStatistics(np.zeros(3), np.zeros(3), 0.5)
        mean, _ = backend.moments(x, running=running)
        np.testing.assert_allclose(running.mean, 0.5 * mean, rtol=1e-6)


class TestMomentsOfSamples:
    @FEW
    @given(x=inputs())
    def test_are_those_of_each_sample_alone(self, backend, x):
        self.check(backend, x)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        self.check(backend, numbers(shape, "L"))

    def check(self, backend, x):
        expected = zip(*(float64_moments(x[n : n + 1]) for n in range(len(x))), strict=True)
        for actual, rows in zip(backend.moments(x, by_sample=True), expected, strict=True):
            assert_close(actual, np.stack(rows))


class TestNormalizeRectify:
    @FEW
    @given(x=inputs(), slope=st.sampled_from(SLOPES), noise=st.sampled_from([None, NOISE]))
    def test_equals_the_formula(self, backend, x, slope, noise):
        gamma, beta = channel_parameters(x.shape[1])
        rng = np.random.default_rng(3)
        mean, variance = rng.standard_normal(x.shape[1], np.float32), rng.random(x.shape[1], np.float32)
        arguments = (x, gamma, beta, mean, variance, 0.01, slope)
        y = float64_normalize_rectify(*arguments) + float64_noise(x.shape, noise)
        assert_close(backend.normalize_rectify(*arguments, noise), y)

    @pytest.mark.parametrize("shape", SIZES)
    def test_sizes(self, backend, shape):
        x = numbers(shape, "L")
        arguments = (x, *channel_parameters(shape[1]), *(np.full(shape[1], v, np.float32) for v in (0.5, 2)), 1e-5, 0.2)
        y = float64_normalize_rectify(*arguments)
        assert_close(backend.normalize_rectify(*arguments, None), y)
        assert_close(backend.normalize_rectify(*arguments, NOISE), y + float64_noise(shape, NOISE))

    @FEW
    @given(x=inputs(), slope=st.sampled_from(SLOPES), order=st.sampled_from(ORDERS))
    def test_backward_equals_the_formula(self, backend, x, slope, order):
        self.check_backward(backend, x, numbers(x.shape, order, seed=2), slope)

    @pytest.mark.parametrize("shape", SIZES)
    def test_backward_sizes(self, backend, shape):
        self.check_backward(backend, numbers(shape, "L"), numbers(shape, "L", seed=2), 0.2)

    @pytest.mark.parametrize("shape", [(3, 5), (2, 3, 60, 61), (5, 64, 13, 13), (3, 7, 2, 5, 4)])
    @pytest.mark.parametrize("noise", [None, NOISE])
    def test_by_moments_of_samples(self, backend, shape, noise):
        x = numbers(shape, "L")
        gamma, beta = channel_parameters(shape[1])
        rng = np.random.default_rng(3)
        mean, variance = rng.standard_normal(shape[:2], np.float32), rng.random(shape[:2], np.float32)
        alone = [
            float64_normalize_rectify(x[n : n + 1], gamma, beta, mean[n], variance[n], 0.01, 0.2)
            for n in range(shape[0])
        ]
        y = backend.normalize_rectify(x, gamma, beta, mean, variance, 0.01, 0.2, noise)
        assert_close(y, np.concatenate(alone) + float64_noise(shape, noise))

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("shape", [(3, 5, 4), (2, 3, 60, 61), (5, 64, 13, 13), (3, 7, 2, 5, 4)])
    def test_backward_by_moments_of_samples(self, backend, shape, order):
        x, gy = numbers(shape, order), numbers(shape, order, seed=2)
        gamma, beta = channel_parameters(shape[1])
        moments = [float64_moments(x[n : n + 1]) for n in range(shape[0])]
        mean, variance = (np.stack(a).astype(np.float32) for a in zip(*moments, strict=True))
        actual = backend.normalize_rectify_backward(x, gy, gamma, beta, mean, variance, 0.01, 0.2)
        parts = [
            float64_normalize_rectify_backward(x[n : n + 1], gy[n : n + 1], gamma, beta, 0.01, 0.2)
            for n in range(shape[0])
        ]
        gx, ggamma, gbeta = zip(*parts, strict=True)
        for a, b in zip(actual, (np.concatenate(gx), sum(ggamma), sum(gbeta)), strict=True):
            assert_close(a, b, 2e-5)

    def check_backward(self, backend, x, gy, slope, eps=0.01):
        gamma, beta = channel_parameters(x.shape[1])
        mean, variance = (a.astype(np.float32) for a in float64_moments(x))
        actual = backend.normalize_rectify_backward(x, gy, gamma, beta, mean, variance, eps, slope)
        expected = float64_normalize_rectify_backward(x, gy, gamma, beta, eps, slope)
        for a, b in zip(actual, expected, strict=True):
            assert a.dtype == np.float32
            assert np.abs(a - b).max() <= 2e-5 * max(np.abs(expected[0]).max(), np.abs(b).max(), 1)

    @pytest.mark.parametrize("slope", SLOPES)
    @pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 1, 3, 4), (1, 2, 2, 3, 2)])
    def test_backward_equals_numerical_differentiation(self, backend, shape, slope):
        x, gy = numbers(shape), numbers(shape, seed=2)
        gamma, beta = channel_parameters(shape[1])
        mean, variance = backend.moments(x)
        actual = backend.normalize_rectify_backward(x, gy, gamma, beta, mean, variance, 0.01, slope)

        def loss(x, gamma, beta):
            return (gy * float64_normalize_rectify(x, gamma, beta, *float64_moments(x), 0.01, slope)).sum()

        point = [a.astype(float) for a in (x, gamma, beta)]
        for number, gradient in enumerate(actual):
            expected = np.empty(point[number].shape)
            for place in np.ndindex(expected.shape):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = [a.copy() for a in point]
                    moved[number][place] += step
                    ends.append(loss(*moved))
                expected[place] = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose(gradient, expected, atol=1e-4, rtol=1e-4)

    def test_far_from_zero(self, backend):
        """Its error is that of the input's own rounding, 3e-5 here."""
        x = arrange((1000.3 + np.random.default_rng(0).standard_normal((4, 8, 16, 16))).astype(np.float32), "L")
        gamma, beta = channel_parameters(8)
        mean, variance = (a.astype(np.float32) for a in float64_moments(x))
        arguments = (x, gamma, beta, mean, variance, 1e-5, 0.2)
        y = backend.normalize_rectify(*arguments, None)
        np.testing.assert_allclose(y, float64_normalize_rectify(*arguments), atol=5e-4)


ADAM = {"rate": 0.01, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8}


class TestAdam:
    @pytest.mark.parametrize("decay", [0, 1e-2])
    @pytest.mark.parametrize("shape", [(), (1,), (64,), (3, 5), (70, 64, 4, 4)])
    def test_equals_the_formula(self, backend, shape, decay):
        rng = np.random.default_rng(0)
        w = np.asarray(rng.standard_normal(shape), np.float32)
        m, v = np.zeros_like(w), np.zeros_like(w)
        w64, m64, v64 = (a.astype(float) for a in (w, m, v))
        start = w64
        for _ in range(4):
            g = np.asarray(rng.standard_normal(shape), np.float32)
            backend.adam([AdamState(w, g, m, v)], **ADAM, decay=decay)
            gradient = g.astype(float) + decay * w64
            m64 = 0.5 * m64 + 0.5 * gradient
            v64 = 0.999 * v64 + 0.001 * gradient**2
            w64 = w64 - 0.01 * m64 / (np.sqrt(v64) + 1e-8)
        np.testing.assert_allclose(m, m64, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(v, v64, rtol=4e-6, atol=1e-9)  # 0.001 is 1 - 0.999, not that of float32 numbers
        np.testing.assert_allclose(w, w64, rtol=1e-6, atol=1e-5 * np.abs(w64 - start).max())

    @pytest.mark.parametrize("order", ORDERS)
    def test_updates_any_memory_in_place(self, backend, order):
        start = numbers((3, 4, 5, 6))
        expected = [start.copy(), np.zeros_like(start), np.zeros_like(start)]
        g = numbers(start.shape, seed=2)
        stock.adam([AdamState(expected[0], g, *expected[1:])], **ADAM, decay=0.1)
        w, m, v = (arrange(a, order) for a in (start, np.zeros_like(start), np.zeros_like(start)))
        backend.adam([AdamState(w, arrange(g, order), m, v)], **ADAM, decay=0.1)
        for actual, reference in zip((w, m, v), expected, strict=True):
            np.testing.assert_allclose(actual, reference, rtol=1e-5, atol=1e-7)

    def test_leaves_the_gradient_alone(self, backend):
        w, m, v, g = (numbers((5, 4), seed=s) for s in range(4))
        before = g.copy()
        backend.adam([AdamState(w, g, m, v**2)], **ADAM, decay=0.1)
        assert np.array_equal(g, before)


def test_float64_goes_by_the_reference(backend):
    """Double precision is for checking; it must not be computed in single."""
    x, gy = numbers((2, 3, 4, 5)).astype(float), numbers((2, 3, 4, 5), seed=2).astype(float)
    gamma, beta = (a.astype(float) for a in channel_parameters(3))
    statistics = float64_moments(x)
    constants = (gamma, beta, *statistics, 0.01, 0.2)
    noise = float64_noise(x.shape, NOISE)
    pairs = [
        (backend.add_noise(x, NOISE), x + noise, 1e-6),  # the stream itself is float32
        (backend.rectify(x, 0.2, None)[0], float64_rectify(x, 0.2), 1e-14),
        (backend.rectify_backward(x > 0, gy, 0.2), gy * np.where(x > 0, 1, 0.2), 1e-14),
        *((a, b, 1e-13) for a, b in zip(backend.moments(x), statistics, strict=True)),
        (backend.normalize_rectify(x, *constants, None), float64_normalize_rectify(x, *constants), 1e-13),
    ]
    gradients = float64_normalize_rectify_backward(x, gy, gamma, beta, 0.01, 0.2)
    pairs += [
        (a, b, 1e-12) for a, b in zip(backend.normalize_rectify_backward(x, gy, *constants), gradients, strict=True)
    ]
    for actual, expected, tolerance in pairs:
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=tolerance)
    w, m, v = x.copy(), np.zeros_like(x), np.zeros_like(x)
    backend.adam([AdamState(w, gy, m, v)], **ADAM, decay=0.1)
    g = gy + 0.1 * x
    expected = x - 0.01 * (0.5 * g) / (np.sqrt(0.001 * g**2) + 1e-8)
    np.testing.assert_allclose(w, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0)])
def test_empty_arrays(backend, shape):
    x = np.empty(shape, np.float32)
    three = np.ones(3, np.float32)
    results = [
        backend.add_noise(x, NOISE),
        backend.rectify(x, 0.2, NOISE)[0],
        backend.rectify_backward(x > 0, x, 0.2),
        backend.normalize_rectify(x, three, three, three, three, 1e-5, 0.2, NOISE),
    ]
    assert [(r.shape, r.dtype) for r in results] == [(shape, np.float32)] * 4
    backend.adam([AdamState(x, x, x, x)], rate=0.1, beta1=0.5, beta2=0.9, eps=1e-8, decay=0.1)


def run_all(backend, x, gy):
    """The results of every function, on arrays of 64 channels or fewer."""
    gamma, beta = channel_parameters(x.shape[1])
    mean, variance = backend.moments(x)
    w, m, v = np.array(x, order="C"), np.zeros(x.shape, np.float32), np.zeros(x.shape, np.float32)
    backend.adam([AdamState(w, np.ascontiguousarray(gy), m, v)], **ADAM, decay=0.1)
    constants = (gamma, beta, mean, variance, 1e-5, 0.2)
    return [
        *(mean, variance, w, m, v),
        backend.add_noise(x, NOISE),
        backend.rectify(x, 0.2, NOISE)[0],
        backend.rectify_backward(x > 0, gy, 0.2),
        backend.normalize_rectify(x, *constants, NOISE),
        *backend.normalize_rectify_backward(x, gy, *constants),
    ]


@pytest.mark.parametrize("shape", [(2, 1, 150, 150), (4, 64, 30, 31)])
def test_gives_the_same_bits_again(backend, shape):
    x, gy = numbers(shape, "L"), numbers(shape, "L", seed=2)
    for first, second in zip(run_all(backend, x, gy), run_all(backend, x, gy), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (2, 7, 30, 31)])
def test_the_order_in_memory_does_not_matter(backend, shape):
    """Neither does it matter whether the input may be written to."""
    expected = run_all(backend, numbers(shape, "L"), numbers(shape, "L", seed=2))
    for order in "CFS":
        x, gy = numbers(shape, order), numbers(shape, order, seed=2)
        x.flags.writeable = gy.flags.writeable = False
        for actual, reference in zip(run_all(backend, x, gy), expected, strict=True):
            assert_close(actual, reference, 1e-5)


@pytest.mark.threads
@pytest.mark.parametrize("shape", [(2, 1, 150, 150), (2, 3, 100, 101), (4, 64, 30, 31)])
def test_the_number_of_threads_does_not_matter(shape):
    from mocogan_chainer.backends import onednn

    if not onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs a second core")
    backend = onednn.load()
    x, gy = numbers(shape, "L"), numbers(shape, "L", seed=2)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = run_all(backend, x, gy)
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
        together = run_all(backend, x, gy)
    finally:
        numba.set_num_threads(before)
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)
