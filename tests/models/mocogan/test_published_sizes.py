"""What shapes tell."""

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.models.mocogan.published_sizes import infer, recognize
from tests.models.mocogan.published_states import (
    GENERATOR_16,
    IMAGE_16,
    PATCH_IMAGE_16,
    PATCH_VIDEO_16,
    VIDEO_16,
    state,
)

SIZES = {"model.dim_zc": 5, "model.dim_zm": 3, "model.n_filters_gen": 2, "model.category_to": "image_generator"}
IDIS = {"model.image_discriminator": "full", "model.n_filters_idis": 2}
VDIS = {"model.video_discriminator": "full", "model.n_filters_vdis": 2}


def files(generator=None, image=None, video=None):
    given = {"generator": generator or state(GENERATOR_16), "image_discriminator": image, "video_discriminator": video}
    return {name: arrays for name, arrays in given.items() if arrays is not None}


def gru(inputs):
    return {"recurrent.weight_ih": np.zeros((9, inputs), np.float32)}


class TestRecognize:
    @pytest.mark.parametrize(
        ("shapes", "name"),
        [
            (GENERATOR_16, "generator"),
            (IMAGE_16, "image_discriminator"),
            (PATCH_IMAGE_16, "image_discriminator"),
            (VIDEO_16, "video_discriminator"),
            (PATCH_VIDEO_16, "video_discriminator"),
        ],
    )
    def test_by_layers(self, shapes, name):
        assert recognize(state(shapes)) == (name,)

    @pytest.mark.parametrize(
        "arrays",
        [
            {},
            {"recurrent.weight_ih": np.zeros((9, 3))},
            {"main.0.weight": np.zeros((3, 3))},
            {**state(IMAGE_16), "main.9.weight": np.zeros((1, 1, 4, 4, 4))},
            {**state(VIDEO_16), "recurrent.weight_ih": np.zeros((9, 3))},
        ],
    )
    def test_none_of_them(self, arrays):
        with pytest.raises(SnapshotError, match="its arrays are not those of a MoCoGAN network"):
            recognize(arrays)


class TestInfer:
    def test_everything_is_told_by_three_networks(self):
        found = infer(files(image=state(IMAGE_16), video=state(VIDEO_16)))
        assert (found.model, found.size, found.n_classes, found.remarks) == ("infogan", 16, 2, ())
        assert found.settings == SIZES | IDIS | VDIS

    def test_label_maps_are_cgan(self):
        image = state(IMAGE_16, main_1_weight=(2, 5, 4, 4))
        video = state(VIDEO_16, main_1_weight=(2, 5, 4, 4, 4), main_7_weight=(1, 4, 4, 4, 4))
        for given in ({"image": image}, {"video": video}, {"image": image, "video": video}):
            found = infer(files(**given))
            assert (found.model, found.n_classes, found.remarks) == ("cgan", 2, ())
            assert found.settings["model.dim_zc"] == 5

    def test_patch_discriminators_without_categories_are_normal(self):
        found = infer(files(image=state(PATCH_IMAGE_16), video=state(PATCH_VIDEO_16)), n_categories=2)
        assert (found.model, found.n_classes, found.remarks) == ("normal", 0, ())
        patch = {"model.image_discriminator": "patch", "model.video_discriminator": "patch"}
        assert found.settings == SIZES | IDIS | VDIS | patch | {"model.n_categories": 2}

    def test_without_discriminators_categories_are_to_be_said(self):
        found = infer(files(), n_categories=2)
        assert (found.model, found.n_classes) == ("infogan", 2)
        assert found.settings == SIZES
        assert found.remarks == ("taken for infogan, as it has categories; --model normal or cgan says otherwise",)
        assert infer(files(), n_categories=2, model="cgan").remarks == ()

    def test_and_are_none_by_default(self):
        found = infer(files())
        assert (found.model, found.n_classes, found.settings["model.dim_zc"]) == ("normal", 0, 7)
        assert len(found.remarks) == 1
        assert "of the code's 7 numbers besides motion's, 0 are taken for categories" in found.remarks[0]

    @pytest.mark.parametrize(("beside_motion", "content", "categories"), [(50, 50, 0), (56, 50, 6), (49, 49, 0)])
    def test_the_published_content_is_50(self, beside_motion, content, categories):
        found = infer(files(state(GENERATOR_16, main_0_weight=(beside_motion + 3, 4, 4, 4))))
        assert (found.settings["model.dim_zc"], found.n_classes) == (content, categories)

    def test_the_category_may_go_to_the_gru(self):
        found = infer(files(state(GENERATOR_16) | gru(5)))
        assert (found.model, found.n_classes, found.settings["model.category_to"]) == ("infogan", 2, "motion")
        assert found.settings["model.dim_zc"] == 7

    @pytest.mark.parametrize(("base", "deconvolutions", "size"), [(4, 4, 32), (4, 5, 64), (6, 5, 96), (4, 6, 128)])
    def test_the_size_is_in_the_layers(self, base, deconvolutions, size):
        widths = [2 * min(2**i, 8) for i in range(deconvolutions - 1)][::-1]
        channels = [10, *widths, 3]
        shapes = {n: s for n, s in GENERATOR_16.items() if n.startswith("recurrent")}
        for i in range(deconvolutions):
            kernel = 4 if i else base
            shapes[f"main.{3 * i}.weight"] = (channels[i], channels[i + 1], kernel, kernel)
        assert infer(files(state(shapes))).size == size


