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


def test_equal_frames_are_left_out():
    found = gathered([[math.inf, 20], [30, 30]], [[10, 10], [5, 5]])
    assert found["best of K per frame"] == [20, 20]
    assert found["mean of K"] == pytest.approx((25 + 7.5) / 2)
    whole = gathered([[math.inf, math.inf], [30, 30]])
    assert (whole["best of K"], whole["mean of K"]) == (math.inf, 30)
    assert gathered([[math.inf]])["mean of K"] == math.inf
