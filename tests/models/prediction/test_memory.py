"""The estimate of a step's memory, against what Python says was held."""

import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.datasets.description import DataDescription
from tests.models.memory import most_floats
from tests.models.prediction.small_runs import make_family, make_updater

TOLERANCE = 0.12
LARGER = DataDescription("toy", 32, 3, ())
SHORTEST = {"batchsize": 3, "model.context": 1, "video_length": 13, "model.least_horizon": 12}
"""The context that leaves most to come, and a mean future of it all."""
RESNET = {"model.generator": "resnet"}
ALONE = {"model.lambda_image": 0.0, "model.lambda_video": 0.0, "video_length": 6, "model.least_horizon": 5}
NO_CODES = {"model.lambda_latent": 0.0}
RECONS = {"model.motion_encoder": "video"}
IMAGES = {**ALONE, **NO_CODES, "model.lambda_image": 1.0}


def widths(gen, enc, vdis):
    return {"model.n_filters_gen": gen, "model.n_filters_enc": enc, "model.n_filters_vdis": vdis}


CASES = {
    "all alike": widths(6, 6, 6),
    "a wide video discriminator that learns": {**widths(2, 2, 24), **NO_CODES, "model.n_carried": 0},
    "wide encoders": {**widths(2, 16, 2), **ALONE},
    "several copies": {**widths(4, 4, 4), **ALONE, "model.n_carried": 4},
    "the mean future alone": {**widths(12, 6, 6), **ALONE, **NO_CODES},
    "a possible future and a mean one": {**widths(12, 6, 6), **IMAGES},
    "reconstructed": {**widths(6, 6, 6), **ALONE, **NO_CODES, **RECONS},
    "reconstructed beside a possible future": {**widths(4, 4, 4), **IMAGES, **RECONS},
    "a ResNet of many blocks": {**widths(4, 4, 4), **RESNET, **ALONE, "model.n_blocks": 6},
    "a ResNet that reconstructs": {**widths(3, 8, 4), **RESNET, **ALONE, **NO_CODES, **RECONS},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_the_most_numbers_at_once(settings, monkeypatch):
    if not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine, and the stock backend has large buffers")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use("onednn")
    estimate = make_family(LARGER, **(SHORTEST | settings)).activation_floats
    assert estimate == pytest.approx(most_floats(make_updater(LARGER, **(SHORTEST | settings))), rel=TOLERANCE)


@pytest.mark.parametrize("settings", [{}, RESNET])
def test_it_grows_with_the_batch(settings):
    of_batches = [
        make_family(LARGER, **(SHORTEST | settings | {"batchsize": n})).activation_floats for n in (8, 16, 24)
    ]
    assert np.diff(of_batches).tolist() == [of_batches[0]] * 2
