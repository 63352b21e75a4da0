"""The first frames of videos."""

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.first_frames import FirstFrames
from tests.evaluation.fakes import Videos, noisy

REAL = noisy(2, length=9)


def test_lengths_that_are_known():
    videos = FirstFrames(Videos([np.zeros((n, 8, 8, 3), np.uint8) for n in (4, 5, 9)] + [None]), 3, 2)
    assert [videos.known_length(index) for index in range(4)] == [0, 3, 3, None]


def test_at_a_stride():
    videos = FirstFrames(Videos(REAL), 4, stride=2)
    assert [videos.length(i) for i in range(len(videos))] == [4, 4]
    for index, real in enumerate(REAL):
        np.testing.assert_array_equal(videos.read(index), real[[0, 2, 4, 6]])


def test_wanted_ones():
    asked = []
    videos = FirstFrames(Videos(REAL), 4, stride=2)
    np.testing.assert_array_equal(videos.read(1, lambda n: asked.append(n) or [3, 0, 0]), REAL[1][[6, 0, 0]])
    assert asked == [4]


def test_too_short():
    videos = FirstFrames(Videos([REAL[0], REAL[1][:6]]), 4, stride=2)
    with pytest.raises(DataError, match="videos: video1 gives 3 frames at stride 2, fewer than frames=4"):
        videos.read(1)
    with pytest.raises(DataError, match="video1 gives 3 frames"):
        videos.read(1, lambda length: [0])
    assert len(FirstFrames(Videos([REAL[0][:7]]), 4, stride=2).read(0)) == 4  # 0, 2, 4 and 6 are just there


def test_whose_they_are():
    real = Videos(REAL, [1, -1], ("up", "down"))
    real.split, real.subjects, real.unordered = "test", ["a", ""], True
    videos = FirstFrames(real, 4)
    assert [videos.id(i) for i in range(2)] == ["video0", "video1"]
    assert [videos.label(i) for i in range(2)] == [1, -1]
    assert (videos.name, videos.split, videos.subjects, videos.unordered) == ("videos", "test", ["a", ""], True)
    assert (videos.title, videos.class_names, videos.any_thread) == ("videos", ("up", "down"), True)


def test_the_reference_knows_what_is_taken():
    made = [FirstFrames(Videos(REAL), 4), FirstFrames(Videos(REAL), 3), FirstFrames(Videos(REAL), 4, stride=2)]
    assert len({videos.reference for videos in made}) == 3
    assert made[2].reference == "videos 0123456789abcdef, the first 4 frames at stride 2"


@pytest.mark.parametrize(("frames", "stride"), [(0, 1), (1, 0)])
def test_mistakes(frames, stride):
    with pytest.raises(ConfigError, match="=0: it must be at least 1"):
        FirstFrames(Videos(REAL), frames, stride)
