"""The estimate of a step's memory, against what Python says was held."""

import pytest

from mocogan_chainer import backends, models
from mocogan_chainer.models.g3an.generator import MODES
from tests.models.g3an.small_runs import LARGER, make_config, make_updater
from tests.models.memory import most_floats

TOLERANCE = 0.1
GENERATOR = {"batchsize": 8, "model.ch_g": 4, "model.ch_d": 4}
DISCRIMINATOR = {"batchsize": 16, "model.ch_g": 1, "model.ch_d": 8}
ATTENTION = {"batchsize": 2, "model.ch_g": 4, "model.attention": True}


@pytest.mark.parametrize("settings", [*({"model.mode": mode, **GENERATOR} for mode in MODES), DISCRIMINATOR, ATTENTION])
def test_the_most_numbers_at_once(settings, monkeypatch):
    if not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine, and the stock backend has large buffers")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use("onednn")
    estimate = models.build(make_config(**settings), LARGER).activation_floats
    assert estimate == pytest.approx(most_floats(make_updater(LARGER, **settings)), rel=TOLERANCE)


def test_it_grows_with_the_batch():
    def estimate(batchsize):
        return models.build(make_config(batchsize=batchsize), LARGER).activation_floats

    assert estimate(24) - estimate(16) == estimate(16) - estimate(8) > 0
