"""The Fréchet distance against closed forms and, where SciPy is, against its matrix root."""

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.frechet import bias_warning, distance, paired_spread, spread
from mocogan_chainer.evaluation.kept_features import KeptFeatures
from mocogan_chainer.evaluation.statistics import Gaussian, Statistics


def gaussian(mean, covariance):
    return Gaussian(np.asarray(mean, float), np.asarray(covariance, float))


def kept(features, limit=None):
    result = KeptFeatures(features.shape[1], limit)
    result.update(features)
    return result


def random_covariance(rng, dimensions, rank=None):
    factor = rng.standard_normal((dimensions if rank is None else rank, dimensions))
    return factor.T @ factor / dimensions


def rotation(rng, dimensions):
    return np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]


@pytest.mark.parametrize("seed", range(3))
def test_one_dimension(seed):
    m1, m2, s1, s2 = np.random.default_rng(seed).uniform(0.1, 5, 4)
    found = distance(gaussian([m1], [[s1**2]]), gaussian([m2], [[s2**2]]))
    assert found == pytest.approx((m1 - m2) ** 2 + (s1 - s2) ** 2, rel=1e-12)


@pytest.mark.parametrize("zeros", [0, 5])
def test_commuting_covariances(zeros):
    """In one basis the distance is a sum over its axes."""
    rng = np.random.default_rng(0)
    basis = rotation(rng, 12)
    s1, s2 = rng.uniform(0, 3, (2, 12))
    s1[:zeros], s2[3 : 3 + zeros] = 0, 0
    m1, m2 = rng.standard_normal((2, 12))
    found = distance(gaussian(m1, basis * s1**2 @ basis.T), gaussian(m2, basis * s2**2 @ basis.T))
    assert found == pytest.approx(np.sum((m1 - m2) ** 2) + np.sum((s1 - s2) ** 2), rel=1e-12)


def test_two_by_two():
    """For 2 x 2, tr of the root of A is (tr A + 2 det(A)^(1/2))^(1/2): by hand."""
    first, second = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[4.0, -1.0], [-1.0, 1.0]])
    product = first @ second
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    found = distance(gaussian([1, 2], first), gaussian([0, 4], second))
    assert found == pytest.approx(1 + 4 + 5 + 5 - 2 * root, rel=1e-12)


