"""The motion control score of a set."""

import math

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.metrics.motion_control_score import classes_of, motion_control_score, spread
from tests.evaluation.fakes import Videos
from tests.evaluation.test_classifier import Brightness, classifier

DARK, BRIGHT = (np.full((6, 16, 16, 3), level, np.uint8) for level in (20, 220))


def judge(**changes):
    """Takes bright videos for b and dark ones for a, and nothing for c."""
    return classifier(**{"network": FingerprintedBrightness(), **changes})


class FingerprintedBrightness(Brightness):
    def arrays(self):
        return {"W": np.ones(2, np.float32)}


def score(videos, labels, names=("a", "b", "c"), **how):
    fake = Videos(videos, labels, names)
    return motion_control_score(fake, range(len(videos)), how.pop("by", judge()), seed=3, **how)


def test_the_value_and_who_was_taken_for_whom():
    found = score([DARK, DARK, BRIGHT, BRIGHT, BRIGHT, DARK], [0, 0, 1, 0, 1, 1])
    assert found.value == pytest.approx(4 / 6)
    assert found.spread == pytest.approx(spread(4, 6))
    assert found.others["asked for a, seen as a, b, c"] == [2, 1, 0]
    assert found.others["asked for b, seen as a, b, c"] == [1, 2, 0]
    assert found.others["held-out a, seen as a, b, c"] == [1, 0, 1]
    assert found.others["held-out accuracy"] == 3 / 4
    assert found.others["held-out accuracy spread"] == pytest.approx(spread(3, 4))
    assert found.others["held-out chance"] == pytest.approx(1 / 3)
    assert found.others["chance"] == 1 / 2  # of a and b: c was not asked for
    assert found.counts == {
        "evaluated": 6,
        "evaluated left out": 0,
        "evaluated without a category": 0,
        "real, training": 7,
        "real, choosing": 3,
        "real, held out": 4,
        "real, left out": 0,
    }
    assert found.warnings == ("no video of the category c was asked for, so the score says nothing of it",)


def test_chance_is_among_the_classes_that_were_there():
    found = score([DARK] * 3, [0, 1, 2], by=judge(held_out=np.diag([5, 0, 4])))
    assert found.others["chance"] == pytest.approx(1 / 3)
    assert found.others["held-out chance"] == 1 / 2


def test_the_protocol(tmp_path):
    by = judge(seconds=100.0)
    found = score([DARK], [0], by=by, stride=1)
    p = found.protocol
    assert (p.metric, p.weights_sha256, p.seed, p.size, p.frames, p.stride) == ("mcs", by.sha256, 3, 16, 5, 1)
    assert (p.reference, p.split, p.reference_samples, p.evaluated_samples) == (by.reference, "train", 7, 1)
    assert dict(p.settings) == {"evaluated_stride": 1, "classifier_seed": 2, "evaluated_length": 6}
    assert found.frame_sizes == {"evaluated": "16 x 16"}
    assert found.seconds > 100
    found.write(tmp_path / "result.json")


def test_frames_of_another_size_than_the_real_ones():
    found = score([DARK], [0], real_frames="32 x 32")
    assert found.frame_sizes == {"evaluated": "16 x 16", "reference": "32 x 32"}
    assert "frames of 16 x 16 pixels against frames of 32 x 32 pixels" in found.warnings[-1]


def test_categories_are_matched_by_name():
    found = score([DARK, BRIGHT, DARK], [1, 0, 1], ("b", "a"))
    assert found.value == 1


def test_categories_are_matched_by_what_file_names_make_of_theirs():
    """As generate_samples.py names videos; a class that is called so comes first."""
    by = judge(class_names=("a b", "c", "d"))
    assert score([DARK, BRIGHT], [1, 0], ("c", "a_b"), by=by).value == 1
    assert classes_of(Videos([DARK], [0], ("x_y",)), ("x y", "x_y")) == [1]


def test_what_is_left_out_is_counted():
    told = []
    found = score([DARK, BRIGHT, None, DARK[:4], DARK], [0, -1, 1, 1, 1], advance=told.append)
    assert found.value == 1 / 2
    assert found.counts["evaluated"] == found.protocol.evaluated_samples == 2
    assert found.counts["evaluated left out"] == 2
    assert found.counts["evaluated without a category"] == 1
    assert found.warnings[0] == "2 videos are left out; the first: video2: video2: cannot be read"
    assert sum(told) == 4


def test_what_the_classifier_warns_of_is_passed_on():
    by = judge(warnings=("it is poor",))
    assert score([DARK, BRIGHT], [0, 1], by=by).warnings[0] == "it is poor"


class TestRefused:
    def test_no_categories(self):
        message = "videos: its videos have no categories, .* give a snapshot of a model with categories"
        for labels, names in ((None, ()), ([-1, -1], ("a", "b"))):
            with pytest.raises(DataError, match=message):
                score([DARK, DARK], labels, names)

    def test_a_category_that_is_not_known(self):
        message = (
            r"its category walkin is none that the classifier was trained on \(run, walking\) \(did you mean walking"
        )
        with pytest.raises(DataError, match=message):
            score([DARK], [0], ("walkin",), by=judge(class_names=("run", "walking")))

    def test_too_short(self):
        with pytest.raises(
            DataError, match="none of its 1 videos gave a clip; the first: video0: 4 frames, and a clip"
        ):
            score([DARK[:4]], [0])


class TestSpread:
    @pytest.mark.parametrize(("right", "count"), [(50, 100), (3000, 10000), (90, 1000)])
    def test_is_about_the_standard_error(self, right, count):
        share = right / count
        assert spread(right, count) == pytest.approx(math.sqrt(share * (1 - share) / count), rel=0.15)

    @pytest.mark.parametrize("count", [1, 10, 1000])
    def test_is_no_certainty_at_the_ends(self, count):
        assert [spread(count, count), spread(0, count)] == pytest.approx([2 / (count + 4)] * 2)

    def test_twice_the_spread_covers(self):
        """Of the shares that true ones give by chance, about 95 of 100 lie within two spreads, also near the ends."""
        rng = np.random.default_rng(0)
        for true in (0.5, 0.9, 0.98):
            drawn = rng.binomial(60, true, 4000)
            inside = [abs(right / 60 - true) <= 2 * spread(right, 60) for right in drawn]
            assert np.mean(inside) > 0.93
