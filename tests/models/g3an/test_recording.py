"""G3AN's step, recorded and repeated, trains as one that runs as it stands; with attention it says why it is not."""

import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import stock
from mocogan_chainer.backends.recorded_step import WARM_UP
from mocogan_chainer.models.g3an.updater import frame_of
from tests.backends.cudnn import on_host
from tests.backends.host_recorder import HostRecorder
from tests.models.g3an.small_runs import CLASSES, LARGER, NO_CLASSES, make_updater
from tests.models.recording import assert_same_training, run

FORMS = [(CLASSES, {}), (CLASSES, {"model.conditional": True}), (NO_CLASSES, {"video_length": 20})]


@pytest.fixture(autouse=True)
def _on_stock(monkeypatch):
    monkeypatch.setattr(backends, "_current", stock)


@pytest.mark.parametrize(("data", "settings"), FORMS)
def test_trains_as_it_stands(data, settings):
    steps, plain, recorded = WARM_UP + 4, make_updater(data, **settings), make_updater(data, **settings)
    plain_reports, _ = run(plain, steps, recorded=False)
    recorded_reports, recorder = run(recorded, steps, recorded=True)
    assert (recorder.recorded, recorder.replayed) == (1, 2)
    assert_same_training(plain, recorded, plain_reports, recorded_reports)


def test_the_gpu_backend_trains_as_stock(monkeypatch):
    plain, ours = (make_updater(**{"model.conditional": True}) for _ in range(2))
    plain_reports, _ = run(plain, WARM_UP + 3, recorded=False)
    monkeypatch.setattr(backends, "_current", on_host.load(orders=(1,)))
    reports, recorder = run(ours, WARM_UP + 3, recorded=True)
    assert recorder.replayed == 1
    assert_same_training(plain, ours, plain_reports, reports)


def test_attention_is_not_recorded():
    updater, refusals = make_updater(LARGER, **{"model.attention": True}), []
    updater.record(HostRecorder(updater.feeds, updater.update_all), refusals.append)
    assert refusals == ["attention is made of cuBLAS's products"]
    updater.update()


def test_a_frame_by_its_number_or_by_an_array():
    x = np.random.default_rng(0).random((2, 3, 5, 4, 4))
    for t in range(5):
        assert np.array_equal(frame_of(x, t), x[:, :, t])
        assert np.array_equal(frame_of(x, np.array([t])), x[:, :, t])
