"""Real beginnings that are continued in a way that can be told beforehand."""

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.continued_videos import ContinuedVideos
from tests.evaluation.fakes import Videos, noisy

REAL = noisy(3, length=9)


class Numbers:
    """Continues video i by frames of the grey 100 + i; it remembers what it was shown."""

    def __init__(self):
        self.shown = []

    def __call__(self, index, seen, length):
        self.shown.append((index, seen.copy(), length))
        return np.full((length, *seen.shape[1:]), 100 + index, np.uint8)


def of(real=REAL, go_on=None, **how):
    settings = {"name": "a/set", "how": "greys", "context": 2, "frames": 4}
    return ContinuedVideos(real if isinstance(real, Videos) else Videos(real), go_on or Numbers(), **(settings | how))


def test_real_frames_and_then_what_is_made_of_them():
    go_on = Numbers()
    videos = of(go_on=go_on, stride=2)
    found = videos.read(1)
    np.testing.assert_array_equal(found[:2], REAL[1][[0, 2]])
    assert (found[2:] == 101).all() and len(found) == videos.length(1) == 4
    ((index, seen, length),) = go_on.shown
    np.testing.assert_array_equal(seen, REAL[1][[0, 2]])
    assert (index, length) == (1, 2)


def test_the_truth():
    videos = of(stride=2)
    np.testing.assert_array_equal(videos.truth(2), REAL[2][[0, 2, 4, 6]])
    np.testing.assert_array_equal(videos.real.read(2), REAL[2][[0, 2, 4, 6]])
    np.testing.assert_array_equal(videos.seen(2), REAL[2][[0, 2]])


def test_the_last_video_is_made_once():
    go_on = Numbers()
    videos = of(go_on=go_on)
    videos.read(0)[...] = 7  # a reader that writes spoils nothing
    videos.truth(0)[...] = 7
    np.testing.assert_array_equal(videos.read(0, lambda length: [length - 1, 0]), [np.full((8, 8, 3), 100), REAL[0][0]])
    np.testing.assert_array_equal(videos.truth(0), REAL[0][:4])
    assert len(go_on.shown) == 1
    videos.read(1)
    videos.read(0)
    assert [shown[0] for shown in go_on.shown] == [0, 1, 0]


def test_videos_that_are_too_short_or_broken():
    videos = of([REAL[0][:3], None, REAL[2]])
    with pytest.raises(DataError, match="video0 gives 3 frames at stride 1, fewer than frames=4"):
        videos.read(0)
    with pytest.raises(DataError, match="video1: cannot be read"):
        videos.read(1)
    np.testing.assert_array_equal(videos.read(2)[:2], REAL[2][:2])


def test_whose_videos_they_are():
    real = Videos(REAL, [1, 0, -1], ("sad", "happy"))
    real.subjects = ["a", "b", ""]
    videos = of(real)
    assert [videos.id(i) for i in range(len(videos))] == ["video0", "video1", "video2"]
    assert [videos.label(i) for i in range(3)] == [1, 0, -1]
    assert (videos.class_names, videos.subjects, videos.title) == (("sad", "happy"), ["a", "b", ""], "videos")
    assert (videos.name, videos.any_thread, videos.unordered, videos.split) == ("a/set", False, False, None)


def test_the_reference_knows_what_the_videos_depend_on():
    real, other, held_out = (Videos(REAL) for _ in range(3))
    other.reference, held_out.split = "others 76543210", "test"
    made = [of(r) for r in (real, other, held_out)]
    made += [of(real, **how) for how in ({"stride": 2}, {"frames": 5}, {"context": 1}, {"how": "blues"})]
    assert len({videos.reference for videos in made}) == len(made)
    assert made[0].reference == of(real, name="elsewhere").reference
    assert made[2].reference == (
        "greys: videos 0123456789abcdef (test) continued from the first 2 to 4 frames at stride 1"
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"context": 0}, "context=0: it must be at least 1"),
        ({"context": 4}, "frames=4: it must be more than context=4, whose frames are among them"),
        ({"stride": 0}, "stride=0: it must be at least 1"),
    ],
)
def test_mistakes(how, said):
    with pytest.raises(ConfigError, match=said):
        of(**how)
