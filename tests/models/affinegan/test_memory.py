"""The estimate of a step's memory, against what Python says was held."""

import gc
import tracemalloc
from dataclasses import replace

import pytest

from mocogan_chainer import backends, config, models
from tests.models.affinegan.test_updater import FACES, SMALL, make_updater

FLOAT_BYTES = 4
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


def most_floats(updater):
    """The most numbers held at once in a step, beside what stays from step to step."""
    tracemalloc.start()
    try:
        updater.update()  # gradients are there now, and the backend's forms of weights
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        updater.update()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (most - before) / FLOAT_BYTES


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
