"""PSNR and SSIM of predictions."""

import functools
import math

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.metrics.baselines import frames_ahead
from mocogan_chainer.evaluation.metrics.psnr_ssim import compare
from tests.evaluation.fakes import Videos

psnr, ssim = (functools.partial(compare, metric=metric) for metric in ("psnr", "ssim"))


def grey(levels, height=12, width=12):
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), height, width, 3)).copy()


def decibels(*differences):
    """PSNR of even frames that differ by so much, one a frame."""
    return [10 * math.log10(255**2 / d**2) for d in differences]


def score(real, fake, metric=psnr, **how):
    real, fake = (v if isinstance(v, Videos) else Videos(v, name=n) for v, n in ((real, "real"), (fake, "fake")))
    return metric(real, fake, range(len(real)), **how)


def test_psnr_by_hand():
    found = score([grey([10, 20, 30]), grey([50, 50, 50])], [grey([11, 22, 34]), grey([60, 60, 55])])
    curves = [decibels(1, 2, 4), decibels(10, 10, 5)]
    means = [np.mean(curve) for curve in curves]
    assert found.value == pytest.approx(np.mean(means))
    assert found.spread == pytest.approx(abs(means[0] - means[1]) / 2)
    assert found.spread_kind == "standard error of the mean over videos"
    assert found.others == {"per frame": pytest.approx(np.mean(curves, axis=0))}
    assert found.evaluated == "fake"
    assert found.counts == {
        "videos": 2,
        "videos left out": 0,
        "equal frames left out": 0,
        "videos unreadable": 0,
    }
    assert not found.warnings


def test_the_protocol():
    found = score([grey([10] * 5)], [grey([11] * 5)], metric=ssim, context=2, seed=4)
    p = found.protocol
    assert (p.metric, p.name, p.size, p.frames, p.stride, p.seed) == ("ssim", "ssim", 12, 5, 1, 4)
    assert (p.reference, p.reference_samples, p.evaluated_samples) == ("real 0123456789abcdef", 1, 1)
    assert dict(p.settings) == {
        "context": 2,
        "window": 11,
        "sigma": 1.5,
        "k1": 0.01,
        "k2": 0.03,
        "colours": "mean of R, G and B",
    }


def test_the_size_is_recorded_where_there_is_one():
    assert score([grey([1], 12, 14)], [grey([2], 12, 14)]).protocol.size is None
    assert score([grey([1], 12, 12), grey([1], 16, 16)], [grey([2], 12, 12), grey([2], 16, 16)]).protocol.size is None


def test_ssim_of_even_frames():
    """Without variance only the luminance is left: (2 a b + c) / (a^2 + b^2 + c)."""
    c = (0.01 * 255) ** 2
    expected = [(2 * a * b + c) / (a * a + b * b + c) for a, b in ((10, 40), (30, 30))]
    found = score([grey([10, 30])], [grey([40, 30])], metric=ssim)
    assert found.others["per frame"] == pytest.approx(expected)
    assert found.value == pytest.approx(np.mean(expected))


