"""The Average Content Distance against naive loops."""

import math

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.content_distance import (
    ContentDistance,
    distance_to_first,
    pairwise_distance,
    shape_colours,
)
from mocogan_chainer.preprocessing.shapes import DARKEST, Shapes

NOTHING = [float("nan")] * 3


def length(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def naive_pairs(features):
    rows = [row for row in features.tolist() if not any(map(math.isnan, row))]
    pairs = [(a, b) for i, a in enumerate(rows) for b in rows[i + 1 :]]
    return sum(length(a, b) for a, b in pairs) / len(pairs)


def random_features(*missing, frames=9):
    features = np.random.default_rng(0).normal(100, 20, (frames, 3))
    features[list(missing)] = np.nan
    return features


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("missing", [(), (0,), (2, 3, 8), range(7)])
def test_pairs_against_loops(missing, dtype):
    features = random_features(*missing).astype(dtype)
    assert pairwise_distance(features) == pytest.approx(naive_pairs(features), rel=1e-12)


@pytest.mark.parametrize("missing", [(), (2, 3, 8), range(1, 8)])
def test_against_the_first_frame(missing):
    features = random_features(*missing)
    rest = [row for row in features[1:].tolist() if not math.isnan(row[0])]
    expected = sum(length(row, features[0]) for row in rest) / len(rest)
    assert distance_to_first(features) == pytest.approx(expected, rel=1e-12)


def test_by_hand():
    """A triangle with sides 3, 4 and 5."""
    features = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert pairwise_distance(features) == pytest.approx(4)
    assert distance_to_first(features) == pytest.approx(3.5)


def test_constant_content_has_none():
    features = np.tile([[200.3, 0.1, 77.7]], (16, 1))
    assert pairwise_distance(features) == distance_to_first(features) == 0


def test_nothing_to_compare():
    assert pairwise_distance(random_features(*range(8))) is None
    assert pairwise_distance(random_features(*range(9))) is None
    assert distance_to_first(random_features(0)) is None
    assert distance_to_first(random_features(*range(1, 9))) is None
    assert pairwise_distance(random_features(frames=1)) is None


class TestColours:
    def test_against_loops(self):
        video = np.random.default_rng(1).integers(0, 30, (4, 5, 6, 3), np.uint8)
        video[2] = 15
        for colour, frame in zip(shape_colours(video), video, strict=True):
            pixels = [p for row in frame.tolist() for p in row if max(p) >= 16]
            expected = [sum(p[c] for p in pixels) / len(pixels) for c in range(3)] if pixels else NOTHING
            np.testing.assert_allclose(colour, expected, rtol=1e-12)

    def test_the_built_in_shapes_have_one_colour_each(self):
        source = Shapes(None, num=6, size=32, length=8)
        for item in source.items():
            video = source.load(item).frames
            colours = shape_colours(video)
            np.testing.assert_array_equal(colours, np.broadcast_to(video.max(axis=(0, 1, 2)), (8, 3)))
            assert pairwise_distance(colours) == 0

    def test_noise_in_the_background_is_not_the_shape(self):
        video = np.zeros((2, 32, 32, 3), np.uint8)
        video[:, 8:16, 8:16] = (DARKEST, 0, 0)
        noisy = np.maximum(video, np.random.default_rng(2).integers(0, 12, video.shape, np.uint8) * (video == 0))
        assert shape_colours(noisy)[:, 0] == pytest.approx([DARKEST, DARKEST])

    def test_the_bound_is_the_callers(self):
        video = np.array([[[[10, 0, 0], [20, 0, 0], [30, 0, 0]]]], np.uint8)
        assert [shape_colours(video, darkest)[0, 0] for darkest in (1, 10, 11, 20, 21)] == [20, 20, 25, 25, 30]
        assert np.isnan(shape_colours(video, 31)).all()

    def test_grows_with_colour_noise(self):
        rng = np.random.default_rng(3)
        base = np.zeros((16, 16, 16, 3), np.uint8)
        base[:, 4:10, 4:10] = (120, 60, 90)
        found = []
        for strength in (0, 5, 15, 40):
            noise = np.rint(rng.uniform(-strength, strength, (16, 1, 1, 3))).astype(int)
            video = np.where(base > 0, np.clip(base.astype(int) + noise, 0, 255), 0).astype(np.uint8)
            found.append(pairwise_distance(shape_colours(video)))
        assert found[0] == 0 and (np.diff(found) > 0).all()


class TestOverVideos:
    def test_average_and_counts(self):
        videos = [random_features(), random_features(1, 2), random_features(*range(8)), random_features(*range(9))]
        found = ContentDistance()
        for features in videos:
            found.add(features)
        distances = [naive_pairs(features) for features in videos[:2]]
        assert found.value == pytest.approx(sum(distances) / 2)
        assert found.distances.spread == pytest.approx(abs(distances[0] - distances[1]) / 2)
        assert found.counts() == {
            "videos": 4,
            "videos left out": 2,
            "frames": 36,
            "frames without a feature": 2 + 8 + 9,
        }

    def test_another_measure(self):
        found = ContentDistance(distance_to_first)
        found.add(np.array([[0.0], [3.0], [5.0]]))
        found.add(np.array([[np.nan], [3.0], [5.0]]))
        assert found.value == 4
        assert found.counts()["videos left out"] == 1

    def test_nothing_found(self):
        found = ContentDistance()
        found.add(random_features(*range(9)))
        message = r"none of 1 videos has features in enough frames \(9 of 9 frames have none\); is it the right metric"
        with pytest.raises(DataError, match=message):
            _ = found.value

    @pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0)])
    def test_another_shape(self, shape):
        with pytest.raises(ValueError, match=r"they must be \(T, D\)"):
            ContentDistance().add(np.zeros(shape))
