"""The estimate of a step's memory, against what Python says was held."""

from dataclasses import replace

import pytest

from mocogan_chainer import backends, config, models
from tests.models.affinegan.test_updater import FACES, SMALL, make_updater
from tests.models.memory import most_floats

TOLERANCE = 0.05
RESNET = {"model.generator": "resnet_6blocks", "model.fine_size": 64}
MASKS, NO_MASKS = FACES, replace(FACES, masks=False)


def sizes(batchsize, ngf, ndf):
    return {"batchsize": batchsize, "model.ngf": ngf, "model.ndf": ndf}


CASES = {
    "wide discriminators": (MASKS, sizes(3, 2, 8)),
    "narrow discriminators": (NO_MASKS, sizes(3, 12, 1)),
    "a larger picture": (MASKS, {"model.fine_size": 128, **sizes(1, 8, 4)}),
    "a deeper U-Net": (NO_MASKS, {"model.generator": "unet_128", **sizes(1, 4, 8)}),
    "a ResNet": (NO_MASKS, {**RESNET, **sizes(1, 8, 2)}),
    "a ResNet and wide discriminators": (MASKS, {**RESNET, **sizes(3, 1, 8)}),
}


def estimate(data, settings):
    return models.build(config.resolve("affinegan", settings=SMALL | settings), data).activation_floats


@pytest.mark.parametrize(("data", "settings"), CASES.values(), ids=CASES)
def test_the_most_numbers_at_once(data, settings, monkeypatch):
    if not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine, and the stock backend has large buffers")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use("onednn")
    assert estimate(data, settings) == pytest.approx(most_floats(make_updater(data, **settings)), rel=TOLERANCE)


def test_it_grows_with_the_batch():
    of_batches = [estimate(MASKS, {"batchsize": n, "model.ndf": 8}) for n in (8, 16, 24)]
    assert of_batches[2] - of_batches[1] == of_batches[1] - of_batches[0] > 0
