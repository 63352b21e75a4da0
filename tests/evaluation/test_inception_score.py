"""The Inception Score against hand-made distributions and naive loops."""

import itertools
import math

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.inception_score import inception_score


def score(probabilities, splits=1, **options):
    return inception_score(np.asarray(probabilities), splits=splits, seed=0, **options)


def naive(probabilities):
    """exp of the mean divergence from the mean, term by term; 0 log 0 is 0."""
    n, k = len(probabilities), len(probabilities[0])
    marginal = [sum(row[j] for row in probabilities) / n for j in range(k)]
    total = 0.0
    for row in probabilities:
        for j in range(k):
            if row[j] > 0:
                total += row[j] * math.log(row[j] / marginal[j])
    return math.exp(total / n)


def random_probabilities(n, k, sharpness=2.0):
    logits = sharpness * np.random.default_rng(0).standard_normal((n, k))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 7, 101])
def test_every_class_surely_and_as_often(classes):
    found = score(np.tile(np.eye(classes), (3, 1)))
    assert found.value == pytest.approx(classes, rel=1e-12)


def test_one_class_alone():
    assert score(np.eye(5)[np.zeros(10, int)]).value == pytest.approx(1, abs=1e-12)


def test_nothing_known():
    assert score(np.full((10, 8), 1 / 8)).value == pytest.approx(1, abs=1e-12)


def test_by_hand():
    """Half of the samples are (0.9, 0.1), half (0.1, 0.9): log 2 less the entropy of (0.9, 0.1)."""
    expected = 2 * 0.9**0.9 * 0.1**0.1
    assert score([[0.9, 0.1], [0.1, 0.9]] * 5).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(40, 1), (40, 4), (41, 4), (43, 5)])
def test_against_loops(n, splits):
    """Parts follow one another and are of one length to within one."""
    probabilities = random_probabilities(n, 6)
    found = score(probabilities, splits)
    sizes = [n // splits + (i < n % splits) for i in range(splits)]
    starts = np.cumsum([0, *sizes])
    expected = [naive(probabilities[a:b].tolist()) for a, b in itertools.pairwise(starts)]
    np.testing.assert_allclose(found.parts, expected, rtol=1e-12)
    assert found.value == pytest.approx(sum(expected) / splits)
    assert found.deviation == pytest.approx(
        math.sqrt(sum((e - sum(expected) / splits) ** 2 for e in expected) / splits)
    )


def test_the_epsilon_stands_inside_the_logarithms():
    epsilon = 0.01
    rows = [[1.0, 0.0], [0.0, 1.0]]
    expected = math.exp(math.log(1 + epsilon) - math.log(0.5 + epsilon))
    assert score(rows, epsilon=epsilon).value == pytest.approx(expected, rel=1e-12)


def test_float32_softmax():
    probabilities = random_probabilities(50, 101, 20.0).astype(np.float32)
    assert score(probabilities).value == pytest.approx(naive(probabilities.astype(float).tolist()), rel=1e-6)


class TestSpread:
    @pytest.mark.parametrize("splits", [1, 3])
    def test_against_drawing_again(self, splits):
        probabilities = random_probabilities(120, 4)
        rng, n = np.random.default_rng(1), 120 // splits
        parts = np.split(probabilities, splits)
        again = [np.mean([naive(part[rng.integers(n, size=n)].tolist()) for part in parts]) for _ in range(300)]
        assert score(probabilities, splits, resamples=1000).spread == pytest.approx(np.std(again), rel=0.2)

    def test_seeds(self):
        probabilities = random_probabilities(30, 4)
        first, second, other = (inception_score(probabilities, splits=2, seed=seed) for seed in (3, 3, 4))
        assert first == second
        assert first.parts == other.parts and first.spread != other.spread

    def test_none_where_all_are_equal(self):
        assert score(np.full((10, 8), 1 / 8)).spread == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("splits", [0, -1, 6])
def test_too_many_parts(splits):
    with pytest.raises(
        DataError, match=f"splits={splits}: it must be at least 1, and each part needs at least 2 of the 11 samples"
    ):
        score(np.full((11, 2), 0.5), splits)


@pytest.mark.parametrize("row", [[0.5, 0.6], [1.5, -0.5], [np.nan, 0.5], [np.inf, 0]])
def test_what_is_no_distribution(row):
    with pytest.raises(DataError, match="1 of 4 samples have class probabilities that are no distribution"):
        score([[0.5, 0.5], row, [1, 0], [0, 1]])


@pytest.mark.parametrize("shape", [(4,), (0, 3), (2, 2, 2)])
def test_another_shape(shape):
    with pytest.raises(ValueError, match=r"they must be \(N, K\)"):
        score(np.ones(shape))
