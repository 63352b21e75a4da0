"""Real videos of one class and of one size, against pictures whose scaling is known."""

import numpy as np
import pytest

from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation.sized_videos import SizedVideos
from tests.evaluation.fakes import Videos


def blocks(length, size=8, side=2):
    """Squares of one random colour each, ``side`` pixels wide, on ``length`` frames."""
    colours = np.random.default_rng(length).integers(0, 256, (length, size // side, size // side, 3), np.uint8)
    return colours.repeat(side, axis=1).repeat(side, axis=2), colours


def test_frames_shrink_by_area():
    large, colours = blocks(3)
    np.testing.assert_array_equal(SizedVideos(Videos([large]), 4).read(0), colours)


def test_lengths_that_are_known():
    videos = Videos([blocks(3)[0], blocks(5)[0], None], [0, 1, 1], ("sad", "happy"))
    assert [SizedVideos(videos, 4, "happy").known_length(i) for i in range(2)] == [5, None]


def test_frames_grow():
    grey = np.full((2, 4, 4, 3), 77, np.uint8)
    np.testing.assert_array_equal(SizedVideos(Videos([grey]), 8).read(0), np.full((2, 8, 8, 3), 77))


def test_frames_of_the_size_stay():
    large, _ = blocks(3)
    np.testing.assert_array_equal(SizedVideos(Videos([large]), 8).read(0), large)


def test_wanted_frames():
    large, colours = blocks(5)
    videos = SizedVideos(Videos([large]), 4)
    assert videos.length(0) == 5
    np.testing.assert_array_equal(videos.read(0, lambda length: [length - 1, 0, 0]), colours[[4, 0, 0]])


class TestOfAClass:
    REAL = Videos([blocks(n)[0] for n in (1, 2, 3, 4)], [1, 0, 1, -1], ("sad", "happy"))
    REAL.subjects = tuple("abcd")

    def test_the_others_are_left_out(self):
        videos = SizedVideos(self.REAL, 8, "happy")
        assert [videos.id(i) for i in range(len(videos))] == ["video0", "video2"]
        assert [videos.label(i) for i in range(2)] == [1, 1]
        assert [videos.length(i) for i in range(2)] == [1, 3]
        assert videos.subjects == ["a", "c"]
        np.testing.assert_array_equal(videos.read(1), self.REAL.videos[2])
        assert videos.class_names == ("sad", "happy")

    @pytest.mark.parametrize("name", [None, "angry"])
    def test_no_class_of_the_set(self, name):
        assert len(SizedVideos(self.REAL, 8, name)) == 4

    def test_a_class_without_videos(self):
        with pytest.raises(DataError, match="videos: none of its 1 videos is of the class happy"):
            SizedVideos(Videos([blocks(1)[0]], [0], ("sad", "happy")), 8, "happy")

    def test_the_reference_says_it(self):
        assert SizedVideos(self.REAL, 4, "happy").reference == (
            "videos 0123456789abcdef, class happy, frames scaled to 4 x 4"
        )
        assert SizedVideos(self.REAL, 4).reference == "videos 0123456789abcdef, frames scaled to 4 x 4"


@pytest.fixture(scope="module")
def real(tiny_dataset):
    return PreparedVideos(PreparedDataset.open(tiny_dataset))


class TestOfAPreparedSet:
    def test_of_the_size_is_the_set_itself(self, real):
        videos = SizedVideos(real, 16)
        assert (videos.reference, videos.resize) == (real.reference, "none")
        assert (videos.name, videos.title, videos.split) == (real.name, "shapes", "all")
        np.testing.assert_array_equal(videos.read(3), real.read(3))

    def test_of_another_size_is_another_set(self, real):
        videos = SizedVideos(real, 8)
        assert videos.reference == f"{real.reference}, frames scaled to 8 x 8"
        assert videos.resize == "area where they shrink, linear where they grow"
        mean = real.read(3).reshape(24, 8, 2, 8, 2, 3).mean(axis=(2, 4))
        assert np.abs(videos.read(3) - mean).max() <= 0.5  # rounded


def test_frames_that_are_not_square():
    wide = np.zeros((2, 4, 6, 3), np.uint8)
    with pytest.raises(DataError, match=r"videos: video0 has frames of 6 x 4 pixels, and square ones are needed; cut"):
        SizedVideos(Videos([wide]), 4).read(0)