class TestContext:
    def test_what_was_seen_is_not_scored(self):
        found = score([grey([10, 20, 30, 44])], [grey([99, 20, 31, 40])], context=2)
        assert found.others["per frame"] == pytest.approx(decibels(1, 4))
        assert found.value == pytest.approx(np.mean(decibels(1, 4)))

    def test_the_baseline_repeats_the_last_frame_that_was_seen(self):
        real = [grey([10, 20, 30, 44]), grey([0, 50, 58, 52])]
        found = score(real, [grey([0, 0, 31, 40]), grey([0, 0, 56, 51])], context=2)
        copies = [decibels(10, 24), decibels(8, 2)]
        own = [decibels(1, 4), decibels(2, 1)]
        assert found.others["copy-last-frame"] == pytest.approx(np.mean(copies))
        assert found.others["copy-last-frame per frame"] == pytest.approx(np.mean(copies, axis=0))
        gains = np.mean(own, axis=1) - np.mean(copies, axis=1)
        assert found.others["gain over copy-last-frame"] == pytest.approx(gains.mean())
        assert found.others["gain over copy-last-frame spread"] == pytest.approx(abs(gains[0] - gains[1]) / 2)

    def test_copying_gains_nothing(self):
        real = [grey([10, 20, 30, 44]), grey([0, 50, 58, 52])]
        found = score(real, [grey([10, 20, 20, 20]), grey([0, 50, 50, 50])], context=2)
        assert found.value == found.others["copy-last-frame"]
        assert found.others["gain over copy-last-frame"] == 0

    def test_a_still_video(self):
        """Copying is perfect and infinite, so there is nothing to subtract."""
        found = score([grey([10, 10, 10])], [grey([10, 11, 12])], context=1)
        assert found.others["copy-last-frame"] == math.inf
        assert "gain over copy-last-frame" not in found.others

    @pytest.mark.parametrize("context", [3, 4])
    def test_nothing_left(self, context):
        with pytest.raises(ConfigError, match=f"context={context}: it must be less than the 3 frames"):
            score([grey([1, 2, 3])], [grey([1, 2, 3])], context=context)

    def test_negative(self):
        with pytest.raises(ConfigError, match="context=-1: it must be at least 0"):
            score([grey([1])], [grey([1])], context=-1)


class TestEqualFrames:
    def test_are_left_out_and_counted(self):
        found = score([grey([10, 20]), grey([7, 7])], [grey([10, 22]), grey([7, 7])])
        assert found.value == pytest.approx(decibels(2)[0])
        assert found.others["per frame"] == [math.inf, pytest.approx(decibels(2)[0])]
        assert found.counts["equal frames left out"] == 3
        assert found.counts["videos left out"] == 1
        assert "3 frames equal the true ones" in found.warnings[0]

    def test_of_whole_sets(self, tmp_path):
        videos = [grey([10, 20])]
        found = score(videos, videos)
        assert (found.value, found.spread) == (math.inf, None)
        found.write(tmp_path / "result.json")
        assert score(videos, videos, metric=ssim).value == pytest.approx(1)


class TestWhichFrames:
    def test_the_first(self):
        found = score([grey([10, 20, 90])], [grey([11, 22])], frames=2)
        assert found.others["per frame"] == pytest.approx(decibels(1, 2))
        assert found.protocol.frames == 2

    def test_of_a_real_video_every_second(self):
        found = score([grey([10, 90, 20, 90, 30])], [grey([11, 22, 34])], stride=2)
        assert found.others["per frame"] == pytest.approx(decibels(1, 2, 4))

    def test_too_few(self):
        with pytest.raises(DataError, match=r"fake: video0 gives 2 frames, fewer than frames=3"):
            score([grey([1, 2, 3])], [grey([1, 2])], frames=3)
        with pytest.raises(DataError, match=r"real: video0 gives 2 frames, fewer than frames=3"):
            score([grey([1, 2, 3])], [grey([1, 2, 3])], frames=3, stride=2)


class TestUnlike:
    def test_counts(self):
        with pytest.raises(
            DataError, match=r"fake has 1 videos and real has 2: video i of one is compared with video i"
        ):
            score([grey([1]), grey([1])], [grey([1])])

    def test_lengths(self):
        with pytest.raises(
            DataError, match=r"video0 is 2 frames of 12 x 12, and video0 of real, .* 3 frames of 12 x 12"
        ):
            score([grey([1, 2, 3])], [grey([1, 2])])

    def test_sizes(self):
        with pytest.raises(DataError, match=r"video0 is 1 frames of 13 x 12, and .* 1 frames of 12 x 12"):
            score([grey([1])], [grey([1], 12, 13)])

    def test_lengths_within_a_set(self):
        videos = [grey([1, 2, 3]), grey([1, 2])]
        with pytest.raises(DataError, match=r"videos of 3 and of 2 frames: .* frames=2"):
            score(videos, videos)
        assert score(videos, videos, frames=2).counts["videos"] == 2

    def test_categories(self):
        real, fake = ([grey([1]), grey([2])] for _ in range(2))
        sets = Videos(real, [0, 1], ("up", "left")), Videos(fake, [0, 1], ("left", "up"))
        found = score(*sets, metric=ssim)
        assert found.warnings == (
            "2 videos have another category than those they are compared with, the first of them video 0: are both "
            "sets in the same order?",
        )
        same = Videos(fake, [1, 0], ("left", "up"))
        assert not score(sets[0], same, metric=ssim).warnings
        assert not score(sets[0], Videos(fake), metric=ssim).warnings


