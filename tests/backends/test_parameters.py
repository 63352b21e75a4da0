"""Updates of many arrays at once on every backend, against formulas in float64."""

import numpy as np
import pytest

from mocogan_chainer.backends import AdamState, NonFiniteRecord

SETTINGS = {"beta1": 0.5, "beta2": 0.999, "eps": 1e-8}
SHAPES = [(), (1,), (3, 5), (64,), (4096,), (4097,), (2, 3, 4, 5), (70, 64, 4, 1)]
ORDERS = "CFL"


def arrange(a, order):
    """In C, Fortran or channels-last memory."""
    if order == "L" and a.ndim > 1:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
    return np.asarray(a, order="F" if order == "F" else "C")


def parameters(shapes, order="C", gradient_order="C", dtype=np.float32):
    rng = np.random.default_rng(0)

    def one(shape):
        w, g, m = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(3))
        v = np.asarray(rng.random(shape), dtype)
        return AdamState(arrange(w, order), arrange(g, gradient_order), arrange(m, order), arrange(v, order))

    return [one(shape) for shape in shapes]


def float64_adam(p, rate, decay):
    """w, m and v after an update."""
    w, g, m, v = (a.astype(float) for a in (p.w, p.g, p.m, p.v))
    g = g + decay * w
    m = SETTINGS["beta1"] * m + (1 - SETTINGS["beta1"]) * g
    v = SETTINGS["beta2"] * v + (1 - SETTINGS["beta2"]) * g**2
    return w - rate * m / (np.sqrt(v) + SETTINGS["eps"]), m, v


def check_adam(backend, given, rate, decay=0.0):
    expected = [float64_adam(p, float(np.asarray(rate).reshape(())), decay) for p in given]
    gradients = [p.g.copy() for p in given]
    backend.adam(given, rate=rate, **SETTINGS, decay=decay)
    for p, results, g in zip(given, expected, gradients, strict=True):
        for actual, result in zip((p.w, p.m, p.v), results, strict=True):
            np.testing.assert_allclose(actual, result, rtol=2e-6, atol=1e-6)
        assert np.array_equal(p.g, g)


class TestAdam:
    @pytest.mark.parametrize("decay", [0.0, 0.1])
    @pytest.mark.parametrize("on_device", [False, True])
    def test_of_many(self, backend, on_device, decay):
        check_adam(backend, parameters(SHAPES), np.array([0.01]) if on_device else 0.01, decay)

    def test_of_more_than_a_kernel_takes(self, backend):
        check_adam(backend, parameters([(n % 5 + 1, 3) for n in range(200)]), 0.01)

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("gradient_order", ORDERS)
    def test_in_any_memory(self, backend, order, gradient_order):
        check_adam(backend, parameters([(3, 4, 5, 6), (7, 1, 5), (2, 5)], order, gradient_order), 0.01)

    def test_where_moments_lie_in_another_order(self, backend):
        (c,), (f,) = parameters([(3, 4, 5)]), parameters([(3, 4, 5)], "F")
        check_adam(backend, [AdamState(c.w, c.g, f.m, c.v)], 0.01)

    def test_of_parts_of_arrays(self, backend):
        """What lies beside them stays; such parts begin at any address."""
        whole = np.random.default_rng(0).random((4, 40), np.float32)
        before = whole.copy()
        check_adam(
            backend, [AdamState(*(row[3:12] for row in whole)), AdamState(*(row[21:39:2] for row in whole))], 0.01
        )
        touched = np.zeros(40, bool)
        touched[3:12] = touched[21:39:2] = True
        assert np.array_equal(whole[:, ~touched], before[:, ~touched])

    @pytest.mark.parametrize("odd", range(4))
    def test_of_one_part_among_whole_arrays(self, backend, odd):
        (p,), part = parameters([(40,)]), np.random.default_rng(1).random(41, np.float32)[1:]
        arrays = [part if number == odd else a for number, a in enumerate((p.w, p.g, p.m, p.v))]
        check_adam(backend, [AdamState(*arrays)], 0.01)
        averages = parameters([(40,)])[0].w, part
        for average, value in (averages, averages[::-1]):
            expected = 0.9 * average.astype(float) + 0.1 * value
            backend.move_average([average], [value], 0.9)
            np.testing.assert_allclose(average, expected, rtol=1e-6, atol=2e-7)

    def test_of_float64_beside_float32(self, backend):
        check_adam(backend, parameters([(3, 4)]) + parameters([(3, 4), (5,)], dtype=np.float64), 0.01)

    def test_of_none(self, backend):
        backend.adam([], rate=0.01, **SETTINGS, decay=0.0)


