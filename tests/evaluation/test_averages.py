"""Averages and their spread."""

import itertools
import random
import statistics

import pytest

from mocogan_chainer.evaluation.averages import Average


def averaged(values):
    average = Average()
    for value in values:
        average.add(value)
    return average


def test_mean_and_spread():
    values = [3.0, 1.5, -2.0, 8.25, 0.0]
    found = averaged(values)
    assert found.count == 5
    assert found.mean == pytest.approx(statistics.mean(values), rel=1e-14)
    assert found.spread == pytest.approx(statistics.stdev(values) / 5**0.5, rel=1e-14)


def test_merged_in_any_order():
    draw = random.Random(0)
    values = [draw.gauss(1e6, 1) for _ in range(40)]
    parts = [values[:1], values[1:1], values[1:20], values[20:]]
    for order in itertools.permutations(parts):
        merged = Average()
        for part in order:
            merged.merge(averaged(part))
        assert merged.count == 40
        assert merged.mean == pytest.approx(statistics.mean(values), rel=1e-14)
        assert merged.spread == pytest.approx(statistics.stdev(values) / 40**0.5, rel=1e-8)


def test_the_spread_is_what_a_bootstrap_gives():
    draw = random.Random(1)
    values = [draw.expovariate(1) for _ in range(80)]
    again = [statistics.mean(draw.choices(values, k=80)) for _ in range(2000)]
    assert averaged(values).spread == pytest.approx(statistics.stdev(again), rel=0.1)


def test_too_few_for_a_spread():
    assert Average().spread is None and Average().count == 0
    assert averaged([2.0]).spread is None and averaged([2.0]).mean == 2
    assert averaged([2.0, 2.0]).spread == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite(value):
    average = averaged([1.0])
    with pytest.raises(ValueError, match="an average takes finite numbers"):
        average.add(value)
    assert (average.count, average.mean) == (1, 1.0)
