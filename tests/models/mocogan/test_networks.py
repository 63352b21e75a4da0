"""Sizes, lengths and codes."""

import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan import codes, sizes
from mocogan_chainer.models.mocogan.codes import CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.sizes import doubling_widths

CODE_SIZES = CodeSizes(content=5, categories=3, motion=4)


def make_generator(size=16, category_to="image_generator"):
    return Generator(size=size, n_filters=2, code_sizes=CODE_SIZES, category_to=category_to, rng=seeding.stream(0))


def common(size, patch):
    return {
        "size": size,
        "in_channels": 3,
        "n_filters": 2,
        "patch": patch,
        "noise": NoiseSource(0),
        "sigma": 0.1,
        "rng": seeding.stream(0),
    }


class TestSizes:
    @pytest.mark.parametrize(("size", "parts"), [(64, (4, 4)), (96, (6, 4)), (128, (4, 5)), (16, (4, 2)), (48, (6, 3))])
    def test_split(self, size, parts):
        assert sizes.split_size(size) == parts

    @pytest.mark.parametrize("size", [0, 1, 4, 8, 12, 63, 65, 80, 100, 112])
    def test_what_no_network_can_take(self, size):
        with pytest.raises(ConfigError, match=rf"size={size}: .* 64, 96, 128"):
            sizes.split_size(size)

    def test_widths_are_published_ones(self):
        assert doubling_widths(64, 4) == [64, 128, 256, 512]
        assert doubling_widths(64, 5) == [64, 128, 256, 512, 512]

    @pytest.mark.parametrize("size", [64, 96, 128])
    def test_16_frames_always_do(self, size):
        assert sizes.min_video_length(size, patch=False) == 16
        assert sizes.min_video_length(size, patch=True) == 13


@pytest.mark.parametrize("size", [16, 24, 64, 96, 128])
def test_generated_sizes(size):
    generator = make_generator(size)
    z = codes.draw_batch(seeding.stream(1), 2, 3, CODE_SIZES)
    assert generator.videos(z).shape == (2, 3, 3, size, size)
    assert generator.images(z, np.array([0, 2])).shape == (2, 3, size, size)


@pytest.mark.parametrize("size", [16, 24, 64, 96, 128])
@pytest.mark.parametrize("patch", [False, True])
def test_discriminators_take_every_size_and_their_least_length(size, patch):
    x = np.zeros((2, 3, sizes.min_video_length(size, patch), size, size), np.float32)
    positions = sizes.split_size(size)[0] if patch else 1
    video = video_discriminator(n_categories=3, **common(size, patch))(x)
    assert video.shape == (2, 4, 1, positions, positions)
    assert image_discriminator(**common(size, patch))(x[:, :, 0]).shape == (2, 1, positions, positions)


def test_longer_videos_have_more_positions_in_time():
    x = np.zeros((2, 3, 24, 64, 64), np.float32)
    assert video_discriminator(n_categories=0, **common(64, False))(x).shape == (2, 1, 9, 1, 1)


class TestCategory:
    def two_categories(self, generator):
        z = codes.draw_batch(seeding.stream(1), 1, 4, CODE_SIZES)
        return [codes.Codes(z.z_content, np.array([c], np.int32), z.h0, z.e) for c in (0, 1)]

    def test_in_the_image_generator_it_leaves_motion_alone(self):
        generator = make_generator(category_to="image_generator")
        a, b = (generator.draw_motion(z).array for z in self.two_categories(generator))
        assert np.array_equal(a, b)

    def test_in_the_motion_network_it_changes_motion(self):
        generator = make_generator(category_to="motion")
        a, b = self.two_categories(generator)
        assert not np.allclose(generator.draw_motion(a).array, generator.draw_motion(b).array)
        assert generator.assemble(a, generator.draw_motion(a)).shape == (1, 4, 5 + 4)

    def test_the_code_is_content_category_motion(self):
        generator = make_generator()
        z = self.two_categories(generator)[1]
        code = generator.assemble(z, generator.draw_motion(z)).array
        np.testing.assert_array_equal(code[0, :, :5], np.tile(z.z_content, (4, 1)))
        np.testing.assert_array_equal(code[0, :, 5:8], np.tile([0, 1, 0], (4, 1)))
        np.testing.assert_array_equal(code[0, :, 8:], generator.draw_motion(z).array[0])


class TestCodes:
    def test_follow_the_prior(self):
        z = codes.draw_batch(seeding.stream(3), 2000, 4, CODE_SIZES)
        assert z.z_content.dtype == z.e.dtype == z.h0.dtype == np.float32
        for part in (z.z_content, z.h0, z.e):
            assert abs(part.mean()) < 0.05
            assert abs(part.std() - 1) < 0.05
        assert np.bincount(z.z_category) / 2000 == pytest.approx([1 / 3] * 3, abs=0.04)

    def test_a_longer_video_begins_the_same(self):
        def draw(length):
            return codes.draw_each([(seeding.stream(0, "c"), seeding.stream(0, "m"))], length, CODE_SIZES)

        assert np.array_equal(draw(9).e[:4], draw(4).e)

    def test_take(self):
        z = codes.draw_batch(seeding.stream(3), 5, 4, CODE_SIZES)
        some = z.take([4, 0])
        assert len(some) == 2
        assert np.array_equal(some.e[:, 0], z.e[:, 4])
        assert np.array_equal(some.z_content[1], z.z_content[0])
