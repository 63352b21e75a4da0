"""What predictions gain over ways that learn nothing."""

import math

import numpy as np
import pytest

from mocogan_chainer.evaluation.metrics.baselines import Gains, baselines, frames_ahead, frames_behind

SEEN = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
OWN = np.array([[30.0, 28, 20], [33, 25, math.inf], [36, 28, 24]])
THEIRS = np.array([[29.0, 25, 22], [31, math.inf, 20], [30, 24, 23]])


def gathered(own=OWN, theirs=THEIRS):
    gains = Gains("copying", own.shape[1])
    for pair in zip(own, theirs, strict=True):
        gains.add(*pair)
    return gains.others()


@pytest.mark.parametrize(
    ("context", "names"), [(0, []), (1, ["copy-last-frame"]), (2, ["copy-last-frame", "optical-flow"])]
)
def test_what_can_be_done_with_what_was_seen(context, names):
    assert list(baselines(context)) == names


def test_they_continue_what_was_seen():
    still = np.stack([SEEN[-1]] * 2)
    for go_on in baselines(2).values():
        np.testing.assert_array_equal(go_on(still, 4), np.stack([SEEN[-1]] * 4))
    np.testing.assert_array_equal(baselines(1)["copy-last-frame"](SEEN, 2), SEEN[[-1, -1]])


def test_frame_by_frame_where_both_are_finite():
    """Gains 1, 2 and 6, then 3 and 4, then -2 and 1."""
    found = gathered()
    assert found["gain over copying per frame"] == pytest.approx([3, 3.5, -0.5])
    deviations = math.sqrt((4 + 1 + 9) / 2), math.sqrt(0.5), math.sqrt(4.5)
    errors = [d / math.sqrt(n) for d, n in zip(deviations, (3, 2, 2), strict=True)]
    assert found["gain over copying per frame spread"] == pytest.approx(errors)
    assert found["copying per frame"] == pytest.approx([30, 24.5, 65 / 3])


def test_of_whole_videos():
    """Of the second one, only the first frame has two finite scores."""
    found = gathered()
    wholes = [(1 + 3 - 2) / 3, 33 - 31, (6 + 4 + 1) / 3]
    assert found["copying"] == pytest.approx(np.mean([76 / 3, 25.5, 77 / 3]))
    assert found["copying spread"] == pytest.approx(np.std([76 / 3, 25.5, 77 / 3], ddof=1) / math.sqrt(3))
    assert found["gain over copying"] == pytest.approx(np.mean(wholes))
    assert found["gain over copying spread"] == pytest.approx(np.std(wholes, ddof=1) / math.sqrt(3))


def test_a_video_is_compared_frame_with_frame():
    """A prediction that is better wherever both are known is better, whatever else one of them has."""
    own, theirs = np.array([[math.inf, 21, 12], [30, math.inf, math.inf]]), np.array([[40, 20, 11], [math.inf, 1, 1]])
    found = gathered(own, theirs)
    assert found["gain over copying"] == 1
    assert "gain over copying spread" not in found  # the second video has no frame where both are known


def test_of_one_video_nothing_is_known():
    found = gathered(OWN[1:2], THEIRS[1:2])
    assert found["gain over copying per frame"] == [2, 0, 0]
    assert found["gain over copying per frame spread"] == [math.inf] * 3
    assert "gain over copying spread" not in found


def test_of_videos_that_differ_in_length():
    gains = Gains("copying", None)
    gains.add(np.array([3.0]), np.array([1.0]))
    gains.add(np.array([5.0, 6]), np.array([1.0, 1]))
    gains.add(np.array([4.0]), np.array([1.0]))
    assert gains.others()["gain over copying per frame"] == [3, 5]


class TestFramesAhead:
    def others(self, **gains):
        found = {}
        for name, values in gains.items():
            name = {"copy": "copy-last-frame", "flow": "optical-flow"}[name]
            found[f"gain over {name} per frame"] = [gain for gain, _ in values]
            found[f"gain over {name} per frame spread"] = [spread for _, spread in values]
        return found

    def test_of_both(self):
        copy = [(3, 1), (3, 1), (2, 1), (9, 1), (9, math.inf), (5, 1)]
        flow = [(3, 1), (1, 1), (9, 1), (9, 1), (9, 1), (-5, 1)]
        assert frames_ahead(self.others(copy=copy, flow=flow)) == [1, 4]
        assert frames_ahead(self.others(copy=copy)) == [1, 2, 4, 6]

    def test_nowhere(self):
        assert frames_ahead(self.others(copy=[(-1, 0.1), (0, 0)])) == []

    def test_nobody_knows(self):
        assert frames_ahead({"per frame": [1.0]}) is None
        assert frames_ahead(self.others(copy=[(3, math.inf), (0, math.inf)])) is None

    def test_an_exact_baseline_counts_against_the_prediction(self):
        """At the first frame it is exact in 16 of 20 videos; in the other four the prediction is 10 better."""
        own = np.full((20, 2), 30.0)
        theirs = np.tile([20.0, 20.0], (20, 1)) + np.linspace(0, 1, 20)[:, None]
        theirs[:16, 0] = math.inf
        found = self.of_copying(own, theirs)
        assert found["gain over copy-last-frame per frame"][0] > 9
        assert frames_ahead(found) == [2]
        assert frames_behind(found, "copy-last-frame") == [1]

    @pytest.mark.parametrize(("lost", "ahead"), [(1, [1]), (3, [])])
    def test_an_exact_prediction_counts_for_it(self, lost, ahead):
        """Of nine videos: 8 - 1 is more than twice the root of 9, and 6 - 3 is less."""
        own = [[19.0]] * lost + [[math.inf]] * (9 - lost)
        assert frames_ahead(self.of_copying(np.array(own), np.full((9, 1), 20.0))) == ahead

    def of_copying(self, own, theirs):
        gains = Gains("copy-last-frame", own.shape[1])
        for pair in zip(own, theirs, strict=True):
            gains.add(*pair)
        return gains.others()
