"""Samples as a set, against those that sampling writes, and by counting what is rendered."""

from types import SimpleNamespace

import numpy as np
import pytest

from mocogan_chainer import sampling, seeding, video
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation.snapshot_videos import SnapshotVideos
from mocogan_chainer.evaluation.video_files import VideoFiles
from mocogan_chainer.models.mocogan.codes import CodeSizes
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.sampler import MoCoGANSampler

NAMES = ("left", "right", "up")


@pytest.fixture(scope="module")
def sampler():
    rng = seeding.stream(0)
    generator = Generator(size=16, n_filters=4, code_sizes=CodeSizes(5, 3, 4), category_to="image_generator", rng=rng)
    for parameter in generator.params():  # an untrained generator is nearly grey: make its videos differ
        parameter.array *= 3
    return MoCoGANSampler(generator, NAMES)


def of(sampler, **how):
    settings = {"name": "run/snapshot.npz", "length": 4, "count": 10, "seed": 5, "fingerprint": "f" * 16}
    return SnapshotVideos(sampler, **(settings | how))


class ToySampler:
    """A video's pixels are its number and its category; the drawn category is the number's last bit."""

    category_is_motion = True
    tile = 4

    def __init__(self, class_names=("even", "odd")):
        self.class_names = class_names
        self.drawn, self.rendered = [], []

    def draw(self, seed, contents, motions, length, categories=None):
        assert contents == motions
        self.drawn.append(contents)
        drawn = [number % 2 for number in contents] if categories is None else categories
        return SimpleNamespace(numbers=contents, z_category=np.array(drawn), length=length)

    def render(self, codes):
        self.rendered.append(codes.numbers)
        videos = np.zeros((len(codes.numbers), codes.length, 2, 2, 3), np.uint8)
        videos[..., 0] = np.array(codes.numbers)[:, None, None, None]
        videos[..., 1] = codes.z_category[:, None, None, None]
        videos[..., 2] = np.arange(codes.length)[:, None, None]
        return videos


def test_the_bytes_of_random_videos(sampler):
    videos = of(sampler)
    expected = [made for _, _, made in sampling.random_videos(sampler, 10, 4, 5, batchsize=16)]
    assert len({made.tobytes() for made in expected}) == 10
    for index in (*range(10), 3, 9, 0):
        np.testing.assert_array_equal(videos.read(index), expected[index])


def test_the_bytes_of_frames_that_were_written(sampler, tmp_path):
    for index, _, made in sampling.random_videos(sampler, 6, 4, 5, batchsize=4):
        video.write_frames(tmp_path / f"video_{index:05d}", made)
    written, videos = VideoFiles(tmp_path), of(sampler, count=6)
    for index in range(6):
        np.testing.assert_array_equal(videos.read(index), written.read(index))
        assert videos.id(index) == written.id(index)


def test_balanced_videos_are_those_that_were_asked_for(sampler):
    asked = {(i, c): made for i, c, made in sampling.random_videos(sampler, 10, 4, 5, 4, every_category=True)}
    videos = of(sampler, categories="balanced")
    for index in range(10):
        assert videos.label(index) == index % 3
        np.testing.assert_array_equal(videos.read(index), asked[index, index % 3])


def test_drawn_labels_are_what_the_video_was_made_with(sampler):
    """Asked for its drawn category, a video stays the same; asked for another one, it does not."""
    videos = of(sampler)
    asked = {(i, c): made for i, c, made in sampling.random_videos(sampler, 10, 4, 5, 4, every_category=True)}
    for index in range(10):
        same = {c for c in range(3) if np.array_equal(asked[index, c], videos.read(index))}
        assert same == {videos.label(index)}
    assert len({videos.label(index) for index in range(10)}) > 1
    assert videos.class_names == NAMES


def test_reading_in_order_renders_each_tile_once():
    toy = ToySampler()
    videos = of(toy, count=10)
    for index in range(10):
        assert videos.label(index) == index % 2
        assert videos.read(index)[0, 0, 0].tolist() == [index, index % 2, 0]
    assert toy.rendered == toy.drawn == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_labels_alone_render_nothing():
    toy = ToySampler()
    assert [of(toy).label(index) for index in range(4)] == [0, 1, 0, 1]
    assert toy.rendered == []


def test_wanted_frames():
    videos = of(ToySampler(), length=6)
    assert videos.length(3) == 6
    assert videos.read(3, lambda length: [length - 1, 0, 0])[:, 0, 0].tolist() == [[3, 1, 5], [3, 1, 0], [3, 1, 0]]


def test_a_reader_that_writes_spoils_nothing():
    videos = of(ToySampler())
    videos.read(1)[...] = 99
    assert videos.read(1)[0, 0, 0, 0] == 1


@pytest.mark.parametrize("categories", ["drawn", "balanced"])
def test_without_classes(categories):
    videos = of(ToySampler(class_names=()), categories=categories)
    assert videos.class_names == ()
    assert videos.label(1) == -1
    assert videos.read(3)[0, 0, 0].tolist() == [3, 1, 0]


def test_the_reference_knows_what_the_videos_depend_on():
    toy = ToySampler()
    changes = [{}, {"length": 5}, {"count": 11}, {"seed": 6}, {"fingerprint": "e" * 16}, {"categories": "balanced"}]
    found = [of(toy, **change).reference for change in changes]
    assert len(set(found)) == len(changes)
    assert of(toy, name="elsewhere").reference == of(toy).reference


def test_it_may_be_read_in_one_thread_only_and_has_no_order():
    videos = of(ToySampler())
    assert (videos.any_thread, videos.unordered) == (False, True)


def test_a_length_that_the_model_has_not_is_refused_before_any_work():
    class Even(ToySampler):
        def draw(self, seed, contents, motions, length, categories=None):
            if length % 2:
                raise ConfigError(f"length={length}: it must be even")
            return super().draw(seed, contents, motions, length, categories)

    toy = Even()
    with pytest.raises(ConfigError, match="length=5: it must be even"):
        of(toy, length=5)
    assert of(toy, length=6).read(9).shape == (6, 2, 2, 3)
    assert toy.rendered == [[8, 9]]


def test_mistakes():
    with pytest.raises(ConfigError, match="categories=all: it must be one of drawn, balanced"):
        of(ToySampler(), categories="all")
    with pytest.raises(ConfigError, match="length=0: it must be at least 1"):
        of(ToySampler(), length=0)
    with pytest.raises(IndexError, match="video 10 of 10"):
        of(ToySampler()).read(10)
