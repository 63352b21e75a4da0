"""AffineGAN's step, recorded and repeated, trains as one that runs as it stands."""

import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import stock
from mocogan_chainer.backends.recorded_step import WARM_UP
from tests.backends.cudnn import on_host
from tests.models.affinegan.test_updater import FORMS, make_updater
from tests.models.recording import assert_same_training, run


@pytest.fixture(autouse=True)
def _on_stock(monkeypatch):
    monkeypatch.setattr(backends, "_current", stock)


@pytest.mark.parametrize("settings", [form for form in FORMS if form.get("model.fine_size") != 128])
def test_trains_as_it_stands(settings):
    steps, plain, recorded = WARM_UP + 4, make_updater(**settings), make_updater(**settings)
    plain_reports, _ = run(plain, steps, recorded=False)
    recorded_reports, recorder = run(recorded, steps, recorded=True)
    assert (recorder.recorded, recorder.replayed) == (1, 2)
    assert_same_training(plain, recorded, plain_reports, recorded_reports)


def test_the_gpu_backend_trains_as_stock(monkeypatch):
    plain, ours = make_updater(), make_updater()
    plain_reports, _ = run(plain, WARM_UP + 3, recorded=False)
    monkeypatch.setattr(backends, "_current", on_host.load(orders=(1,)))
    reports, recorder = run(ours, WARM_UP + 3, recorded=True)
    assert recorder.replayed == 1
    assert_same_training(plain, ours, plain_reports, reports)
