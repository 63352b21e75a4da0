"""Features of a set as a distribution: computed, stored, read, merged."""

import dataclasses

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import gathering, statistics
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.statistics import Statistics
from tests.evaluation.fakes import PREPARATION, Videos, extractor, noisy


def features(videos):
    """What the stand-in network makes of videos, by hand."""
    clips = [video[:4].astype(np.float64) for video in videos]
    return np.array([[clip[..., 0].mean(), clip[..., 0].std(), clip[-1].mean()] for clip in clips])


def test_the_distribution_is_that_of_the_features():
    videos = noisy(20)
    told = []
    gathered = gathering.gather(Videos(videos), range(3, 20), extractor(), advance=told.append)
    wanted = features(videos[3:])
    np.testing.assert_allclose(gathered.gaussian.mean, wanted.mean(0), rtol=1e-5)
    np.testing.assert_allclose(gathered.gaussian.covariance, np.cov(wanted.T), rtol=1e-3)
    assert sum(told) == 17
    assert gathered.seconds > 0


def test_its_protocol_says_of_what_and_how():
    protocol = gathering.gather(Videos(noisy(5)), range(5), extractor(), stride=1).protocol
    assert (protocol.metric, protocol.name, protocol.network) == ("precalc", "toy", "means")
    assert (protocol.weights_sha256, protocol.frames, protocol.size) == ("ab" * 32, 4, 8)
    assert protocol.reference == "videos 0123456789abcdef"
    assert protocol.reference_samples == 5


def test_left_out_videos_are_told_of():
    videos = [*noisy(3), None]
    gathered = gathering.gather(Videos(videos), range(4), extractor())
    assert gathered.protocol.reference_samples == 3
    assert [name for name, _ in gathered.left_out] == ["video3"]


def test_too_few_are_an_error_with_the_reason():
    with pytest.raises(DataError, match=r"1 of its videos gave a clip, and 2 are needed; video0: .*cannot be read"):
        gathering.gather(Videos([None, *noisy(1)]), range(2), extractor())


def test_what_is_stored_is_read_again(tmp_path):
    gathered = gathering.gather(Videos(noisy(9)), range(9), extractor())
    gathered.save(tmp_path / "set.npz")
    again = gathering.read(tmp_path / "set.npz", extractor().recipe)
    np.testing.assert_array_equal(again.gaussian.mean, gathered.gaussian.mean)
    np.testing.assert_array_equal(again.kept.rows, gathered.kept.rows)
    assert again.protocol == gathered.protocol


def test_another_recipes_statistics_are_refused(tmp_path):
    gathering.gather(Videos(noisy(9)), range(9), extractor()).save(tmp_path / "set.npz")
    longer = dataclasses.replace(PREPARATION, frames=5)
    other = dataclasses.replace(extractor().recipe, name="other", preparation=longer)
    with pytest.raises(ConfigError, match="it was made for toy, and other takes other features: frames is 4 and 5"):
        gathering.read(tmp_path / "set.npz", other)


def test_two_recipes_of_one_kind_of_feature_share_statistics(tmp_path):
    gathered = gathering.gather(Videos(noisy(9)), range(9), extractor())
    gathered.save(tmp_path / "set.npz")
    other = dataclasses.replace(extractor().recipe, name="other", metric="prd")
    np.testing.assert_array_equal(gathering.read(tmp_path / "set.npz", other).kept.rows, gathered.kept.rows)


