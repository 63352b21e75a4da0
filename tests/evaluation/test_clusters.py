"""k-means on groups that are known."""

import numpy as np
import pytest

from mocogan_chainer.evaluation.clusters import cluster


def within(points, labels):
    """The sum of squared distances to the centres, in loops."""
    total = 0.0
    for label in set(labels.tolist()):
        members = points[labels == label]
        total += sum(float(np.sum((p - members.mean(axis=0)) ** 2)) for p in members)
    return total


def partition(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_groups_apart_are_found(dtype, offset):
    rng = np.random.default_rng(0)
    groups = rng.integers(8, size=200)
    points = 20 * rng.standard_normal((8, 5))[groups] + rng.uniform(-1, 1, (200, 5)) + offset
    labels = cluster(points.astype(dtype), 8, rng, 5)
    assert partition(labels) == partition(groups)
    assert labels.min() >= 0 and labels.max() < 8


def test_as_many_as_there_are_points():
    points = np.arange(20, dtype=float)[:, None] ** 2
    assert len(partition(cluster(points, 20, np.random.default_rng(1), 1))) == 20


def test_fewer_points_than_groups():
    points = np.repeat(np.eye(3), 10, axis=0)
    assert partition(cluster(points, 8, np.random.default_rng(2), 1)) == partition(np.repeat(np.arange(3), 10))
    assert partition(cluster(np.ones((9, 2)), 4, np.random.default_rng(2), 2)) == {frozenset(range(9))}


def test_no_point_is_nearer_to_another_centre():
    """What Lloyd's iteration ends with."""
    points = np.random.default_rng(3).standard_normal((150, 3))
    labels = cluster(points, 6, np.random.default_rng(4), 1)
    centres = np.array([points[labels == k].mean(axis=0) for k in range(6)])
    nearest = [int(np.argmin([np.sum((p - c) ** 2) for c in centres])) for p in points]
    assert labels.tolist() == nearest


def test_the_best_of_its_starts():
    points = np.random.default_rng(5).standard_normal((200, 2))
    once = [within(points, cluster(points, 10, np.random.default_rng(seed), 1)) for seed in range(20)]
    many = [within(points, cluster(points, 10, np.random.default_rng(seed), 20)) for seed in range(3)]
    assert max(many) < np.median(once)


def test_one_start_is_a_good_one():
    """The first centres lie in different groups, nearly always."""
    rng = np.random.default_rng(7)
    groups = rng.integers(12, size=300)
    points = 6 * rng.standard_normal((12, 3))[groups] + 0.3 * rng.standard_normal((300, 3))
    found = [partition(cluster(points, 12, np.random.default_rng(seed), 1)) == partition(groups) for seed in range(30)]
    assert np.mean(found) > 0.7


def test_seeds():
    points = np.random.default_rng(6).standard_normal((100, 2))
    first, second, other = (cluster(points, 9, np.random.default_rng(seed), 1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert partition(first) != partition(other)