@pytest.mark.parametrize("dimensions", [2, 20, 100])
def test_against_a_matrix_root(dimensions):
    linalg = pytest.importorskip("scipy.linalg", reason="needs SciPy (pip install -r requirements-dev.txt)")
    rng = np.random.default_rng(dimensions)
    first, second = (random_covariance(rng, dimensions) + 0.1 * np.eye(dimensions) for _ in range(2))
    m1, m2 = rng.standard_normal((2, dimensions))
    root = linalg.sqrtm(first @ second)
    expected = np.sum((m1 - m2) ** 2) + np.trace(first + second - 2 * np.real(root))
    assert distance(gaussian(m1, first), gaussian(m2, second)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rank", [40, 10, 1])
def test_equal_ones_have_none(rank):
    rng = np.random.default_rng(rank)
    covariance = random_covariance(rng, 40, rank)
    one = gaussian(rng.standard_normal(40), covariance)
    assert 0 <= distance(one, one) < 1e-12 * np.trace(covariance)


def test_disjoint_subspaces_have_no_root():
    rng = np.random.default_rng(5)
    basis = rotation(rng, 10)
    first, second = basis[:, :4] @ basis[:, :4].T, 9 * basis[:, 4:] @ basis[:, 4:].T
    assert distance(gaussian(np.zeros(10), first), gaussian(np.zeros(10), second)) == pytest.approx(4 + 54, rel=1e-11)


def test_symmetric_and_blind_to_rotation():
    rng = np.random.default_rng(6)
    first, second = random_covariance(rng, 30, 12), random_covariance(rng, 30, 20)
    m1, m2 = rng.standard_normal((2, 30))
    there = distance(gaussian(m1, first), gaussian(m2, second))
    assert distance(gaussian(m2, second), gaussian(m1, first)) == pytest.approx(there, rel=1e-10)
    r = rotation(rng, 30)
    turned = distance(gaussian(r @ m1, r @ first @ r.T), gaussian(r @ m2, r @ second @ r.T))
    assert turned == pytest.approx(there, rel=1e-11)
    scaled = distance(gaussian(10 * m1, 100 * first), gaussian(10 * m2, 100 * second))
    assert scaled == pytest.approx(100 * there, rel=1e-10)


def test_a_negative_variance_by_rounding():
    """As covariances of few samples have."""
    covariance = np.diag([1.0, 2.0, -1e-17])
    assert distance(gaussian(np.zeros(3), covariance), gaussian(np.zeros(3), covariance)) < 1e-13


def test_features_of_two_networks():
    with pytest.raises(DataError, match="features of 2 and of 3 numbers have no distance; they come from different"):
        distance(gaussian(np.zeros(2), np.eye(2)), gaussian(np.zeros(3), np.eye(3)))


def test_too_few_samples_make_it_too_large():
    """What the warning says: two halves of one set, 100 dimensions."""
    rng = np.random.default_rng(7)

    def between(n):
        sides = [Statistics(100), Statistics(100)]
        for side in sides:
            side.update(rng.standard_normal((n, 100)))
        return distance(*(side.gaussian() for side in sides))

    assert between(50) > 3 * between(400) > 0


@pytest.mark.parametrize(
    ("evaluated", "reference", "few"),
    [
        (399, 400, "399 evaluated samples"),
        (2048, 10, "10 reference samples"),
        (5, 6, "5 evaluated and 6 reference samples"),
        (None, 6, "6 reference samples"),
    ],
)
def test_warnings(evaluated, reference, few):
    text = bias_warning(400, evaluated=evaluated, reference=reference)
    assert text.startswith(f"{few} for features of 400 numbers: the distance comes out too large; take at least 400")
    assert "\n" not in text


@pytest.mark.parametrize("reference", [400, 5000, None])
def test_enough(reference):
    assert bias_warning(400, evaluated=400, reference=reference) == ""


class TestSpread:
    """In one dimension, d = (m1 - m2)^2 + (s1 - s2)^2; its deviation follows from those of means and deviations."""

    N1, N2 = 400, 900

    @pytest.fixture(params=[(2.0, 1.5), (0.0, 3.0)], ids=["moved", "widened"])
    def sides(self, request):
        rng = np.random.default_rng(8)
        return rng.normal(*request.param, (self.N1, 1)), rng.normal(0, 1, (self.N2, 1))

    def expected(self, sides, n1, n2=np.inf):
        """By the delta method, where the variances of a mean and of a deviation are s^2 / n and s^2 / 2n."""
        a, b = sides
        step, widening = a.mean() - b.mean(), a.std() - b.std()
        return 2 * np.sqrt((step**2 + widening**2 / 2) * (a.var() / n1 + b.var() / n2))

    def test_both_sides(self, sides):
        found = spread(kept(sides[0]), kept(sides[1]), seed=0, parts=200)
        assert found == pytest.approx(self.expected(sides, self.N1, self.N2), rel=0.1)

    def test_one_side_alone(self, sides):
        fixed = gaussian(sides[1].mean(axis=0), [[sides[1].var()]])
        found = spread(kept(sides[0]), fixed, seed=0, parts=200)
        assert found == pytest.approx(self.expected(sides, self.N1), rel=0.1)
        assert found == pytest.approx(spread(fixed, kept(sides[0]), seed=0, parts=200), rel=1e-6)

    @pytest.mark.parametrize("limits", [(1000, 1000), (400, None), (None, 400)])
    def test_a_subset_stands_for_the_whole(self, limits):
        sides = np.random.default_rng(9).normal([[[2.0]], [[0.0]]], 1, (2, 4000, 1))
        found = spread(*map(kept, sides, limits), seed=0, parts=200)
        assert found == pytest.approx(self.expected(sides, 4000, 4000), rel=0.15)

    @pytest.mark.parametrize(
        ("n", "moved", "most"), [(12, 1.0, 1.25), (200, 0.3, 1.25), (12, 0.0, 1.8), (200, 0.0, 1.8)]
    )
    def test_many_dimensions(self, n, moved, most):
        """More and fewer samples than dimensions, against sets that are really drawn anew."""
        rng = np.random.default_rng(10)
        values, spreads = [], []
        for _ in range(60):
            sides = rng.standard_normal((2, n, 16)) + np.array([0.0, moved])[:, None, None]
            values.append(distance(*(gaussian(side.mean(axis=0), np.cov(side.T)) for side in sides)))
            spreads.append(spread(*map(kept, sides), seed=0))
        assert 0.8 < np.mean(spreads) / np.std(values, ddof=1) < most

    @pytest.mark.parametrize(("moved", "most", "apart_times"), [(0.5, 1.25, 1.5), (0.0, 1.8, 3)])
    def test_pairs_are_drawn_together(self, moved, most, apart_times):
        rng = np.random.default_rng(12)
        values, together, apart = [], [], []
        for _ in range(40):
            reference = rng.standard_normal((100, 16))
            evaluated = reference + moved + 0.3 * rng.standard_normal((100, 16))
            values.append(distance(*(gaussian(side.mean(axis=0), np.cov(side.T)) for side in (evaluated, reference))))
            together.append(paired_spread(evaluated, reference, seed=0))
            apart.append(spread(kept(evaluated), kept(reference), seed=0))
        assert 0.8 < np.mean(together) / np.std(values, ddof=1) < most
        assert np.mean(apart) > apart_times * np.mean(together)

    def test_pairs_of_equals(self):
        features = np.random.default_rng(13).standard_normal((50, 4))
        assert paired_spread(features, features, seed=0) == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("n", [2, 3, 21])
    def test_few(self, n):
        """Fewer samples than parts, and a part more than others have."""
        sides = np.random.default_rng(14).standard_normal((2, n, 3))
        for found in (spread(*map(kept, sides), seed=0), paired_spread(*sides, seed=0)):
            assert np.isfinite(found) and found > 0

    def test_the_order_does_not_matter_and_the_seed_does(self, sides):
        first, second = (kept(side) for side in sides)
        backwards = kept(sides[0][::-1])
        once = spread(first, second, seed=3)
        assert spread(backwards, second, seed=3) == once
        assert spread(first, second, seed=4) != once

    def test_what_it_refuses(self):
        fixed = gaussian([0], [[1]])
        with pytest.raises(ValueError, match="needs the single features of one side at least"):
            spread(fixed, fixed, seed=0)
        with pytest.raises(DataError, match="at least 2 features of each side; give more videos"):
            spread(kept(np.zeros((1, 1))), fixed, seed=0)
        with pytest.raises(DataError, match="features of 2 and of 1 numbers"):
            spread(kept(np.zeros((5, 2))), fixed, seed=0)
        with pytest.raises(DataError, match="at least 2 features of each side"):
            paired_spread(np.zeros((1, 2)), np.zeros((1, 2)), seed=0)
