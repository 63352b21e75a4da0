"""The named protocols."""

import numpy as np
import pytest

from mocogan_chainer.evaluation.protocol import BETTER, FEATURES, Protocol
from mocogan_chainer.evaluation.recipes import RECIPES, of_metric
from mocogan_chainer.features import catalogue, weights


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
class TestEach:
    def test_names_a_known_network_and_metric(self, recipe):
        assert recipe.weights in catalogue._LOADERS
        assert {recipe.weights, recipe.mean} <= {*weights.FILES, None}
        assert recipe.metric in BETTER
        assert recipe.name.startswith(recipe.metric)

    def test_its_fields_are_all_that_features_depend_on(self, recipe):
        fields = recipe.fields("0" * 64)
        assert set(fields) == set(FEATURES)
        Protocol(metric=recipe.metric, name=recipe.name, **fields)

    def test_it_takes_what_the_network_takes(self, recipe):
        video = np.random.default_rng(0).integers(0, 256, (20, 50, 60, 3), np.uint8)
        p = recipe.preparation
        mean = np.zeros((3, p.frames, p.size, p.size), np.float32) if recipe.mean else None
        clip = p.clip(video, np.random.default_rng(0), mean)
        assert clip.shape == (3, 16, p.size, p.size)
        assert p.mean_clip == (recipe.mean is not None)


def test_the_usual_ones():
    usual = {metric: of_metric(metric)[0].name for metric in ("fvd", "fid", "is", "prd")}
    assert usual == {"fvd": "fvd-i3d", "fid": "fid-resnext101-g3an", "is": "is-c3d", "prd": "prd-i3d"}


def test_fvd_sees_numbers_from_minus_one_to_one():
    p = RECIPES["fvd-i3d"].preparation
    video = np.stack([np.zeros((16, 64, 64, 3), np.uint8), np.full((16, 64, 64, 3), 255, np.uint8)])
    low, high = (p.clip(v, np.random.default_rng(0)) for v in video)
    np.testing.assert_array_equal(low, np.full((3, 16, 224, 224), -1, np.float32))
    np.testing.assert_allclose(high, 1, rtol=1e-6)