class TestWholeMotions:
    REAL = (grey([10, 20, 30, 44]), grey([50, 58]), grey([7]))
    FAKE = (grey([99, 21, 32, 40]), grey([99, 54]), grey([99]))

    def test_may_differ_in_length(self):
        found = score(list(self.REAL), list(self.FAKE), whole=True)
        frames = decibels(89, 1, 2, 4), decibels(49, 4), decibels(92)
        assert found.value == pytest.approx(np.mean([np.mean(video) for video in frames]))
        shared = [np.mean([video[i] for video in frames if i < len(video)]) for i in range(4)]
        assert found.others == {"per frame": pytest.approx(shared)}
        assert (found.protocol.frames, found.protocol.reference_samples) == (None, 3)

    def test_photos_have_no_truth_beyond_what_was_seen(self):
        found = score(list(self.REAL), list(self.FAKE), whole=True, context=1)
        own, copies = (decibels(1, 2, 4), decibels(4)), (decibels(10, 20, 34), decibels(8))
        assert found.value == pytest.approx(np.mean([np.mean(video) for video in own]))
        assert found.others["copy-last-frame"] == pytest.approx(np.mean([np.mean(video) for video in copies]))
        assert found.counts["videos"] == 2
        assert found.counts["videos unreadable or too short"] == 1
        assert found.warnings == (
            "1 videos are left out; the first: real: video2 gives 1 frames, of which the first 1 are given: no truth "
            "is left to compare with",
        )
        with pytest.raises(
            DataError, match="fake: none of its 1 videos can be compared; the first: real: video0 gives"
        ):
            score([grey([7])], [grey([8])], whole=True, context=1)

    def test_of_one_length_say_it(self):
        assert score([self.REAL[1]] * 2, [self.FAKE[1]] * 2, whole=True).protocol.frames == 2
        assert score(list(self.REAL[:2]), list(self.FAKE[:2]), whole=True, frames=2).protocol.frames == 2

    def test_one_that_lacks_frames_is_left_out(self):
        longest = max(map(len, self.REAL))
        found = score(list(self.REAL), list(self.FAKE), whole=True, frames=longest)
        assert found.protocol.reference_samples == sum(len(video) == longest for video in self.REAL)
        assert found.counts["videos unreadable or too short"] == sum(len(video) < longest for video in self.REAL)


def test_what_more_they_depend_on_is_in_the_protocol():
    found = score([grey([10])], [grey([11])], resize="area", settings={"alphas": "linear"})
    assert found.protocol.resize == "area"
    assert dict(found.protocol.settings) == {"peak": 255, "equal_frames": "leave out", "context": 0, "alphas": "linear"}
    assert score([grey([10])], [grey([11])]).protocol.resize == "none"


def test_broken_videos_are_counted():
    told = []
    found = score([grey([10]), None, grey([20])], [grey([11]), grey([5]), None], advance=told.append)
    assert found.value == pytest.approx(decibels(1)[0])
    assert found.counts["videos unreadable"] == 2
    assert found.protocol.evaluated_samples == 1
    assert found.warnings == ("2 videos are left out; the first: video1: cannot be read",)
    assert sum(told) == 3
    with pytest.raises(
        DataError, match="fake: none of its 1 videos can be compared; the first: video0: cannot be read"
    ):
        score([None], [grey([1])])


def test_only_the_pairs_that_were_chosen():
    real, fake = Videos([grey([10])] * 3), Videos([grey([11]), grey([12]), grey([14])])
    assert psnr(real, fake, [2]).value == pytest.approx(decibels(4)[0])


