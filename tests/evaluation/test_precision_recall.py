"""Precision and recall on sets whose clusters are known, and against a curve computed term by term."""

import math

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.precision_recall import curve, f_score, precision_recall


def points(*counts, modes=20):
    """Equal points at some of 20 places far apart, ``counts`` many at each."""
    places = 100 * np.eye(modes)
    return np.repeat(places[: len(counts)], counts, axis=0)


def compare(evaluated, reference, **options):
    return precision_recall(evaluated=evaluated, reference=reference, seed=0, **{"runs": 2, "starts": 2, **options})


def naive_curve(evaluated, reference, angles):
    """Definition 3.2 of the paper, and its algorithm's slopes, term by term."""
    precisions, recalls = [], []
    for i in range(angles):
        slope = math.tan(1e-10 + i * (math.pi / 2 - 2e-10) / (angles - 1))
        precisions.append(sum(min(slope * p, q) for p, q in zip(reference, evaluated, strict=True)))
        recalls.append(sum(min(p, q / slope) for p, q in zip(reference, evaluated, strict=True)))
    return precisions, recalls


def naive_f(precisions, recalls, beta):
    best = 0.0
    for p, r in zip(precisions, recalls, strict=True):
        if p + r > 0:
            best = max(best, (1 + beta**2) * p * r / (beta**2 * p + r))
    return best


def test_identical_sets():
    found = compare(points(*[5] * 20), points(*[5] * 20))
    assert found.f8 == pytest.approx(1, abs=1e-9) and found.f1_8 == pytest.approx(1, abs=1e-9)
    middle = len(found.precision) // 2
    assert found.precision[middle] == pytest.approx(1) and found.recall[middle] == pytest.approx(1)


def test_disjoint_sets():
    everything = points(*[10] * 20)
    found = compare(everything[:100], everything[100:])
    assert found.f8 == found.f1_8 == 0
    assert not found.precision.any() and not found.recall.any()
    assert found.f8_spread == found.f1_8_spread == 0


def test_half_of_the_reference_is_covered():
    """Precision reaches 1, recall 1/2: the evaluated set makes nothing wrong, and half of the modes."""
    found = compare(points(*[20] * 10), points(*[10] * 20), angles=4001)
    assert found.precision.max() == pytest.approx(1)
    assert found.recall.max() == pytest.approx(0.5)
    assert found.f8 == pytest.approx(65 * 0.5 / (64 + 0.5), rel=1e-3)
    assert found.f1_8 == pytest.approx((1 + 1 / 64) * 0.5 / (1 / 64 + 0.5), rel=1e-3)
    assert found.f8 < 0.51 < 0.98 < found.f1_8


def test_half_of_the_evaluated_is_wrong():
    found = compare(points(*[10] * 20), points(*[20] * 10), angles=4001)
    assert found.precision.max() == pytest.approx(0.5)
    assert found.recall.max() == pytest.approx(1)
    assert found.f1_8 < 0.51 < 0.98 < found.f8


def test_against_the_curve_term_by_term():
    a, b = [1, 9, 20, 30, 0, 7, 13, 20], [15, 5, 25, 10, 20, 5, 20, 0]
    found = compare(points(*a), points(*b), angles=101)
    expected = naive_curve([n / 100 for n in a], [n / 100 for n in b], 101)
    np.testing.assert_allclose(found.precision, expected[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.recall, expected[1], rtol=1e-9, atol=1e-9)
    assert found.f8 == pytest.approx(naive_f(*expected, 8), rel=1e-9)
    assert found.f1_8 == pytest.approx(naive_f(*expected, 1 / 8), rel=1e-9)


def test_histograms_of_any_number():
    rng = np.random.default_rng(0)
    evaluated, reference = rng.dirichlet(np.ones(6), (2, 3))
    precision, recall = curve(evaluated=evaluated, reference=reference, angles=21)
    assert precision.shape == recall.shape == (3, 21)
    for i in range(3):
        expected = naive_curve(evaluated[i], reference[i], 21)
        np.testing.assert_allclose([precision[i], recall[i]], expected, rtol=1e-9, atol=1e-9)
        for beta in (8, 1, 1 / 8):
            assert f_score(precision, recall, beta)[i] == pytest.approx(naive_f(*expected, beta))
    assert (np.diff(precision) >= 0).all() and (np.diff(recall) <= 1e-12).all()


def test_the_order_is_explicit():
    with pytest.raises(TypeError):
        precision_recall(points(20), points(20), seed=0)


def test_the_published_numbers_are_the_default():
    features = np.random.default_rng(1).standard_normal((2, 60, 3))
    found = precision_recall(evaluated=features[0], reference=features[1], seed=0)
    assert found.precision.shape == found.recall.shape == (1001,)
    again = precision_recall(evaluated=features[0], reference=features[1], seed=0, clusters=20, runs=10)
    assert (again.f8, again.f8_spread) == (found.f8, found.f8_spread)
    other = precision_recall(evaluated=features[0], reference=features[1], seed=1)
    assert other.f8 != found.f8 and other.f8 == pytest.approx(found.f8, abs=0.1)


def test_like_sets_score_more_than_unlike_ones():
    rng = np.random.default_rng(2)
    reference = rng.standard_normal((200, 4))
    scores = [compare(rng.standard_normal((200, 4)) + shift, reference) for shift in (0, 1, 4)]
    assert 1 >= scores[0].f8 > 0.9 > scores[1].f8 > 0.2 > scores[2].f8
    assert 1 >= scores[0].f1_8 > 0.9 > scores[1].f1_8 > 0.2 > scores[2].f1_8


def test_spread_against_drawing_again():
    """Places far apart: the clusters are the same in each drawn set."""
    a, b = points(80, 120), points(140, 60)
    rng = np.random.default_rng(3)
    again = []
    for _ in range(400):
        first, second = (rng.binomial(200, share) / 200 for share in (0.4, 0.7))
        precisions, recalls = naive_curve((first, 1 - first), (second, 1 - second), 51)
        again.append([naive_f(precisions, recalls, beta) for beta in (8, 1 / 8)])
    found = compare(a, b, angles=51, resamples=1000)
    assert (found.f8_spread, found.f1_8_spread) == pytest.approx(tuple(np.std(again, axis=0)), rel=0.2)


@pytest.mark.parametrize(
    ("evaluated", "reference", "message"),
    [
        ((30, 3), (40, 3), "30 evaluated and 40 reference samples: .* need as many of both; take 30 of each"),
        ((30, 3), (30, 4), "features of 3 and of 4 numbers cannot be clustered together"),
        ((19, 3), (19, 3), "19 samples of each set: 20 clusters need at least 20"),
    ],
)
def test_what_it_refuses(evaluated, reference, message):
    with pytest.raises(DataError, match=message):
        compare(np.zeros(evaluated), np.zeros(reference))


def test_another_shape():
    with pytest.raises(ValueError, match=r"both must be \(N, D\)"):
        compare(np.zeros(30), np.zeros((30, 1)))
