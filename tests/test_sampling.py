"""Sampling: the same bytes for the same seed, grids that share what they say."""

import re

import numpy as np
import pytest

from mocogan_chainer import sampling, seeding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models.mocogan.codes import CodeSizes
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.sampler import MoCoGANSampler


@pytest.fixture(scope="module")
def sampler():
    rng = seeding.stream(0)
    generator = Generator(size=16, n_filters=4, code_sizes=CodeSizes(5, 2, 4), category_to="image_generator", rng=rng)
    for parameter in generator.params():  # an untrained generator is nearly grey: make its videos differ
        parameter.array *= 3
    return MoCoGANSampler(generator, ("left", "right"))


def videos_of(sampler, **options):
    arguments = {"count": 6, "length": 4, "seed": 0, "batchsize": 4} | options
    return np.stack([video for _, _, video in sampling.random_videos(sampler, **arguments)])


def test_videos(sampler):
    videos = videos_of(sampler)
    assert videos.shape == (6, 4, 16, 16, 3)
    assert videos.dtype == np.uint8
    assert len({video.tobytes() for video in videos}) == 6


@pytest.mark.parametrize("batchsize", [1, 3, 4, 5, 100])
def test_the_batch_size_changes_nothing(sampler, batchsize):
    assert np.array_equal(videos_of(sampler, batchsize=batchsize), videos_of(sampler, batchsize=6))


def test_more_videos_begin_with_the_same(sampler):
    assert np.array_equal(videos_of(sampler, count=9)[:6], videos_of(sampler))


def test_another_seed_gives_other_videos(sampler):
    assert not np.array_equal(videos_of(sampler, seed=1), videos_of(sampler))


def test_longer_videos_begin_the_same(sampler):
    """Up to one step of a byte: another length makes matrices of another shape."""
    difference = videos_of(sampler, length=9)[:, :4].astype(int) - videos_of(sampler)
    assert np.abs(difference).max() <= 1


def test_categories(sampler):
    every = list(sampling.random_videos(sampler, 3, 4, 0, 4, every_category=True))
    assert [(index, category) for index, category, _ in every] == [(i, c) for c in (0, 1) for i in range(3)]
    asked = videos_of(sampler, count=3, category=1)
    assert np.array_equal(np.stack([v for _, c, v in every if c == 1]), asked)
    assert not np.array_equal(asked, videos_of(sampler, count=3, category=0))


def test_grid_shares_content_in_rows_and_motion_in_columns(sampler):
    rows, columns = [0, 0, 1, 1], [0, 1, 0, 1]
    codes = sampler.draw(0, rows, columns, 4)
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        alone = sampler.draw(0, [row], [column], 4)
        assert np.array_equal(codes.z_content[index], alone.z_content[0])
        assert np.array_equal(codes.e[:, index], alone.e[:, 0])
    grid = sampling.content_by_motion(sampler, 2, 2, 4, 0)
    expected = sampler.render(sampler.draw(0, rows, columns, 4, [0, 1, 0, 1]))
    assert np.array_equal(grid, expected)


def test_path_goes_from_content_to_content(sampler):
    ends = sampler.draw(0, [0, 1], [0, 0], 4, [1, 1])
    path = sampler.interpolate(ends, 5)
    np.testing.assert_allclose(path.z_content[[0, -1]], ends.z_content, atol=1e-5)
    norms = np.linalg.norm(path.z_content, axis=1)
    assert min(norms) > 0.9 * min(norms[[0, -1]])  # the prior's shell, not its hollow middle
    assert (path.e == ends.e[:, :1]).all()
    assert sampling.content_path(sampler, 5, 4, 0, 1).shape == (5, 4, 16, 16, 3)


def test_length_must_be_positive(sampler):
    with pytest.raises(ConfigError, match="length=0: it must be at least 1"):
        sampler.draw(0, [0], [0], 0)


@pytest.mark.parametrize("category", [2, 7, -1, "up", 0.0, None])
def test_categories_that_there_are_not(sampler, category):
    message = re.escape(f"category={category}: it must be the number of one of 0 (left), 1 (right)")
    with pytest.raises(ConfigError, match=f"^{message}$"):
        sampler.draw(0, [0, 1], [0, 1], 4, [1, category])
    if category is not None:
        with pytest.raises(ConfigError, match=message):
            videos_of(sampler, category=category)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [], [], 4, ["up"]), "0 contents and 0 motions: give one number of each for each video"),
        ((0, [0, 1], [0], 4), "2 contents and 1 motions: give one number of each for each video"),
        ((0, [0, 1], [0, 1], 4, [1]), "1 categories for 2 videos: give each video one"),
        ((-1, [0], [0], 4), "seed=-1: it must be at least 0"),
        ((0, [-2], [0], 4), "content=-2: it must be at least 0"),
        ((0, [0], ["a"], 4), "motion='a': it must be a whole number"),
        ((0, [0], [0], 4.5), "length=4.5: it must be a whole number"),
    ],
)
def test_numbers_that_do_not_make_videos(sampler, arguments, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        sampler.draw(*arguments)


def test_a_model_without_categories(sampler):
    without = MoCoGANSampler(sampler.generator, ())
    with pytest.raises(ConfigError, match=r"^categories=\[0\]: this model has no categories; leave them out$"):
        without.draw(0, [0], [0], 4, [0])


def test_numbers_may_be_numpys(sampler):
    plain = sampler.draw(3, [1, 2], [4, 5], 6, [0, 1])
    found = sampler.draw(np.int64(3), np.array([1, 2]), np.array([4, 5]), np.int32(6), np.array([0, 1]))
    assert all(np.array_equal(a, b) for a, b in zip(plain.arrays(), found.arrays(), strict=True))


def test_one_video_at_many_lengths(sampler):
    found = dict(sampling.at_lengths(sampler, [4, 7], 0, 1))
    assert {length: video.shape for length, video in found.items()} == {4: (4, 16, 16, 3), 7: (7, 16, 16, 3)}
    for length, video in found.items():
        assert np.array_equal(video, videos_of(sampler, count=1, length=length, category=1)[0])
