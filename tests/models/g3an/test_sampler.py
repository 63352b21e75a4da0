"""Sampling: numbers name appearance and motion, at any length."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import sampling, seeding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation.snapshot_videos import SnapshotVideos
from mocogan_chainer.links import SpectralLink
from mocogan_chainer.models.g3an.codes import CodeSizes
from mocogan_chainer.models.g3an.generator import Generator
from mocogan_chainer.models.g3an.sampler import G3ANSampler


@pytest.fixture(scope="module")
def sampler():
    generator = Generator(
        size=16,
        ch=2,
        code_sizes=CodeSizes(5, 4, 2),
        dim_category=3,
        mode="1p2d",
        attention=False,
        rng=seeding.stream(0),
    )
    for _ in range(10):  # its singular vectors come with training
        for link in generator.links():
            if isinstance(link, SpectralLink):
                link.iterate()
    return G3ANSampler(generator, ("left", "right"))


def test_numbers_name_appearance_and_motion(sampler):
    codes = sampler.draw(3, [5, 5, 6], [1, 2, 1], 24)
    assert np.array_equal(codes.za[0], codes.za[1])
    assert np.array_equal(codes.zm[0], codes.zm[2])
    assert not np.array_equal(codes.za[0], codes.za[2])
    assert not np.array_equal(codes.zm[0], codes.zm[1])
    assert codes.z_category[0] == codes.z_category[1]
    assert codes.zm.shape == (3, 4, 3)
    other = sampler.draw(4, [5], [1], 24)
    assert not np.array_equal(other.za[0], codes.za[0])


def test_its_videos_can_be_evaluated_by_category(sampler):
    videos = SnapshotVideos(sampler, name="snapshot", length=16, count=6, seed=3, fingerprint="0" * 16)
    assert [videos.label(i) for i in range(6)] == sampler.draw(3, range(6), range(6), 16).z_category.tolist()


def test_in_a_grid_a_row_shares_its_category(sampler):
    grid = sampling.content_by_motion(sampler, 2, 3, 16, seed=0)
    rows = sampler.render(sampler.draw(0, [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], 16, [0, 0, 0, 1, 1, 1]))
    assert np.array_equal(grid, rows)


def test_a_longer_video_goes_on(sampler):
    short, long = sampler.draw(0, [1], [2], 20), sampler.draw(0, [1], [2], 48)
    assert long.zm.shape == (1, 4, 9)
    assert np.array_equal(long.zm[:, :, :2], short.zm)
    assert np.array_equal(long.za, short.za)


def test_codes_are_normal(sampler):
    codes = sampler.draw(0, range(2000), range(2000), 16)
    for values in (codes.za, codes.zm):
        assert values.std() == pytest.approx(1, abs=0.03)
        assert abs(values.mean()) < 0.03
    assert codes.z_category.mean() == pytest.approx(0.5, abs=0.05)


def test_asked_categories(sampler):
    assert sampler.draw(0, [0, 1, 2], [0, 0, 0], 16, [1, 0, 1]).z_category.tolist() == [1, 0, 1]


@pytest.mark.parametrize("category", [2, -1])
def test_categories_that_there_are_not(sampler, category):
    with pytest.raises(
        ConfigError, match=rf"^category={category}: it must be the number of one of 0 \(left\), 1 \(right\)"
    ):
        sampler.draw(0, [0], [0], 16, [category])


def test_a_model_without_categories(sampler):
    with pytest.raises(ConfigError, match=r"^categories=\[5\]: this model has no categories"):
        G3ANSampler(sampler.generator, ()).draw(0, [0], [0], 16, [5])


def test_lengths_that_there_are_not(sampler):
    with pytest.raises(ConfigError, match=r"length=18: G3AN's videos have 16, 20, 24, .* use 16 or 20"):
        sampler.draw(0, [0], [0], 18)


def test_path(sampler):
    ends = sampler.draw(0, [0, 1], [0, 0], 16, [1, 1])
    path = sampler.interpolate(ends, 4)
    np.testing.assert_allclose(path.za[[0, -1]], ends.za, atol=1e-5)
    assert (path.zm == ends.zm[:1]).all()
    assert path.z_category.tolist() == [1] * 4


@pytest.mark.parametrize("batchsize", [1, 3, 16])
def test_videos_do_not_depend_on_the_batch(sampler, batchsize):
    videos = [video for *_, video in sampling.random_videos(sampler, 5, 16, 0, batchsize)]
    expected = [video for *_, video in sampling.random_videos(sampler, 5, 16, 0, 5)]
    assert np.array_equal(videos, expected)
    assert len({video.tobytes() for video in videos}) == 5
    assert videos[0].shape == (16, 16, 16, 3)


def test_bytes_are_not_stretched(sampler):
    """-1 is 0 and 1 is 255, however little of that a video uses."""
    codes = sampler.draw(0, [0] * 4, range(4), 16)
    videos = sampler.render(codes)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        x = sampler.generator(codes).array
    expected = np.clip(np.rint((x.transpose(0, 2, 3, 4, 1) + 1) * 127.5), 0, 255)
    assert np.array_equal(videos, expected.astype(np.uint8))
    assert videos.max() - videos.min() < 255