def moving(length, left=4):
    """A soft column of light that goes right by a pixel a frame."""
    places = np.arange(20)[None, None, :, None] - left - np.arange(length)[:, None, None, None]
    return np.round(np.broadcast_to(200 * np.exp(-(places**2) / 8), (length, 20, 20, 3))).astype(np.uint8)


class TestOpticalFlow:
    def test_beats_a_copy_where_something_moves(self):
        real = [moving(6), moving(6, 7)]
        found = score(real, [255 - video for video in real], context=2)
        assert found.others["optical-flow"] > found.others["copy-last-frame"] + 3
        own, flow = np.array(found.others["per frame"]), np.array(found.others["optical-flow per frame"])
        assert found.others["gain over optical-flow per frame"] == pytest.approx(own - flow)
        assert found.others["gain over optical-flow"] == pytest.approx(found.value - found.others["optical-flow"])

    def test_needs_two_frames(self):
        found = score([moving(4)] * 2, [moving(4, 5)] * 2, context=1)
        assert "copy-last-frame" in found.others
        assert not [name for name in found.others if "optical" in name]


def test_standard_errors_at_each_frame():
    found = score([grey([10, 20, 30])] * 3, [grey([0, 21, 32]), grey([0, 22, 34]), grey([0, 24, 34])], context=1)
    columns = np.transpose([decibels(1, 2), decibels(2, 4), decibels(4, 4)])
    expected = [np.std(column, ddof=1) / math.sqrt(3) for column in columns]
    assert found.others["per frame spread"] == pytest.approx(expected)
    assert found.others["gain over copy-last-frame per frame spread"] == pytest.approx(expected)
    gains = [np.mean(column) - copy for column, copy in zip(columns, decibels(10, 20), strict=True)]
    assert found.others["gain over copy-last-frame per frame"] == pytest.approx(gains)


def test_several_futures():
    """Of video 0 the first is the best, whose second frame equals the truth; of video 1 the first, too."""
    futures = {0: [grey([40, 30]), grey([22, 31])], 1: [grey([21, 32]), grey([24, 34])]}
    real, fake = [grey([10, 20, 30])] * 2, [grey([10, 21, 31])] * 2
    found = score(real, fake, context=1, futures=lambda index: np.stack(futures[index]))
    assert found.value == pytest.approx(np.mean(decibels(1, 1)))
    best = decibels(20)[0], np.mean(decibels(1, 2))
    assert found.others["best of K"] == pytest.approx(np.mean(best))
    assert found.others["best of K per frame"] == pytest.approx([np.mean(decibels(20, 1)), *decibels(2)])
    singles = [(decibels(20)[0] + np.mean(decibels(2, 1))) / 2, np.mean([decibels(1, 2), decibels(4, 4)])]
    assert found.others["mean of K"] == pytest.approx(np.mean(singles))
    assert found.counts["futures of a video"] == 2
    assert found.counts["exact futures left out"] == 0


def test_a_baseline_that_is_exact_where_predictions_are_not():
    still, moving = grey([10, 10, 10]), grey([10, 20, 30])
    found = score([still, still, moving], [still + 5, still + 5, moving + 2], context=1)
    assert found.counts["exact frames of copy-last-frame left out"] == 4
    assert found.warnings == (
        "4 frames of the baseline copy-last-frame equal the true ones, and the predictions do not: the baseline's "
        "average and the gain over it leave these frames out, so both flatter the predictions",
    )
    assert frames_ahead(found.others) == []


def test_videos_that_are_averaged_are_counted():
    """The second one is exact throughout."""
    real = [grey([1, 2]), grey([3, 4]), grey([5, 6])]
    found = score(real, [real[0] + 1, real[1], real[2] + 2])
    assert (found.protocol.evaluated_samples, found.protocol.reference_samples) == (2, 2)
    assert score(real, real).protocol.evaluated_samples == 3  # of them all the value is: infinite
