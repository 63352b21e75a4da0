"""Animated first frames as a set, with an animator whose every pixel can be told beforehand."""

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.animated_videos import TILE, AnimatedVideos
from tests.evaluation.fakes import Fading, Videos, noisy


def grey(length, level):
    """A video whose first frame alone is of this grey."""
    video = np.full((length, 8, 8, 3), 200, np.uint8)
    video[0] = level
    return video


def of(real, animator=None, **how):
    settings = {"name": "run/snapshot.npz", "fingerprint": "f" * 16}
    return AnimatedVideos(animator or Fading(), Videos(real) if isinstance(real, list) else real, **(settings | how))


def levels(videos, index, **how):
    return videos.read(index, **how)[:, 0, 0, 0].tolist()


def test_the_first_frame_fades_evenly_over_the_real_videos_length():
    videos = of([grey(5, 0), grey(3, 55)])
    assert levels(videos, 0) == [0, 64, 128, 191, 255]  # 255 times 0, 1/4, 1/2, 3/4, 1
    assert levels(videos, 1) == [55, 128, 200]
    assert [videos.length(i) for i in range(len(videos))] == [5, 3]


@pytest.mark.parametrize(("length", "expected"), [(9, [0, 64, 128, 191, 255]), (8, [0, 85, 170, 255]), (2, [0])])
def test_a_stride_makes_as_many_as_there_are_real_frames(length, expected):
    """At every second frame 9 give 0, 2, 4, 6 and 8; 8 give 0, 2, 4 and 6; and 2 the first alone."""
    videos = of([grey(length, 0)], stride=2)
    assert videos.length(0) == len(expected) == len(videos.truth(0))
    assert levels(videos, 0) == expected


def test_a_photo_alone_does_not_move():
    videos = of([grey(1, 33)])
    assert (videos.length(0), levels(videos, 0)) == (1, [33])


def test_another_length():
    videos = of([grey(1, 0), grey(7, 55)], length=3)
    assert [videos.length(i) for i in range(2)] == [3, 3]
    assert [levels(videos, i) for i in range(2)] == [[0, 128, 255], [55, 128, 200]]


def test_lengths_that_are_known():
    real = Videos([grey(7, 0), grey(4, 0), None])
    assert [of(real, stride=3).known_length(i) for i in range(3)] == [3, 2, None]
    assert [of(real, length=5).known_length(i) for i in range(3)] == [5, 5, 5]


def test_the_truth_is_the_real_video_at_the_stride():
    real = noisy(2, length=7)
    for index in range(2):
        np.testing.assert_array_equal(of(real, stride=3).truth(index), real[index][[0, 3, 6]])


def test_whose_videos_they_are():
    real = Videos([grey(2, 0)] * 3, [1, 0, -1], ("sad", "happy"))
    real.subjects = ["a", "b", ""]
    videos = of(real)
    assert [videos.id(i) for i in range(3)] == ["video0", "video1", "video2"]
    assert [videos.label(i) for i in range(3)] == [1, 0, -1]
    assert (videos.class_names, videos.subjects) == (("sad", "happy"), ["a", "b", ""])
    assert (videos.any_thread, videos.unordered, videos.split) == (False, False, None)


class TestReading:
    LENGTH = 2 * TILE + 3

    def test_no_more_at_once_than_a_tile(self):
        animator = Fading()
        of([grey(self.LENGTH, 0)], animator).read(0)
        assert animator.asked == [(1, TILE), (1, TILE), (1, 3)]

    def test_only_tiles_that_are_wanted_and_each_once(self):
        animator = Fading()
        videos = of([grey(self.LENGTH, 0)] * 2, animator)
        last = round(255 * (TILE + 1) / (self.LENGTH - 1))
        assert levels(videos, 0, which=lambda length: [TILE + 1, 0, 0]) == [last, 0, 0]
        assert animator.asked == [(1, TILE)] * 2
        videos.read(0, lambda length: range(TILE))
        assert len(animator.asked) == 2
        assert levels(videos, 0)[-1] == 255
        assert len(animator.asked) == 3
        videos.read(1, lambda length: [0])
        assert len(animator.asked) == 4

    def test_a_reader_that_writes_spoils_nothing(self):
        videos = of([grey(3, 0)])
        videos.read(0)[...] = 99
        assert levels(videos, 0) == [0, 128, 255]

    def test_a_video_that_cannot_be_read(self):
        real = Videos([None, grey(3, 0)])
        real.length = lambda index: 3
        videos = of(real)
        with pytest.raises(DataError, match="video0: cannot be read"):
            videos.read(0)
        assert levels(videos, 1) == [0, 128, 255]


def test_the_reference_knows_what_the_videos_depend_on():
    real, other, held_out = (Videos([grey(3, 0)]) for _ in range(3))
    other.reference, held_out.split = "others 76543210", "test"
    made = [of(r) for r in (real, other, held_out)]
    made += [of(real, **how) for how in ({"stride": 2}, {"length": 4}, {"fingerprint": "e" * 16})]
    assert len({videos.reference for videos in made}) == len(made)
    assert made[0].reference == of(real, name="elsewhere").reference
    assert made[2].reference == (
        "snapshot ffffffffffffffff: first frames of videos 0123456789abcdef (test) animated, as long as each at "
        "stride 1, alphas linear from 0 to 1"
    )


@pytest.mark.parametrize("name", ["stride", "length"])
def test_mistakes(name):
    with pytest.raises(ConfigError, match=f"{name}=0: it must be at least 1"):
        of([grey(1, 0)], **{name: 0})
