"""The Inception Score of a set."""

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.metrics.inception_score import inception_score
from tests.evaluation.fakes import Videos, extractor


def videos(levels):
    """The stand-in network's score of the first class is the level, and 0 of the second."""
    return Videos([np.full((4, 8, 8, 3), level, np.uint8) for level in levels])


def score(levels, splits=1, **settings):
    feeding = extractor(output="probabilities", metric="is", **settings)
    return inception_score(videos(levels), range(len(levels)), feeding, splits=splits)


def by_definition(levels):
    first = 1 / (1 + np.exp(-np.array(levels, float)))
    p = np.stack([first, 1 - first], axis=1)
    return np.exp((p * np.log(p / p.mean(0))).sum(1).mean())


def test_the_value_is_the_score():
    levels = [0, 5, 1, 0, 9, 3]
    found = score(levels, samples=6)
    assert found.value == pytest.approx(by_definition(levels), rel=1e-5)
    assert found.counts == {"evaluated": 6, "evaluated left out": 0}
    assert found.protocol.settings == (("epsilon", 1e-16), ("splits", 1))
    assert found.protocol.evaluated_samples == 6
    assert not found.warnings


def test_parts_are_scored_alone_in_the_videos_order():
    levels = [0, 9, 0, 9, 3, 3, 3, 3]
    found = score(levels, splits=2, samples=4)
    assert found.others["parts"] == pytest.approx([by_definition(levels[:4]), 1], rel=1e-5)
    assert found.value == pytest.approx(np.mean(found.others["parts"]))


def test_the_pace():
    """Levels alternate from frame to frame; at stride 2 every clip has the first one's."""
    moving = Videos(
        [np.resize([level, 9 - level], 8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8) for level in (0, 9)]
    )
    feeding = extractor(output="probabilities", metric="is", samples=2)
    found = [inception_score(moving, [0, 1], feeding, splits=1, stride=stride) for stride in (1, 2)]
    assert [each.value for each in found] == pytest.approx([1, by_definition([0, 9])], rel=1e-5)
    assert [each.protocol.stride for each in found] == [1, 2]


def test_fewer_than_published_are_warned_of():
    (warning,) = score([0, 5, 1], samples=2048).warnings
    assert warning.startswith("3 samples a part, and toy takes 2048")


def test_no_clip_at_all():
    short = Videos([np.zeros((2, 8, 8, 3), np.uint8)] * 3)
    with pytest.raises(DataError, match="none of its 3 videos gave a clip"):
        inception_score(short, range(3), extractor(output="probabilities"), splits=1)


def test_videos_that_give_no_clip_are_counted():
    some = videos([0, 5, 1])
    some.videos.append(None)
    found = inception_score(some, range(4), extractor(output="probabilities"), splits=1)
    assert found.counts == {"evaluated": 3, "evaluated left out": 1}
