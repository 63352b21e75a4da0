"""The best of several futures, by hand."""

import math

import numpy as np
import pytest

from mocogan_chainer.evaluation.metrics.best_of import BestOf


def gathered(*videos):
    best = BestOf()
    for scores in videos:
        best.add(np.array(scores, float))
    return best.others()


def test_the_one_with_the_best_average_over_the_horizon():
    """Not the best frame by frame: the second future of the first video has no best frame, and none of the third's."""
    found = gathered([[30, 10], [24, 23], [10, 30]], [[10, 20], [12, 22], [1, 1]])
    assert found["best of K per frame"] == [(24 + 12) / 2, (23 + 22) / 2]
    assert found["best of K"] == pytest.approx((23.5 + 17) / 2)
    assert found["best of K spread"] == pytest.approx((23.5 - 17) / 2)
    singles = (20 + 23.5 + 20) / 3, (15 + 17 + 1) / 3
    assert found["mean of K"] == pytest.approx(np.mean(singles))


def test_one_video():
    assert gathered([[1, 3]]) == {"best of K": 2, "best of K per frame": [1, 3], "mean of K": 2}


def test_exact_frames_rank_first_and_are_left_out_of_averages():
    found = gathered([[30, 30], [math.inf, 20]], [[10, 10], [5, 5]])
    assert found["best of K per frame"] == [10, 15]
    assert found["best of K"] == 15
    assert found["mean of K"] == pytest.approx((25 + 7.5) / 2)


def test_of_as_many_exact_frames_the_others_decide():
    found = gathered([[math.inf, 20, 22], [25, math.inf, 24], [math.inf, 50, 1], [99, 99, 99]])
    assert found["best of K"] == 25.5
    assert found["best of K per frame"] == [math.inf, 50, 1]
    more = gathered([[math.inf, 60, 60], [math.inf, math.inf, 3]])
    assert more["best of K"] == 3


def test_exact_futures_are_counted():
    best = BestOf()
    best.add(np.array([[30, 30], [math.inf, math.inf]]))
    assert best.others() == {"best of K": math.inf, "best of K per frame": [math.inf] * 2, "mean of K": 30}
    best.add(np.array([[10, 20], [5, math.inf]]))
    assert best.counts() == {"futures of a video": 2, "exact futures left out": 1}
    assert best.others()["best of K"] == 5
    assert best.others()["mean of K"] == pytest.approx((30 + 10) / 2)
    assert gathered([[math.inf]])["mean of K"] == math.inf
