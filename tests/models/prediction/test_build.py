"""What does not go together is said before any work: what was given, what is allowed, what to do."""

import pytest

from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError
from tests.models.prediction.small_runs import DATA, make_family

FRAMES_OF_64 = DataDescription("toy", 64, 3, ())
ALONE = {"model.lambda_video": 0.0}
SIZES = "16, 24, 32, 48, 64, 96, 128, 192, 256, ..."


def given(name, value, allowed):
    return {f"model.{name}": value}, f"model.{name}={value}: it must be {allowed}"


RANGES = [
    given("generator", "gan", "one of deconvolution, resnet"),
    given("motion_encoder", "frame", "one of frames, video (did you mean frames?)"),
    given("video_discriminator", "none", "one of full, patch"),
    given("context", 0, "between 1 and 3"),
    given("context", 4, "between 1 and 3"),
    given("n_blocks", 0, "between 1 and 100"),
    given("n_carried", -1, "between 0 and 64"),
    *(given(f"dim_{name}", 0, "between 1 and 8192") for name in ("zc", "zm", "e", "features")),
    *(given(f"n_filters_{name}", 0, "between 1 and 4096") for name in ("gen", "enc", "idis", "vdis")),
    *(
        given(f"lambda_{name}", -1.0, "between 0 and 1000000.0")
        for name in ("image", "video", "L1", "L2", "perceptual", "latent", "retell")
    ),
    *(given(f"noise_{name}", -0.5, "between 0 and 100") for name in ("scale", "sigma")),
]
HINT = "(model.video_discriminator=patch takes 7, model.lambda_video=0 takes 4)"
TOGETHER = [
    (
        {"model.lambda_L1": 0.0, "model.lambda_L2": 0.0},
        "model.lambda_L1=0, model.lambda_L2=0: nothing says what comes next; set one of them above 0",
    ),
    (
        {"model.lambda_perceptual": 2.0, "model.lambda_image": 0.0},
        "model.lambda_perceptual=2: it is measured in the image discriminator's features, and model.lambda_image=0 "
        "leaves that away; set one to 0 or the other above 0",
    ),
    (
        {"model.motion_encoder": "video", "model.lambda_retell": 0.0},
        "model.motion_encoder=video: it learns by model.lambda_retell, which is 0; set that above 0, or "
        "model.motion_encoder=frames",
    ),
    ({"batchsize": 1}, "batchsize=1: it must be at least 2"),
    ({"image_batchsize": 4}, "image_batchsize=4: the images are a frame of each clip; leave it unset"),
    (
        {"video_length": 9},
        "video_length=9: the video discriminator needs at least 10 " + HINT,
    ),
    (
        {"model.least_length": 9},
        "model.least_length=9: it must be from 10, because the video discriminator needs that many, to "
        "video_length=10 " + HINT,
    ),
    (
        {"model.least_length": 11},
        "model.least_length=11: it must be from 10, because the video discriminator needs that many, to "
        "video_length=10 " + HINT,
    ),
    (
        {**ALONE, "video_length": 3},
        "video_length=3: a context of model.context frames and a frame after it take at least 4",
    ),
    (
        {**ALONE, "model.least_length": 3},
        "model.least_length=3: it must be from 4, because a context of model.context frames and a frame after it take "
        "that many, to video_length=10",
    ),
]


@pytest.mark.parametrize(("settings", "message"), RANGES + TOGETHER)
def test_mistakes(settings, message):
    with pytest.raises(ConfigError) as error:
        make_family(**settings)
    assert str(error.value) == message


def test_the_patch_form_is_no_hint_where_it_is_given():
    settings = {"model.video_discriminator": "patch", "video_length": 6, "model.least_length": None}
    with pytest.raises(ConfigError) as error:
        make_family(**settings)
    assert str(error.value) == "video_length=6: the video discriminator needs at least 7 (model.lambda_video=0 takes 4)"


def test_sizes_of_frames():
    with pytest.raises(ConfigError) as error:
        make_family(DataDescription("odd", 20, 3, ()))
    assert f"{SIZES} (prepare the data again with --size)" in str(error.value)
    assert str(error.value).startswith("size=20: ")


@pytest.mark.parametrize(
    ("data", "settings", "least"),
    [
        (DATA, {"video_length": 10}, 10),
        (DATA, {"video_length": 24}, 13),
        (DATA, {"video_length": 10, "model.video_discriminator": "patch"}, 7),
        (DATA, {**ALONE, "video_length": 5}, 4),
        (DATA, {**ALONE, "video_length": 9}, 5),
        (DATA, {**ALONE, "video_length": 2, "model.context": 1}, 2),
        (FRAMES_OF_64, {"video_length": 16}, 16),
        (FRAMES_OF_64, {"video_length": 16, "model.video_discriminator": "patch"}, 13),
    ],
)
def test_the_least_length_where_none_is_set(data, settings, least):
    """More than half of the clip, and what the video discriminator and the longest context take."""
    family = make_family(data, **{"model.least_length": None, **settings})
    assert family.updater.keywords["least_length"] == least


def test_the_least_and_the_most_that_can_be_set():
    for length in (7, 10):
        patch = {"model.video_discriminator": "patch", "model.least_length": length}
        assert make_family(**patch).updater.keywords["least_length"] == length


@pytest.mark.parametrize("image", [0.0, 1.0])
@pytest.mark.parametrize("video", [0.0, 1.0])
def test_discriminators_are_built_where_they_have_weight(image, video):
    networks = make_family(**{"model.lambda_image": image, "model.lambda_video": video}).networks
    names = ["predictor", *["image_discriminator"] * bool(image), *["video_discriminator"] * bool(video)]
    assert list(networks) == names


@pytest.mark.parametrize(("encoder", "tells"), [("frames", False), ("video", True)])
def test_only_a_motion_encoder_of_videos_tells_clips(encoder, tells):
    family = make_family(**{"model.motion_encoder": encoder})
    forecaster = family.sampler(family.networks["predictor"])
    assert (forecaster.tells_clips, forecaster.most_context, forecaster.size) == (tells, 3, 16)
    assert (family.updater.keywords["weights"].retell > 0) == tells
