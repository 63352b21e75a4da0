"""What does not go together is said before any work: what was given, what is allowed, what to do."""

import numpy as np
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
        for name in ("image", "video", "L1", "L2", "perceptual", "latent", "recons")
    ),
    *(given(f"noise_{name}", -0.5, "between 0 and 100") for name in ("scale", "sigma")),
]
NO_DISTANCES = {"model.lambda_L1": 0.0, "model.lambda_L2": 0.0}
VIDEO = {"model.motion_encoder": "video"}
TOGETHER = [
    (
        {**NO_DISTANCES, **ALONE, "model.lambda_image": 0.0},
        "model.lambda_L1=0, model.lambda_L2=0, model.lambda_image=0, model.lambda_video=0: nothing says what comes "
        "next; set one of them above 0",
    ),
    (
        {"model.lambda_perceptual": 2.0, "model.lambda_image": 0.0},
        "model.lambda_perceptual=2: it is measured in the image discriminator's features, and model.lambda_image=0 "
        "leaves that out; set one to 0 or the other above 0",
    ),
    (
        {"model.lambda_recons": 2.0},
        "model.lambda_recons=2: clips are reconstructed with model.motion_encoder=video only; leave it unset, or set "
        "that",
    ),
    (
        {**VIDEO, "model.lambda_recons": 0.0},
        "model.lambda_recons=0: model.motion_encoder=video learns by reconstructing clips; set it above 0, or "
        "model.motion_encoder=frames",
    ),
    (
        {**VIDEO, **NO_DISTANCES},
        "model.lambda_L1=0, model.lambda_L2=0: model.motion_encoder=video learns by reconstructing clips; set one "
        "above 0, or model.motion_encoder=frames",
    ),
    ({"batchsize": 1}, "batchsize=1: it must be at least 2"),
    ({"image_batchsize": 4}, "image_batchsize=4: the images are a frame of each clip; leave it unset"),
    (
        {"video_length": 9},
        "video_length=9: the video discriminator needs at least 10 frames (use --set "
        "model.video_discriminator=patch for 7 or model.lambda_video=0 for 4)",
    ),
    (
        {"video_length": 6, "model.video_discriminator": "patch"},
        "video_length=6: the video discriminator needs at least 7 frames (use --set model.lambda_video=0 for 4)",
    ),
    *(
        (
            {**settings, "video_length": 3},
            "video_length=3: model.context=3 and a frame after it take at least 4 frames; use longer clips or a "
            "smaller model.context",
        )
        for settings in ({}, ALONE)
    ),
    *(
        (
            {"model.least_horizon": horizon, "model.context": context},
            f"model.least_horizon={horizon}: it must be between 1 and {10 - context}",
        )
        for horizon, context in ((0, 3), (8, 3), (10, 1))
    ),
]


@pytest.mark.parametrize(("settings", "message"), RANGES + TOGETHER)
def test_mistakes(settings, message):
    with pytest.raises(ConfigError) as error:
        make_family(**settings)
    assert str(error.value) == message


def test_sizes_of_frames():
    with pytest.raises(ConfigError) as error:
        make_family(DataDescription("odd", 20, 3, ()))
    assert f"{SIZES} (prepare the data again with --size)" in str(error.value)
    assert str(error.value).startswith("size=20: ")


@pytest.mark.parametrize(
    ("data", "settings", "least"),
    [
        (DATA, {"video_length": 10}, 4),
        (DATA, {"video_length": 24}, 11),
        (DATA, {"video_length": 24, "model.context": 1}, 12),
        (DATA, {**ALONE, "video_length": 4}, 1),
        (DATA, {**ALONE, "video_length": 5}, 1),
        (DATA, {**ALONE, "video_length": 2, "model.context": 1}, 1),
        (FRAMES_OF_64, {"video_length": 16}, 7),
    ],
)
def test_the_least_horizon_where_none_is_set(data, settings, least):
    """Half of what is to come after the longest context."""
    family = make_family(data, **{"model.least_horizon": None, **settings})
    assert family.updater.keywords["least_horizon"] == least


@pytest.mark.parametrize("horizon", [1, 5, 7])
def test_the_least_horizon_that_is_set(horizon):
    assert make_family(**{"model.least_horizon": horizon}).updater.keywords["least_horizon"] == horizon


@pytest.mark.parametrize("settings", [{"video_length": 10}, {"model.video_discriminator": "patch", "video_length": 7}])
def test_the_shortest_clips_that_the_video_discriminator_takes(settings):
    judge = make_family(**settings).networks["video_discriminator"]
    clips = np.zeros((2, 3, settings["video_length"], 16, 16), np.float32)
    assert judge(clips).shape[:3] == (2, 1, 1)  # one place in time: a frame less leaves none


@pytest.mark.parametrize("image", [0.0, 1.0])
@pytest.mark.parametrize("video", [0.0, 1.0])
def test_discriminators_are_built_where_they_have_weight(image, video):
    networks = make_family(**{"model.lambda_image": image, "model.lambda_video": video}).networks
    names = ["predictor", *["image_discriminator"] * bool(image), *["video_discriminator"] * bool(video)]
    assert list(networks) == names


def test_weights_are_those_of_the_settings():
    names = ("image", "video", "L1", "L2", "perceptual", "latent", "recons")
    settings = {f"model.lambda_{name}": i + 0.5 for i, name in enumerate(names)}
    weights = make_family(**VIDEO, **settings).updater.keywords["weights"]
    assert [getattr(weights, name) for name in names] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]


@pytest.mark.parametrize(
    ("encoder", "weight", "recons"),
    [("frames", None, 0.0), ("frames", 0.0, 0.0), ("video", None, 1.0), ("video", 2.0, 2.0)],
)
def test_only_a_motion_encoder_of_videos_transfers_motion(encoder, weight, recons):
    family = make_family(**{"model.motion_encoder": encoder, "model.lambda_recons": weight})
    forecaster = family.sampler(family.networks["predictor"])
    transfers = encoder == "video"
    assert (forecaster.transfers_motion, forecaster.most_context, forecaster.size) == (transfers, 3, 16)
    assert family.updater.keywords["weights"].recons == recons
