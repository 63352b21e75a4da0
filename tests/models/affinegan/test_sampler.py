"""Videos of pictures."""

import re

import chainer
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan.resnet import ResNetGenerator
from mocogan_chainer.models.affinegan.sampler import AffineGANAnimator
from mocogan_chainer.models.affinegan.unet import UNetGenerator
from mocogan_chainer.sampling import Animator


@pytest.fixture(params=["unet", "resnet"])
def generator(request):
    common = {"ngf": 2, "dropout": True, "noise": NoiseSource(0), "rng": seeding.stream(0)}
    if request.param == "unet":
        generator = UNetGenerator(size=64, halvings=6, noise_sigma=0.5, **common)
    else:
        generator = ResNetGenerator(size=24, n_blocks=2, **common)
    for parameter in generator.params():
        parameter.array *= 5  # pictures that differ
    return generator


def photos(n, size):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


def test_frames_are_the_generators_at_their_alphas(generator):
    animator, given = AffineGANAnimator(generator), photos(2, generator.size)
    alphas = [0, 0.2, 1.3, 0.7, 0.4]
    videos = animator.animate(given, np.array(alphas))
    assert (videos.shape, videos.dtype) == ((2, 5, *given.shape[1:]), np.uint8)
    x = given.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        for t, alpha in enumerate(alphas):
            y = generator(x, 1.0, alpha)[0].array.transpose(0, 2, 3, 1)
            assert np.abs((y + 1) * 127.5 - videos[:, t]).max() <= 0.51
    assert all(len({frame.tobytes() for frame in video}) == 5 for video in videos)


def test_a_video_depends_on_its_own_picture_only(generator):
    animator, given = AffineGANAnimator(generator), photos(3, generator.size)
    alphas = np.linspace(0, 1, 6)
    together = animator.animate(given, alphas)
    assert np.array_equal(animator.animate(given[2:], alphas)[0], together[2])
    assert np.array_equal(animator.animate(given[[2, 0]], alphas)[1], together[0])


def test_there_is_no_noise_in_it(generator):
    animator = AffineGANAnimator(generator)
    with chainer.using_config("train", True):
        first, second = (animator.animate(photos(1, generator.size), np.array([0.5])) for _ in range(2))
    assert np.array_equal(first, second)


def test_it_is_an_animator(generator):
    animator = AffineGANAnimator(generator)
    assert isinstance(animator, Animator)
    assert animator.size == generator.size
    nothing = animator.animate(photos(0, animator.size), np.array([0.0, 1.0]))
    assert nothing.shape == (0, 2, animator.size, animator.size, 3)


@pytest.mark.parametrize("change", [lambda p: p / 255, lambda p: p[0], lambda p: p[:, 1:]])
def test_photos_of_another_type_or_shape(generator, change):
    wrong = change(photos(2, generator.size))
    n = generator.size
    message = f"photos: {wrong.dtype} {wrong.shape}: it must be an array, uint8 (N, {n}, {n}, 3), of RGB from 0 to 255"
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        AffineGANAnimator(generator).animate(wrong, np.array([0.0, 1.0]))


@pytest.mark.parametrize("alphas", [[], 0.5, [[0.0, 1.0]], [0.0, np.nan]])
def test_alphas_that_are_no_list_of_numbers(generator, alphas):
    with pytest.raises(ConfigError, match="they must be one or more finite numbers, one for each frame"):
        AffineGANAnimator(generator).animate(photos(1, generator.size), np.array(alphas))
