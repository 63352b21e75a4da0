"""A MoCoGAN step that is recorded and repeated trains as one that runs as it stands, in every form."""

import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import stock
from mocogan_chainer.backends.recorded_step import WARM_UP
from mocogan_chainer.datasets import open_writer
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import ClipIterator, FrameIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.resident import ResidentFrames
from tests.backends.cudnn import on_host
from tests.backends.host_recorder import HostRecorder
from tests.models.recording import arrays, assert_same_training, host_state, run

CLASSES = DataDescription("two", 16, 3, ("a", "b"))
STEPS = WARM_UP + 5
FORMS = ["normal", "cgan", "infogan"]


@pytest.fixture(autouse=True)
def _on_stock(monkeypatch):
    monkeypatch.setattr(backends, "_current", stock)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("data") / "set", np.random.default_rng(3)
    with open_writer(path, "noise", 16, ["a", "b"]) as writer:
        for i in range(7):
            writer.add(rng.integers(256, size=(11 + i, 16, 16, 3), dtype=np.uint8), str(i), class_name="ab"[i % 2])
    return PreparedDataset.open(path)


@pytest.mark.parametrize("model", FORMS)
def test_trains_as_it_stands(make_updater, model):
    plain, recorded = make_updater(model, CLASSES), make_updater(model, CLASSES)
    plain_reports, _ = run(plain, STEPS, recorded=False)
    recorded_reports, recorder = run(recorded, STEPS, recorded=True)
    assert (recorder.recorded, recorder.replayed) == (1, STEPS - WARM_UP - 2)
    assert_same_training(plain, recorded, plain_reports, recorded_reports)


def with_clips(updater, dataset, resident):
    rng = [np.random.default_rng(seed) for seed in (1, 2)]
    updater._iterators["main"] = ClipIterator(dataset, 4, 10, 1, rng[0], flip=True)
    updater._iterators["image"] = FrameIterator(dataset, 6, 1, rng[1], flip=True)
    updater.resident = ResidentFrames(dataset, updater.device) if resident else None
    return updater


@pytest.mark.parametrize("recorded", [False, True])
def test_frames_on_the_device_give_the_same_training(make_updater, dataset, recorded):
    from_files, from_device = (with_clips(make_updater("infogan", CLASSES), dataset, r) for r in (False, True))
    file_reports, _ = run(from_files, STEPS, recorded=False)
    device_reports, _ = run(from_device, STEPS, recorded)
    assert_same_training(from_files, from_device, file_reports, device_reports)


def test_the_gpu_backend_recorded_and_with_frames_on_the_device_trains_as_stock(make_updater, dataset, monkeypatch):
    plain, ours = (with_clips(make_updater("infogan", CLASSES), dataset, r) for r in (False, True))
    plain_reports, _ = run(plain, WARM_UP + 3, recorded=False)
    monkeypatch.setattr(backends, "_current", on_host.load(orders=(1,)))
    reports, recorder = run(ours, WARM_UP + 3, recorded=True)
    assert recorder.replayed == 1
    assert_same_training(plain, ours, plain_reports, reports)


def test_the_device_counts_updates_from_where_a_snapshot_was_taken(make_updater):
    """A snapshot may be read into a run whose step is recorded already, as when it goes back after a failure."""
    updater = make_updater("normal", CLASSES)
    run(updater, STEPS, recorded=True)
    optimizer = updater.get_optimizer("generator")
    optimizer.t = 1
    for parameter in optimizer.target.params():
        parameter.update_rule.t = 1
    updater.update()
    assert optimizer.t == 2
    assert int(optimizer._count[0]) == 2


def test_a_recording_that_fails_changes_nothing(make_updater):
    """What was drawn for it, Adam's step sizes too, is taken by the same step as it stands."""
    plain, refused = make_updater("infogan", CLASSES), make_updater("infogan", CLASSES)
    run(plain, STEPS, recorded=False)
    kept = [p.array for o in refused.get_all_optimizers().values() for p in o.target.params()]
    refusals = []

    def everything():
        return [*arrays(refused).values(), *kept] if refused.iteration else []

    recorder = HostRecorder(refused.feeds, refused.update_all, arrays=everything, fails_at_end=True)
    refused.record(recorder, refusals.append)
    for _ in range(STEPS):
        refused.update()
    assert refusals == ["the graph cannot be made"]
    assert host_state(plain) == host_state(refused)
    for name, array in arrays(plain).items():
        np.testing.assert_allclose(arrays(refused)[name], array, rtol=2e-3, atol=2e-5, err_msg=name)


def test_other_families_say_why_they_are_not_recorded(make_updater, monkeypatch):
    updater, refusals = make_updater("normal", CLASSES), []
    monkeypatch.setattr(type(updater), "unrecordable", "it rolls dice")
    updater.record(HostRecorder(updater.feeds, updater.update_all), refusals.append)
    updater.update()
    assert refusals == ["it rolls dice"]
    assert updater.iteration == 1
