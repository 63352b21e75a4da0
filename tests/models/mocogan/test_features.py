"""What a discriminator's layers make of a picture or a clip."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator


def make(kind, patch, sigma=0.1):
    common = {"size": 32, "in_channels": 3, "n_filters": 2, "patch": patch, "noise": NoiseSource(0), "sigma": sigma}
    if kind == "image":
        return image_discriminator(**common, rng=seeding.stream(0))
    return video_discriminator(**common, n_categories=0, rng=seeding.stream(0))


def given(kind):
    shape = (2, 3, 32, 32) if kind == "image" else (2, 3, 13, 32, 32)
    return np.random.default_rng(0).standard_normal(shape, np.float32)


class BlockOutputs(chainer.LinkHook):
    """Notes what each child of a network's blocks returns."""

    def __init__(self, network):
        self.blocks, self.outputs = list(network.blocks), []

    def forward_postprocess(self, args):
        if args.link in self.blocks:
            self.outputs.append(args.out.array)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("patch", [False, True])
@pytest.mark.parametrize("kind", ["image", "video"])
def test_features_are_what_forward_goes_through(kind, patch, train):
    network, x = make(kind, patch), given(kind)
    with chainer.using_config("train", train), chainer.no_backprop_mode():
        with BlockOutputs(network) as passed:
            y = network(x)
        requests, network.noise.requests = network.noise.requests, 0  # the same noise again
        features = [feature.array for feature in network.features(chainer.Variable(x))]
        assert network.noise.requests == requests
        assert (requests > 0) == train
        scores = network.to_scores(features[-1]).array
    assert len(features) == len(passed.outputs) == 3 - patch
    for feature, expected in zip(features, passed.outputs, strict=True):
        np.testing.assert_array_equal(feature, expected)
    np.testing.assert_array_equal(scores, y.array)


@pytest.mark.parametrize("patch", [False, True])
@pytest.mark.parametrize("kind", ["image", "video"])
def test_features_without_noise(kind, patch):
    """In training: those of a network that has none."""
    noisy, silent = (make(kind, patch, sigma) for sigma in (0.1, 0.0))
    x = chainer.Variable(given(kind))
    with chainer.no_backprop_mode():
        without, expected, other = (
            [feature.array for feature in features]
            for features in (noisy.features(x, noisy=False), silent.features(x), noisy.features(x))
        )
    assert len(without) == len(expected) == 3 - patch
    for found, wanted, with_noise in zip(without, expected, other, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert np.abs(found - with_noise).max() > 1e-2


def test_no_noise_is_drawn_for_features_without_it():
    network = make("image", patch=False)
    list(network.features(chainer.Variable(given("image")), noisy=False))
    assert network.noise.requests == 0


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("image", [(2, 2, 16, 16), (2, 4, 8, 8), (2, 8, 4, 4)]),
        ("video", [(2, 2, 10, 16, 16), (2, 4, 7, 8, 8), (2, 8, 4, 4, 4)]),
    ],
)
def test_shapes(kind, shapes):
    network = make(kind, patch=False)
    assert [feature.shape for feature in network.features(chainer.Variable(given(kind)))] == shapes
