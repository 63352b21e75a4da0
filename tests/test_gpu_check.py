"""The check of a GPU, tried on NumPy arrays: what it compares, what it finds, what it says."""

import json
import subprocess
import sys

import chainer
import numpy as np
import pytest

from benchmarks.gpu_check import convolutions, lean, model, primitives, speed, steps
from benchmarks.gpu_check.place import Place, error
from benchmarks.gpu_check.results import Results
from mocogan_chainer import backends, compat, config
from mocogan_chainer.backends.recorded_step import WARM_UP
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater
from tests.backends.cudnn import on_host
from tests.backends.host_recorder import HostRecorder

SHAPES = {"images": (2, 8, 6, 6), "odd": (3, 7, 5, 9, 3), "rows": (40, 66)}


class Spoilt:
    """A backend with a fault in one primitive."""

    def __init__(self, backend, name):
        self._backend, self._name = backend, name

    def __getattr__(self, name):
        found = getattr(self._backend, name)
        if name != self._name:
            return found

        def wrong(*args):
            results = found(*args)
            return tuple(r * 1.01 for r in results) if isinstance(results, tuple) else results * np.float32(1.01)

        return wrong


@pytest.fixture
def place(monkeypatch):
    """NumPy arrays, and recordings as tests have them."""
    monkeypatch.setattr(backends, "_current", backends.current())
    monkeypatch.setattr(steps, "SMALL", {"batch": 2, "filters": 1, "size": 16, "length": 10, "videos": 2})
    monkeypatch.setattr(steps, "STEPS", WARM_UP + 3)
    monkeypatch.setattr(steps, "PRECISIONS", ("tf32",))
    monkeypatch.setattr(speed, "_WARM_UP", WARM_UP + 2)
    record = MoCoGANUpdater.record

    def bound(self, recorder, refused):
        record(self, HostRecorder(self.feeds, self.update_all), refused)

    monkeypatch.setattr(MoCoGANUpdater, "record", bound)
    backend = on_host.load(orders=(1,))
    return Place(chainer.get_device("@numpy"), lambda precision: backend, lambda: None, lambda: None)


def test_everything_right_passes(place, shared):
    results = Results(600)
    primitives.check(place, results, SHAPES)
    steps.check(place, results, shared / "fixtures")
    convolutions.check(place, results, batch=2, filters=1)
    assert results.failed == []
    assert {"primitive", "step", "published", "convolution"} == {check["name"].split()[0] for check in results.checks}
    assert all(check["state"] == "ok" for check in results.checks)


@pytest.mark.parametrize("name", ["add_noise", "normalize_rectify_backward", "product", "gru", "gather_clips"])
def test_a_fault_is_found(place, name):
    results = Results(600)
    primitives.check(
        Place(place.device, lambda p: Spoilt(place.load(p), name), None, None), results, {"odd": (3, 7, 5, 4)}
    )
    assert results.failed
    assert all(name in failed or "key on the device" in failed for failed in results.failed)


def test_a_faulty_step_is_found(place):
    results = Results(600)
    wrong = Place(
        place.device, lambda p: Spoilt(place.load(p), "convolution_backward_data"), place.recorder, place.wait
    )
    results.check("step equals that of NumPy", lambda: (steps._against_numpy(wrong), 2e-3))
    assert "step equals that of NumPy" in results.failed


def test_times_are_noted_with_the_share_of_convolutions(place, monkeypatch):
    monkeypatch.setattr(speed, "STEPS", 1)
    monkeypatch.setattr(
        speed, "make_updater", lambda where, batch, filters, ema: model.make_updater(where, **steps.SMALL)
    )
    results = Results(600)
    monkeypatch.setattr(speed, "PRECISIONS", ("tf32",))
    monkeypatch.setattr(speed, "_AT_ONCE", 1)
    speed.measure(place, results, batch=3, filters=2, peers=False)
    named = {number["name"]: number for number in results.numbers}
    assert list(named) == ["step tf32 as it stands, batch 3", "step tf32, batch 3", "convolutions alone tf32, batch 3"]
    assert named["step tf32, batch 3"]["recorded_ms"] > 0
    assert named["convolutions alone tf32, batch 3"]["of_the_step"] > 0


def test_a_peer_that_fails_is_said(monkeypatch, tmp_path):
    script = tmp_path / "peer.py"
    script.write_text("import sys; sys.exit('no torch here')")
    monkeypatch.setattr(speed, "PEER", script)
    assert speed._peer("official", 2, 2, 60) == {"failed": "no torch here"}


def test_the_model_is_the_published_one():
    resolved = config.resolve("infogan")["model"]
    assert {name: value for name, value in resolved.items() if not name.startswith("n_filters")} == model.MODEL


def test_errors_are_relative_and_shapes_are_compared():
    assert error(np.array([1.0, 2.02]), np.array([1.0, 2.0])) == pytest.approx(0.01)
    with pytest.raises(ValueError, match=r"shape \(2,\) where \(3,\)"):
        error(np.zeros(2), np.zeros(3))


def test_the_table_names_what_failed_and_the_file_has_all(tmp_path):
    results = Results(600)
    results.check("primitive a", lambda: (0.0, 1e-5))
    results.check("primitive b", lambda: (float("nan"), 1e-5))
    results.check("step c", lambda: 1 / 0)
    results.note("step tf32", recorded_ms=1.5)
    assert results.failed == ["primitive b", "step c"]
    table = results.table()
    assert "FAILED step c: ZeroDivisionError: division by zero" in table
    assert table.splitlines()[0].split() == ["primitive", "1", "ok", "1", "FAILED", "0", "left", "out"]
    results.write(str(tmp_path / "new" / "found.json"))
    found = json.loads((tmp_path / "new" / "found.json").read_text())
    assert "Traceback" in found["checks"][2]["trace"]
    assert found["numbers"] == [{"name": "step tf32", "recorded_ms": 1.5}]


def test_nothing_new_is_begun_when_time_is_up():
    results = Results(0)
    results.check("primitive a", lambda: (0.0, 1.0))
    assert results.checks[0]["state"] == "left out"


LEAN = """
import sys
for name in {missing}:
    sys.modules.pop(name, None)
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing}:
            raise ModuleNotFoundError(name)
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in {missing} else find(name, *rest)
sys.meta_path.insert(0, Hide())
from benchmarks.gpu_check import lean
print(lean.prepare(None))
from benchmarks.gpu_check import convolutions, primitives, speed, steps
"""


def test_runs_without_what_it_does_not_need():
    """With hardly more than NumPy: the device machine may have no library for settings, pictures and videos."""
    missing = [*lean.NOT_NEEDED, "tensorboardX", "matplotlib", "tqdm", "numba"]
    done = subprocess.run([sys.executable, "-c", LEAN.format(missing=missing)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in lean.NOT_NEEDED)


@pytest.mark.skipif(compat.device_count() > 0, reason="there is a device")
def test_no_device_is_one_line():
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu_check"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no GPU to check: ")
    assert done.stderr.count("\n") == 1