class TestAdamRate:
    @pytest.mark.parametrize("count", [0, 1, 9, 100_000])
    @pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
    def test_counts_and_corrects(self, backend, count, beta1):
        counter, alpha = np.array([count]), np.array([2e-4])
        rate = backend.adam_rate(counter, alpha, beta1, 0.999)
        n = count + 1
        assert (counter.tolist(), alpha.tolist()) == ([n], [2e-4])
        assert (rate.dtype, rate.shape) == (np.float64, (1,))
        assert rate[0] == pytest.approx(2e-4 * (1 - 0.999**n) ** 0.5 / (1 - beta1**n), rel=1e-13)

    def test_goes_into_adam(self, backend):
        rate = backend.adam_rate(np.array([3]), np.array([1e-3]), 0.5, 0.999)
        check_adam(backend, parameters([(3, 5)]), rate)


class TestMoveAverage:
    @pytest.mark.parametrize("decay", [0.0, 0.25, 0.999])
    @pytest.mark.parametrize("on_device", [False, True])
    def test_equals_the_formula(self, backend, on_device, decay):
        self.check(backend, [p.w for p in parameters(SHAPES)], [p.m for p in parameters(SHAPES)], decay, on_device)

    def test_of_more_than_a_kernel_takes(self, backend):
        many = parameters([(n % 5 + 1, 3) for n in range(200)])
        self.check(backend, [p.w for p in many], [p.m for p in many], 0.9, False)

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("value_order", ORDERS)
    def test_in_any_memory(self, backend, order, value_order):
        given = parameters([(3, 4, 5, 6), (7, 1, 5)], order, value_order)
        self.check(backend, [p.w for p in given], [p.g for p in given], 0.9, False)

    @pytest.mark.parametrize("on_device", [False, True])
    def test_of_float64_beside_float32(self, backend, on_device):
        given = parameters([(3, 4)]) + parameters([(3, 4)], dtype=np.float64)
        self.check(backend, [p.w for p in given], [p.m for p in given], 0.999, on_device)

    def test_of_none(self, backend):
        backend.move_average([], [], 0.9)

    def check(self, backend, averages, values, decay, on_device):
        expected = [decay * a.astype(float) + (1 - decay) * b for a, b in zip(averages, values, strict=True)]
        before = [b.copy() for b in values]
        backend.move_average(averages, values, np.array([decay]) if on_device else decay)
        for average, result, value, was in zip(averages, expected, values, before, strict=True):
            np.testing.assert_allclose(average, result, rtol=1e-6, atol=2e-7)
            assert np.array_equal(value, was)