def test_files_with_mu_and_sigma_alone_are_read_and_warned_of(tmp_path):
    np.savez(tmp_path / "theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
    theirs = gathering.read(tmp_path / "theirs.npz", extractor().recipe)
    assert theirs.kept is None
    assert theirs.gaussian.count is None
    assert "does not say how its features were made: it is taken to be toy" in theirs.warnings[0]
    with pytest.raises(DataError, match="statistics of another program"):
        theirs.save(tmp_path / "again.npz")


def save(path, rows, settings, **fields):
    """Statistics of given features under a protocol of one's own."""
    gathered = Statistics(3)
    gathered.update(np.asarray(rows, np.float32))
    protocol = Protocol(**{"metric": "precalc", "name": "toy", "settings": settings, **fields})
    statistics.save(path, gathered, protocol.to_json(), least=0)


@pytest.mark.parametrize(
    ("settings", "fields", "message"),
    [
        ({"part": 1}, {}, "damaged: it is part 1 of None"),
        ({"parts": 4}, {}, "damaged: it is part None of 4"),
        ({"part": 1, "parts": "x"}, {}, "damaged: it is part 1 of 'x'"),
        ({"part": True, "parts": 4}, {}, "damaged: it is part True of 4"),
        ({"part": 1.0, "parts": 4}, {}, "damaged: it is part 1.0 of 4"),
        ({"part": 0, "parts": 4}, {}, "damaged: it is part 0 of 4"),
        ({"part": 5, "parts": 4}, {}, "damaged: it is part 5 of 4"),
        ({"part": 1, "parts": 10**12}, {}, "damaged: it is part 1 of 1000000000000"),
        ({}, {"metric": "fid"}, "its protocol is one of fid, not of statistics"),
    ],
)
def test_a_protocol_that_precalc_does_not_write(tmp_path, settings, fields, message):
    save(tmp_path / "x.npz", np.eye(3), settings, **fields)
    for use in (lambda path: gathering.merge([path]), lambda path: gathering.read(path, extractor().recipe)):
        with pytest.raises(DataError, match=message):
            use(tmp_path / "x.npz")


@pytest.mark.parametrize("count", [0, 1])
def test_a_whole_set_of_fewer_than_two(tmp_path, count):
    save(tmp_path / "x.npz", np.eye(3)[:count], {})
    with pytest.raises(DataError, match=f"{count} features, and 2 are needed; make it again"):
        gathering.read(tmp_path / "x.npz", extractor().recipe)


class TestParts:
    @pytest.fixture
    def parts(self, tmp_path):
        videos = Videos(noisy(11))
        paths = [tmp_path / f"part{number}.npz" for number in (1, 2, 3)]
        for number, path in enumerate(paths, 1):
            gathering.gather(videos, range(11), extractor(), part=(number, 3)).save(path)
        return videos, paths

    def test_all_parts_are_the_whole(self, parts):
        videos, paths = parts
        whole = gathering.gather(videos, range(11), extractor())
        for order in (paths, paths[::-1]):
            joined = gathering.merge(order)
            np.testing.assert_allclose(joined.gaussian.mean, whole.gaussian.mean, rtol=1e-12)
            np.testing.assert_allclose(joined.gaussian.covariance, whole.gaussian.covariance, rtol=1e-9)
            np.testing.assert_array_equal(joined.kept.rows, whole.kept.rows)
            assert joined.protocol == whole.protocol

    def test_parts_may_be_small(self, tmp_path):
        videos = Videos(noisy(5))
        paths = [tmp_path / f"{number}.npz" for number in range(1, 8)]
        for number, path in enumerate(paths, 1):
            gathering.gather(videos, range(5), extractor(), part=(number, 7)).save(path)
        whole = gathering.gather(videos, range(5), extractor())
        joined = gathering.merge(paths)
        np.testing.assert_allclose(joined.gaussian.covariance, whole.gaussian.covariance, rtol=1e-9)
        assert joined.protocol == whole.protocol

    def test_a_part_is_not_taken_for_the_whole(self, parts):
        with pytest.raises(ConfigError, match="it is part 2 of 3; join them"):
            gathering.read(parts[1][1], extractor().recipe)

    def test_a_missing_part(self, parts):
        with pytest.raises(ConfigError, match="part 2 of 3 is missing"):
            gathering.merge([parts[1][0], parts[1][2]])

    def test_a_part_given_twice(self, parts):
        with pytest.raises(ConfigError, match="part 1 is there already"):
            gathering.merge([parts[1][0], parts[1][0], parts[1][2]])

    def test_parts_of_unlike_sets(self, parts, tmp_path):
        other = Videos(noisy(11), name="others")
        gathering.gather(other, range(11), extractor(), part=(2, 3)).save(tmp_path / "other.npz")
        with pytest.raises(ConfigError, match=r"made in another way than .*: reference is videos .* and others"):
            gathering.merge([parts[1][0], tmp_path / "other.npz", parts[1][2]])

    def test_missing_ones_of_very_many(self, tmp_path):
        save(tmp_path / "part.npz", np.eye(3), {"part": 2, "parts": 9999})
        with pytest.raises(ConfigError, match=r"part 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, \.\.\. of 9999 is missing"):
            gathering.merge([tmp_path / "part.npz"])

    def test_parts_with_fewer_than_two_videos(self, tmp_path):
        rows = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)
        paths = [tmp_path / f"part{number}.npz" for number in range(1, 5)]
        for number, (path, part) in enumerate(zip(paths, np.split(rows, [2, 2, 3]), strict=True), 1):
            save(path, part, {"part": number, "parts": 4})
        merged = gathering.merge(paths)
        assert (merged.gaussian.count, merged.protocol.reference_samples) == (3, 3)
        np.testing.assert_allclose(merged.gaussian.mean, rows.mean(0), rtol=1e-6)
        np.testing.assert_allclose(merged.gaussian.covariance, np.cov(rows.T), rtol=1e-5)
        with pytest.raises(ConfigError, match="it is part 2 of 4; join them"):
            gathering.read(paths[1], extractor().recipe)

    def test_too_few_videos_altogether(self, tmp_path):
        paths = [tmp_path / f"part{number}.npz" for number in (1, 2)]
        for number, path in enumerate(paths, 1):
            save(path, np.eye(3)[: number - 1], {"part": number, "parts": 2})
        with pytest.raises(DataError, match="samples=1: a covariance needs at least 2"):
            gathering.merge(paths)

    def test_no_part_at_all(self, tmp_path):
        gathering.gather(Videos(noisy(4)), range(4), extractor()).save(tmp_path / "whole.npz")
        with pytest.raises(ConfigError, match="no part of a set"):
            gathering.merge([tmp_path / "whole.npz"])


def test_the_clips_frames_are_a_field():
    longer = dataclasses.replace(PREPARATION, frames=5)
    feeding = extractor()
    feeding = dataclasses.replace(feeding, recipe=dataclasses.replace(feeding.recipe, preparation=longer))
    assert gathering.gather(Videos(noisy(4)), range(4), feeding).protocol.frames == 5


def test_what_videos_have_in_common_is_stored_and_merged(tmp_path):
    videos = Videos([*noisy(6), *(np.zeros((9, 8, 12, 3), np.uint8),) * 2])
    for indices, length, size in ((range(6), 6, "8 x 8"), (range(8), None, "mixed, not all square")):
        for part in (1, 2):
            gathering.gather(videos, indices, extractor(), part=(part, 2)).save(tmp_path / f"{part}.npz")
        merged = gathering.merge([tmp_path / "1.npz", tmp_path / "2.npz"])
        merged.save(tmp_path / "merged.npz")
        whole = gathering.gather(videos, indices, extractor())
        for found in (whole, merged, gathering.read(tmp_path / "merged.npz", extractor().recipe)):
            assert (found.length, found.frame_size) == (length, size)
            assert found.protocol == whole.protocol