class TestMistakes:
    @pytest.mark.parametrize(
        ("given", "error", "message"),
        [
            ({"n_categories": 3}, ConfigError, "3 categories: there are 2, by the video_discriminator's outputs"),
            ({"model": "normal"}, ConfigError, "--model normal: these networks, with 2 categories, are of infogan"),
            ({"model": "cgan"}, ConfigError, "--model cgan: these networks"),
        ],
    )
    def test_what_the_user_says_must_fit(self, given, error, message):
        with pytest.raises(error, match=message):
            infer(files(video=state(VIDEO_16)), **given)

    def test_no_content_left(self):
        with pytest.raises(ConfigError, match=r"7 categories: the generator's code has 7 numbers besides motion's 3"):
            infer(files(), n_categories=7)

    def test_infogan_without_categories(self):
        with pytest.raises(ConfigError, match="with 0 categories, are of normal"):
            infer(files(), n_categories=0, model="infogan")

    @pytest.mark.parametrize(
        ("networks", "message"),
        [
            (
                files(image=state(IMAGE_16, main_1_weight=(2, 5, 4, 4)), video=state(VIDEO_16)),
                "label maps go to one discriminator alone",
            ),
            (
                files(generator=state(GENERATOR_16) | gru(6), video=state(VIDEO_16)),
                "their categories are 3 by the GRU's input, 2 by the video_discriminator's outputs",
            ),
            (files(image=state({"main.1.weight": (1, 3, 4, 4)})), "image_discriminator: it has fewer than two 2-D"),
            (
                files(image=state(IMAGE_16, main_9_weight=(1, 1, 4, 4), main_11_weight=(1, 1, 4, 4))),
                "image_discriminator: it has 5 convolutions; for the generator's frames of 16 pixels it needs 3, or 2",
            ),
            (files(image=state(IMAGE_16, main_7_weight=(2, 4, 4, 4))), "3 channels in and 2 out"),
            (files(image=state(IMAGE_16, main_1_weight=(2, 1, 4, 4))), "1 channels in and 1 out"),
            (
                files(state(GENERATOR_16, main_3_weight=(4, 3, 4, 4))),
                "as 10-4, 4-3, 2-3; MoCoGAN's would go as 10-4, 4-2, 2-3",
            ),
            (files(state(GENERATOR_16, main_6_weight=(2, 1, 4, 4))), "4-2, 2-1; MoCoGAN's would go as"),
            (files(state(GENERATOR_16, main_0_weight=(10, 4, 5, 5))), "3 deconvolutions, the first 5 x 5; MoCoGAN"),
            (files(state(GENERATOR_16, main_0_weight=(10, 4, 0, 0))), "it has fewer than two 2-D layers"),
            (files(state(GENERATOR_16, main_0_weight=(3, 4, 4, 4))), "a GRU of 3 numbers .* does not fit a code of 3"),
            (
                files({k: v for k, v in state(GENERATOR_16).items() if k != "recurrent.weight_hh"}),
                "it lacks the two weig",
            ),
            (files(state(GENERATOR_16) | gru(1)), "a GRU of 3 numbers with inputs of 1"),
        ],
    )
    def test_networks_that_are_not_mocogans(self, networks, message):
        with pytest.raises(SnapshotError, match=message):
            infer(networks)

    def test_huge_networks_are_refused_before_they_are_built(self):
        shapes = {n: s for n, s in GENERATOR_16.items() if n.startswith("recurrent")}
        shapes |= {f"main.{3 * i}.weight": (1, 1, 4, 4) for i in range(6)}
        with pytest.raises(SnapshotError, match="its layers go from channels to channels as"):
            infer(files(state(shapes | {"main.15.weight": (8000, 3, 4, 4)})))
        shapes |= {f"main.{3 * i}.weight": (1, 1, 4, 4) for i in range(60)}
        with pytest.raises(SnapshotError, match="60 deconvolutions"):
            infer(files(state(shapes)))
