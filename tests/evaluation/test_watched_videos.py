"""What is noted of videos while they are read."""

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.watched_videos import WatchedVideos, are_square, length_setting, size_warnings
from tests.evaluation.fakes import Videos


def blank(length, height, width):
    return np.zeros((length, height, width, 3), np.uint8)


def test_only_what_was_read_is_noted():
    videos = WatchedVideos(Videos([blank(5, 8, 8), blank(5, 8, 8), blank(9, 8, 12), None, blank(2, 16, 16)]))
    assert (videos.common_length, videos.frame_size, len(videos), videos.name) == (None, None, 5, "videos")
    with pytest.raises(DataError):
        videos.read(3)
    assert len(videos.read(0)) == 5
    assert len(videos.read(1, lambda length: [length - 1])) == 1
    assert (videos.common_length, videos.frame_size) == (5, "8 x 8")
    videos.read(4)
    assert (videos.common_length, videos.frame_size) == (None, "mixed")
    videos.read(2)
    assert videos.frame_size == "mixed, not all square"


def test_a_video_that_gives_no_clip_is_not_noted():
    def refuse(length):
        raise DataError("too short")

    videos = WatchedVideos(Videos([blank(5, 8, 8)]))
    with pytest.raises(DataError, match="too short"):
        videos.read(0, refuse)
    assert (videos.common_length, videos.frame_size) == (None, None)


@pytest.mark.parametrize(
    ("length", "stride", "start", "found"),
    [
        (32, 2, "random", None),
        (31, 2, "random", None),
        (32, 1, "random", 32),
        (32, 1, "first", None),
        (None, 1, "middle", None),
    ],
)
def test_the_length_is_a_setting_where_it_matters(length, stride, start, found):
    expected = {} if found is None else {"evaluated_length": found}
    assert length_setting(length, frames=16, stride=stride, start=start) == expected


def test_sizes_that_a_reader_should_know_of():
    assert size_warnings("none", evaluated="64 x 64", reference="64 x 64") == ()
    assert size_warnings("none", evaluated="64 x 64") == ()
    assert len(size_warnings("none", evaluated="64 x 64", reference="mixed")) == 1
    assert len(size_warnings("centre", evaluated="64 x 112", reference="64 x 112")) == 0  # cut, not squeezed
    (line,) = size_warnings("none", evaluated="64 x 112", reference="64 x 112")
    assert "(evaluated ones of 64 x 112 pixels and real ones of 64 x 112 pixels)" in line
    mixed = size_warnings("none", evaluated="mixed, not all square", reference="32 x 32")
    assert mixed[0].startswith("frames of mixed sizes, not all square against frames of 32 x 32 pixels: ")
    assert "(evaluated ones of mixed sizes, not all square)" in mixed[1]


def test_squares():
    assert all(are_square(size) for size in (None, "mixed", "8 x 8"))
    assert not any(are_square(size) for size in ("8 x 12", "mixed, not all square"))
