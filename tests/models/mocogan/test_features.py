"""What a discriminator's layers make of a picture or a clip."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator


def make(kind, patch):
    common = {"size": 32, "in_channels": 3, "n_filters": 2, "patch": patch, "noise": NoiseSource(0), "sigma": 0.1}
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
