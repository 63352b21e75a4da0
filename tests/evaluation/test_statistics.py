"""Streaming statistics against NumPy's on the whole."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest

from mocogan_chainer import npz_files
from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.evaluation import statistics as stats
from mocogan_chainer.evaluation.kept_features import KeptFeatures
from mocogan_chainer.evaluation.statistics import Statistics


def gathered(*batches):
    statistics = Statistics(batches[0].shape[1])
    for batch in batches:
        statistics.update(batch)
    return statistics


def assert_equals_numpy(statistics, features):
    features = features.astype(np.float64)
    gaussian = statistics.gaussian()
    scale = features.std(axis=0).max()
    assert statistics.count == gaussian.count == len(features)
    np.testing.assert_allclose(gaussian.mean, features.mean(axis=0), rtol=1e-14, atol=1e-13 * scale)
    np.testing.assert_allclose(gaussian.covariance, np.cov(features.T, ddof=1), rtol=1e-11, atol=1e-13 * scale**2)
    np.testing.assert_array_equal(gaussian.covariance, gaussian.covariance.T)
    assert gaussian.mean.dtype == gaussian.covariance.dtype == np.float64


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5)) + rng.standard_normal(5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("cuts", [[], [1], [59], [1, 2, 3], [20, 20, 40], range(1, 60)])
def test_any_batches(features, cuts, dtype):
    features = features.astype(dtype)
    assert_equals_numpy(gathered(*np.split(features, cuts)), features)


@pytest.mark.parametrize("cuts", [[30], [1, 59], [0, 10, 11, 45]])
def test_any_merge(features, cuts):
    parts = np.split(features, cuts)
    for order in itertools.permutations(range(len(parts))):
        merged = Statistics(5)
        for i in order:
            merged.merge(gathered(parts[i]))
        assert_equals_numpy(merged, features)
        np.testing.assert_array_equal(merged.kept.rows, gathered(features).kept.rows)


def test_merging_leaves_the_other_alone(features):
    first, second = gathered(features[:20]), gathered(features[20:])
    first.merge(second)
    assert_equals_numpy(second, features[20:])


def test_a_large_mean_costs_no_digits(features):
    """The sum of squares less the square of the sum would have none left."""
    shifted = features + 1e8
    exact = np.cov(np.round(shifted - 1e8, 12).T)
    merged = gathered(*np.split(shifted[:30], 10))
    merged.merge(gathered(shifted[30:]))
    np.testing.assert_allclose(merged.gaussian().covariance, exact, rtol=1e-5, atol=1e-6)


def test_through_another_process(features):
    merged = gathered(features[:20])
    merged.merge(pickle.loads(pickle.dumps(gathered(features[20:]))))
    assert_equals_numpy(merged, features)


def test_more_features_than_samples():
    features = np.random.default_rng(1).standard_normal((4, 30))
    assert_equals_numpy(gathered(features[:1], features[1:]), features)


def test_what_it_refuses(features):
    statistics = gathered(features)
    with pytest.raises(ValueError, match=r"features \(60, 4\): they must be \(N, 5\)"):
        statistics.update(features[:, :4])
    with pytest.raises(ValueError, match=r"features \(5,\): they must be \(N, 5\)"):
        statistics.update(features[0])
    bad = features.copy()
    bad[3, 1], bad[4, 2] = np.nan, np.inf
    with pytest.raises(DataError, match="2 of 60 features are not finite: the network's weights or the videos"):
        statistics.update(bad)
    with pytest.raises(DataError, match="features of 5 and of 4 numbers cannot be merged"):
        statistics.merge(Statistics(4))
    assert_equals_numpy(statistics, features)
    assert len(statistics.kept.rows) == 60


@pytest.mark.parametrize("count", [0, 1])
def test_too_few(features, count):
    with pytest.raises(DataError, match=f"samples={count}: a covariance needs at least 2; give more videos"):
        gathered(features[:count]).gaussian()


def test_a_part_of_a_set_may_have_fewer(features):
    none, one = gathered(features[:0]).gaussian(least=0), gathered(features[:1]).gaussian(least=0)
    assert (none.count, one.count) == (0, 1)
    np.testing.assert_array_equal(none.mean, np.zeros(5))
    np.testing.assert_array_equal(one.mean, features[0])
    for gaussian in (none, one):
        np.testing.assert_array_equal(gaussian.covariance, np.zeros((5, 5)))


def test_memory_does_not_grow():
    rng = np.random.default_rng(2)
    statistics = Statistics(32, KeptFeatures(32, 200))

    def peak(batches):
        tracemalloc.reset_peak()
        for _ in range(batches):
            statistics.update(rng.standard_normal((16, 32)))
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        peak(20)
        few, many = peak(5), peak(300)
    finally:
        tracemalloc.stop()
    assert statistics.count == 325 * 16
    assert many < 1.1 * few


class TestFiles:
    def test_back_and_forth(self, features, tmp_path):
        stats.save(tmp_path / "real.npz", gathered(features[:40]), '{"name": "fid"}')
        stored = stats.load(tmp_path / "real.npz")
        assert stored.protocol == '{"name": "fid"}'
        assert_equals_numpy(stored.statistics, features[:40])
        np.testing.assert_array_equal(stored.statistics.kept.rows, gathered(features[:40]).kept.rows)
        assert stored.gaussian.count == 40 and stored.gaussian.dimensions == 5
        np.testing.assert_allclose(stored.gaussian.covariance, np.cov(features[:40].T), rtol=1e-11)
        stored.statistics.update(features[40:])
        assert_equals_numpy(stored.statistics, features)

    def test_others_can_read_it(self, features, tmp_path):
        stats.save(tmp_path / "real.npz", gathered(features), "")
        with np.load(tmp_path / "real.npz") as file:
            np.testing.assert_allclose(file["mu"], features.mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(file["sigma"], np.cov(features, rowvar=False), rtol=1e-11)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_files_of_others(self, features, tmp_path, dtype):
        mu, sigma = features.mean(axis=0).astype(dtype), np.cov(features, rowvar=False).astype(dtype)
        np.savez(tmp_path / "g3an.npz", mu=mu, sigma=sigma)
        stored = stats.load(tmp_path / "g3an.npz")
        assert stored.statistics is None and stored.protocol == "" and stored.gaussian.count is None
        np.testing.assert_array_equal(stored.gaussian.mean, mu)
        np.testing.assert_array_equal(stored.gaussian.covariance, sigma)
        assert stored.gaussian.covariance.dtype == np.float64

    def test_a_subset_stays_one(self, features, tmp_path):
        statistics = Statistics(5, KeptFeatures(5, 10))
        statistics.update(features)
        stats.save(tmp_path / "real.npz", statistics, "")
        kept = stats.load(tmp_path / "real.npz").statistics.kept
        assert (len(kept.rows), kept.count) == (10, 60)

    def test_too_few_to_save(self, features, tmp_path):
        with pytest.raises(DataError, match="samples=1"):
            stats.save(tmp_path / "real.npz", gathered(features[:1]), "")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("cuts", [[0, 1, 2, 30], [59]])
    def test_parts_with_few_features(self, features, tmp_path, cuts):
        merged = Statistics(5)
        for part in np.split(features, cuts):
            stats.save(tmp_path / "part.npz", gathered(part), "", least=0)
            stored = stats.load(tmp_path / "part.npz", least=0)
            assert stored.gaussian.count == len(part)
            merged.merge(stored.statistics)
            if len(part) < 2:
                with pytest.raises(DataError, match="its count or its protocol"):
                    stats.load(tmp_path / "part.npz")
        assert_equals_numpy(merged, features)
        np.testing.assert_array_equal(merged.kept.rows, gathered(features).kept.rows)

    def test_which_files_hold_some(self, features, tmp_path):
        np.savez(tmp_path / "theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
        np.savez(tmp_path / "other.npz", mu=np.zeros(3))
        (tmp_path / "text.npz").write_text("mu sigma")
        found = [stats.is_file_of_statistics(tmp_path / f"{name}.npz") for name in ("theirs", "other", "text", "none")]
        assert found == [True, False, False, False]

    def test_it_takes_no_more_memory_than_its_size_allows(self, tmp_path, monkeypatch):
        monkeypatch.setattr(npz_files, "MORE", 1 << 20)
        np.savez_compressed(tmp_path / "x.npz", mu=np.zeros(1600), sigma=np.zeros((1600, 1600)))
        tracemalloc.start()
        try:
            with pytest.raises(DataError, match="cannot be read as statistics: its arrays would take 20"):
                stats.load(tmp_path / "x.npz")
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()

    def test_a_place_that_cannot_be_written(self, features, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="a file stands where a folder is needed"):
            stats.save(tmp_path / "file" / "real.npz", gathered(features), "")

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"mu": np.zeros(3)}, "no statistics: they are an .npz file with mu and sigma"),
            (
                {"mu": np.zeros(3), "sigma": np.zeros((3, 2))},
                r"shapes \(3,\) and \(3, 2\), and need \(D,\) and \(D, D\)",
            ),
            ({"mu": np.zeros((3, 3)), "sigma": np.zeros((3, 3))}, "and need"),
            ({"mu": np.zeros(0), "sigma": np.zeros((0, 0))}, "and need"),
            ({"mu": np.zeros(2, int), "sigma": np.eye(2)}, "mu and sigma are of int64 and float64"),
            ({"mu": np.array([0, np.nan]), "sigma": np.eye(2)}, "must be finite"),
            ({"mu": np.zeros(2), "sigma": np.array([[1, 0.5], [0, 1]])}, "must be symmetric"),
            ({"mu": np.zeros(2), "sigma": np.diag([1.0, -1.0])}, "no negative variance"),
            ({"mu": np.zeros(2), "sigma": np.eye(2), "meta": np.array("[]")}, "no description of statistics"),
            ({"mu": np.zeros(2), "sigma": np.eye(2), "meta": np.array("{")}, "no description of statistics"),
            ({"mu": np.zeros(2), "sigma": np.eye(2), "meta": np.array("[" * 200_000)}, "no description of statistics"),
            ({"mu": np.zeros(2, object), "sigma": np.eye(2)}, "cannot be read as statistics"),
            ({"mu": np.zeros(2), "sigma": 1e100 * np.eye(2)}, "larger than float32 features can make them"),
            ({"mu": np.array([0, -1e39]), "sigma": np.eye(2)}, "larger than float32 features can make them"),
            ({"mu": np.full(2, np.longdouble("1e400")), "sigma": np.eye(2)}, "must be finite"),
        ],
    )
    def test_what_is_none(self, tmp_path, arrays, message):
        np.savez(tmp_path / "x.npz", **arrays)
        with pytest.raises(DataError, match=message) as caught:
            stats.load(tmp_path / "x.npz")
        assert str(caught.value).startswith(f"{tmp_path / 'x.npz'}: ") and "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"version": 2}, "its format is version 2 and this program reads version 1"),
            ({"count": 1}, "its count or its protocol"),
            ({"count": "60"}, "its count or its protocol"),
            ({"protocol": None}, "its count or its protocol"),
            ({"count": 3}, "its features do not go with its mean"),
            ({"count": 10**400}, "its count or its protocol"),
        ],
    )
    def test_a_changed_description(self, features, tmp_path, monkeypatch, change, message):
        dumps = stats.json.dumps
        monkeypatch.setattr(stats.json, "dumps", lambda meta: dumps({**meta, **change}))
        stats.save(tmp_path / "x.npz", gathered(features), "")
        with pytest.raises(DataError, match=message):
            stats.load(tmp_path / "x.npz")

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (None, "its features do not go with its mean"),
            (np.zeros((0, 5), np.float32), "they are 0 of 60"),
            (np.zeros((1, 5), np.float32), "they are 1 of 60"),
            (np.zeros((61, 5), np.float32), "they are 61 of 60"),
            (np.zeros((60, 4), np.float32), "its features do not go with its mean"),
            (np.zeros(60, np.float32), "its features do not go with its mean"),
            (np.zeros((60, 5)), "its features do not go with its mean"),
            (np.full((60, 5), np.nan, np.float32), "its features are not finite"),
            (np.full((2, 5), np.inf, np.float32), "its features are not finite"),
        ],
    )
    def test_other_rows(self, features, tmp_path, rows, message):
        stats.save(tmp_path / "x.npz", gathered(features), "")
        with np.load(tmp_path / "x.npz") as file:
            arrays = {name: file[name] for name in ("meta", "mu", "sigma")}
        np.savez(tmp_path / "x.npz", **arrays, **({} if rows is None else {"features": rows}))
        with pytest.raises(DataError, match=message):
            stats.load(tmp_path / "x.npz")

    def test_a_covariance_of_one(self, features, tmp_path):
        stats.save(tmp_path / "x.npz", gathered(features[:1]), "", least=0)
        with np.load(tmp_path / "x.npz") as file:
            arrays = dict(file)
        np.savez(tmp_path / "x.npz", **arrays | {"sigma": np.eye(5)})
        with pytest.raises(DataError, match="a covariance of 1 features"):
            stats.load(tmp_path / "x.npz", least=0)

    def test_no_archive(self, tmp_path):
        with pytest.raises(DataError, match=r"no such file; evaluate\.py precalc writes statistics"):
            stats.load(tmp_path / "missing.npz")
        np.save(tmp_path / "single.npy", np.zeros(3))
        with pytest.raises(DataError, match="a single array"):
            stats.load(tmp_path / "single.npy")
        (tmp_path / "text").write_text("mu and sigma")
        with pytest.raises(DataError, match="cannot be read as statistics"):
            stats.load(tmp_path / "text")
        with pytest.raises(DataError, match="cannot be read as statistics"):
            stats.load(tmp_path)

    def test_every_cut_is_noticed(self, features, tmp_path):
        stats.save(tmp_path / "whole.npz", gathered(features), "")
        data = (tmp_path / "whole.npz").read_bytes()
        for size in range(0, len(data), 97):
            (tmp_path / "cut.npz").write_bytes(data[:size])
            with pytest.raises(DataError):
                stats.load(tmp_path / "cut.npz")


def test_short_rows_without_end(tmp_path, monkeypatch):
    """A small file may unpack into so many that to keep them would take many times the memory."""
    monkeypatch.setattr("mocogan_chainer.evaluation.kept_features.MOST_ROWS", 50)
    statistics = gathered(np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32))
    assert len(statistics.kept.rows) == 50
    stats.save(tmp_path / "a.npz", statistics, "{}")
    assert stats.load(tmp_path / "a.npz").gaussian.count == 60
    monkeypatch.setattr("mocogan_chainer.evaluation.kept_features.MOST_ROWS", 49)
    with pytest.raises(DataError, match="its features do not go with its mean: they are 50 of 60"):
        stats.load(tmp_path / "a.npz")