class TestAdd:
    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("other", ORDERS)
    def test_in_any_memory(self, backend, order, other):
        """Sums lie as the first ones do, also for the third who adds to them."""
        given = parameters([*SHAPES, (3, 4, 5, 6), (7, 1, 5)], order, other)
        firsts, seconds = [p.w for p in given], [p.g for p in given]
        before = [(w.copy(), g.copy()) for w, g in zip(firsts, seconds, strict=True)]
        for total, first, second, (w, g) in zip(backend.add(firsts, seconds), firsts, seconds, before, strict=True):
            assert np.array_equal(total, w + g) and np.array_equal(first, w) and np.array_equal(second, g)
            assert total.strides == first.strides and not np.shares_memory(total, first)

    def test_of_more_than_a_kernel_takes(self, backend):
        given = parameters([(n % 5 + 1, 3) for n in range(200)])
        for total, p in zip(backend.add([p.w for p in given], [p.g for p in given]), given, strict=True):
            assert np.array_equal(total, p.w + p.g)

    def test_of_parts_and_of_what_has_no_memory(self, backend):
        whole = np.random.default_rng(0).random((2, 40), np.float32)
        first, second = whole[0, 3:12], whole[1, 21:39:2]
        constant = np.broadcast_to(np.float32(0.5), 9)
        for a, b in ((first, second), (second, first), (constant, first), (first, constant)):
            assert np.array_equal(backend.add([a], [b])[0], a + b)

    def test_of_other_floats_and_of_none(self, backend):
        (total,) = backend.add([np.array([0.1])], [np.array([0.2])])
        assert (total.dtype, total[0]) == (np.float64, 0.1 + 0.2)
        assert backend.add([], []) == []


class TestWatch:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("shape", SHAPES)
    def test_notes_the_first_step_with_such_a_number(self, backend, shape, value):
        """At the first, the last or any other place; whatever the array holds later."""
        arrays, record = [np.ones(shape, np.float32) for _ in range(4)], empty_record(4)
        for step, spoiled in ((1, ()), (2, (0, 3)), (3, (0, 2)), (4, ())):
            for number, array in enumerate(arrays):
                array[...] = 1
                if number in spoiled:
                    array.reshape(-1)[[0, -1, 0, array.size // 2][number]] = value
            backend.note_non_finite(arrays, np.array([step]), record)
        assert record.since.tolist() == [2, 0, 3, 2]

    def test_keeps_a_single_number_and_the_one_before(self, backend):
        record = empty_record(3)
        for step, numbers in enumerate([(1, np.inf, 5), (2, 7, 6), (np.nan, 8, 3e38), (4, np.nan, -3e38)], 1):
            backend.note_non_finite([np.array(number, np.float32) for number in numbers], np.array([step]), record)
        assert record.since.tolist() == [3, 1, 0]
        np.testing.assert_array_equal(record.value[:2], np.float32([np.nan, np.inf]))
        np.testing.assert_array_equal(record.last, np.float32([2, np.nan, -3e38]))

    def test_of_more_than_a_kernel_takes(self, backend):
        arrays, record = [np.ones(n % 7 + 1, np.float32) for n in range(200)], empty_record(200)
        for number in (0, 79, 80, 81, 160, 199):
            arrays[number][-1] = np.nan
        backend.note_non_finite(arrays, np.array([9]), record)
        assert np.flatnonzero(record.since == 9).tolist() == [0, 79, 80, 81, 160, 199]

    @pytest.mark.parametrize("order", ORDERS)
    def test_in_any_memory(self, backend, order):
        arrays = [arrange(np.ones((3, 4, 5, 6), np.float32), order) for _ in range(2)]
        arrays[1][2, 1, 3, 5] = np.nan
        record = empty_record(2)
        backend.note_non_finite(arrays, np.array([1]), record)
        assert record.since.tolist() == [0, 1]

    def test_of_parts_of_arrays(self, backend):
        """What lies beside them is not looked at; such parts begin at any address."""
        whole = np.full((2, 40), np.nan, np.float32)
        whole[0, 3:12] = whole[1, 21:39:2] = 1
        record = empty_record(2)
        backend.note_non_finite([whole[0, 3:12], whole[1, 21:39:2]], np.array([1]), record)
        assert record.since.tolist() == [0, 0]

    def test_of_other_floats_and_of_none(self, backend):
        record = empty_record(2)
        backend.note_non_finite([np.array([1, np.nan]), np.ones(0, np.float32)], np.array([1]), record)
        assert record.since.tolist() == [1, 0]
        backend.note_non_finite([], np.array([1]), empty_record(0))


def empty_record(count):
    return NonFiniteRecord(np.zeros(count, np.int64), np.zeros(count, np.float32), np.full(count, np.nan, np.float32))
