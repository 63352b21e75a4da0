"""The features that are kept: all, or an even subset that does not depend on the order."""

import numpy as np
import pytest

from mocogan_chainer.evaluation.kept_features import KEPT_BYTES, KeptFeatures


def kept(rows, limit=None, batch=7):
    features = KeptFeatures(rows.shape[1], limit)
    for i in range(0, len(rows), batch):
        features.update(rows[i : i + batch])
    return features


def as_set(rows):
    return {tuple(row) for row in rows.tolist()}


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)


def test_all_are_kept_in_one_order(rows):
    forwards, backwards = kept(rows), kept(rows[::-1], batch=3)
    assert len(forwards.rows) == forwards.count == 100
    assert forwards.rows.dtype == np.float32
    assert as_set(forwards.rows) == as_set(rows)
    np.testing.assert_array_equal(forwards.rows, backwards.rows)


@pytest.mark.parametrize("limit", [0, 1, 10, 99])
def test_a_subset_is_the_same_however_it_came(rows, limit):
    whole = kept(rows, limit)
    assert whole.count == 100
    assert len(as_set(whole.rows) & as_set(rows)) == len(whole.rows) == limit
    np.testing.assert_array_equal(kept(rows[::-1], limit).rows, whole.rows)
    for order in ((0, 1, 2), (2, 0, 1)):
        merged = KeptFeatures(3, limit)
        for part in order:
            merged.merge(kept(np.split(rows, [5, 60])[part], limit))
        assert merged.count == 100
        np.testing.assert_array_equal(merged.rows, whole.rows)


def test_the_smaller_limit_holds(rows):
    merged = kept(rows[:50], 20)
    merged.merge(kept(rows[50:], 8))
    np.testing.assert_array_equal(merged.rows, kept(rows, 8).rows)


def test_every_row_has_the_same_chance():
    """Which rows are kept follows neither their place nor their size."""
    rows = np.arange(20000, dtype=np.float32)[:, None]
    places = kept(rows, 2000, batch=1000).rows[:, 0]
    counts = np.histogram(places, bins=10, range=(0, 20000))[0]
    assert np.abs(counts - 200).max() < 5 * np.sqrt(200 * 0.9)


def test_equal_rows_count_each():
    features = kept(np.ones((10, 2), np.float32))
    assert features.rows.shape == (10, 2)
    assert kept(np.ones((10, 2), np.float32), 4).rows.shape == (4, 2)


def test_what_is_usual_fits():
    assert KeptFeatures(400).limit > 2048 * 10
    assert KeptFeatures(2048).limit == KEPT_BYTES // (4 * 2048) > 5000
    assert KeptFeatures(10**9).limit == 1


def test_a_restored_subset_does_not_grow(rows):
    """Half of one set beside the whole of another would be no even subset of both."""
    whole = kept(rows[:50])
    subset = KeptFeatures.restored(kept(rows[50:], 10).rows, 50)
    assert (subset.count, subset.limit) == (50, 10)
    whole.merge(subset)
    np.testing.assert_array_equal(whole.rows, kept(rows, 10).rows)
    again = KeptFeatures.restored(kept(rows[:50]).rows, 50)
    again.merge(kept(rows[50:]))
    np.testing.assert_array_equal(again.rows, kept(rows).rows)
