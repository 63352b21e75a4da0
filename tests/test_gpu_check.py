"""The check of a GPU, tried on NumPy arrays: what it compares, what it finds, what it says."""

import inspect
import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import chainer
import numpy as np
import pytest

from benchmarks.gpu_check import __main__ as main
from benchmarks.gpu_check import convolutions, lean, model, primitives, speed, steps
from benchmarks.gpu_check.place import Place, error
from benchmarks.gpu_check.results import DeviceLostError, Results
from benchmarks.timing import timed
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

    def milliseconds(work, times):
        return 1e3 * timed(work, times)[0]["median_s"]

    return Place(chainer.get_device("@numpy"), lambda precision: backend, lambda: None, lambda: None, milliseconds)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "found.json", time.time() + 600)


def test_everything_right_passes(place, shared, results):
    primitives.check(place, results, SHAPES)
    steps.check(place, results, shared / "fixtures")
    convolutions.check(place, results, batch=2, filters=1)
    assert results.failed == []
    assert {"primitive", "step", "published", "convolution"} == {check["name"].split()[0] for check in results.checks}
    assert all(check["state"] == "ok" for check in results.checks)


@pytest.mark.parametrize("name", ["add_noise", "normalize_rectify_backward", "product", "gru", "gather_clips"])
def test_a_fault_is_found(place, name, results):
    wrong = replace(place, load=lambda p: Spoilt(place.load(p), name))
    primitives.check(wrong, results, {"odd": (3, 7, 5, 4)})
    assert results.failed
    assert all(name in failed or "key on the device" in failed for failed in results.failed)


def test_a_faulty_step_is_found(place, results):
    wrong = replace(place, load=lambda p: Spoilt(place.load(p), "convolution_backward_data"))
    steps.check(wrong, results, None)
    assert "step equals that of NumPy" in results.failed


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(speed, "STEPS", 1)
    monkeypatch.setattr(speed, "_AT_ONCE", 1)
    monkeypatch.setattr(speed, "WAKING_S", 0.01)

    def small(where, batch, filters, ema):
        return model.make_updater(where, **steps.SMALL)

    monkeypatch.setattr(speed, "make_updater", small)


@pytest.mark.usefixtures("_quick")
def test_times_are_noted_with_the_share_of_convolutions(place, results):
    speed.measure(place, results, batch=3, filters=2, peers=False)
    named = {number["name"]: number for number in results.numbers}
    assert list(named) == ["step tf32 unrecorded, batch 3", "step tf32, batch 3", "convolutions alone tf32, batch 3"]
    assert min(named["step tf32, batch 3"][key] for key in ("recorded_ms", "in_a_row_ms")) > 0
    assert named["convolutions alone tf32, batch 3"]["of_the_step"] > 0
    assert results.failed == []


@pytest.mark.usefixtures("_quick")
def test_other_precisions_are_timed_too(place, results):
    speed.measure_precisions(place, results, batch=3, filters=2)
    names = [f"step {precision}{how}, batch 3" for precision in ("bf16", "float32") for how in (" unrecorded", "")]
    assert [number["name"] for number in results.numbers] == names
    assert results.failed == []


@pytest.mark.usefixtures("_quick")
def test_ours_and_the_peer_are_compared_and_a_peer_that_fails_is_said(place, results, monkeypatch, tmp_path):
    """Also by a process that did not time ours itself."""
    script = tmp_path / "peer.py"
    script.write_text(
        "import sys\n"
        "if 'compiled' in sys.argv: sys.exit('no compiler here')\n"
        """print('{"min_s": 1, "median_s": 2, "max_s": 4, "torch": "9"}')\n"""
    )
    monkeypatch.setattr(speed, "PEER", [sys.executable, str(script)])
    for name in ("a step in tf32", "its convolutions alone"):
        results.measure(f"speed of {name}", lambda: None)
    speed.measure(place, results, batch=3, filters=2)
    (official,) = results.numbers
    assert (official["name"], official["ms"], official["torch"]) == ("PyTorch official tf32, batch 3", 2000, "9")
    assert official["ratio_from"] < official["ratio"] < official["ratio_to"]
    assert official["ratio"] == pytest.approx(official["ours_ms"] / 2000)
    assert results.failed == ["speed against PyTorch compiled"]
    assert results.checks[0]["why"] == "RuntimeError: no compiler here"


def test_the_peer_starts_from_anywhere(monkeypatch, tmp_path):
    """As far as a PyTorch that has nothing in it lets it."""
    (tmp_path / "torch" / "nn").mkdir(parents=True)
    (tmp_path / "torch" / "__init__.py").write_text("class cuda: is_available = staticmethod(lambda: False)\n")
    (tmp_path / "torch" / "nn" / "__init__.py").write_text("class Module: pass\n")
    (tmp_path / "torch" / "nn" / "functional.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match=r"^AttributeError: module 'torch' has no attribute"):
        speed._peer("official", 2, 2, 60)


@pytest.mark.parametrize(("longest", "state"), [(60, "left out"), (0.2, "FAILED")])
def test_a_peer_is_left_out_where_it_had_less_than_its_time(monkeypatch, results, longest, state):
    monkeypatch.setattr(speed, "PEER", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setitem(speed._LONGEST_PEER, "compiled", longest)
    results.measure("speed against PyTorch compiled", lambda: speed._peer("compiled", 2, 2, 0.2))
    assert [check["state"] for check in results.checks] == [state]
    assert results.checks[0]["why"].endswith("not done after 0 s")


@pytest.mark.parametrize(
    "says", ["ModuleNotFoundError: No module named 'torch'", "Torch not compiled with CUDA enabled"]
)
def test_a_peer_that_is_not_there_is_left_out(monkeypatch, results, says):
    monkeypatch.setattr(speed, "PEER", [sys.executable, "-c", f"import sys; sys.exit({says!r})"])
    results.measure("speed against PyTorch official", lambda: speed._peer("official", 2, 2, 60))
    assert [(check["state"], check["why"]) for check in results.checks] == [("left out", says)]


def test_the_check_decides_no_plan_of_a_step_that_is_timed():
    def shapes(batch):
        return {(x, W) for _, x, W, _ in convolutions.layers(batch, 64)}

    tried = inspect.signature(convolutions.check).parameters["batch"].default
    assert not shapes(tried) & (shapes(32) | {((n, *x[1:]), W) for n in (16, 64) for x, W in shapes(32)})


def test_the_model_is_the_published_one():
    resolved = config.resolve("infogan")["model"]
    assert {name: value for name, value in resolved.items() if not name.startswith("n_filters")} == model.MODEL


def test_errors_are_relative_and_shapes_are_compared():
    assert error(np.array([1.0, 2.02]), np.array([1.0, 2.0])) == pytest.approx(0.01)
    with pytest.raises(ValueError, match=r"shape \(2,\) where \(3,\)"):
        error(np.zeros(2), np.zeros(3))


class TestResults:
    def test_the_table_names_what_failed_and_the_file_has_all(self, tmp_path):
        results = Results(tmp_path / "new" / "found.json", time.time() + 600)
        results.check("primitive a", lambda: (0.0, 1e-5))
        results.check("primitive b", lambda: (float("nan"), 1e-5))
        results.check("step c", lambda: 1 / 0)
        results.note("step tf32", recorded_ms=1.5)
        assert results.failed == ["primitive b", "step c"]
        table = results.table()
        assert "FAILED step c: ZeroDivisionError: division by zero" in table
        assert table.splitlines()[0].split() == ["primitive", "1", "ok", "1", "FAILED", "0", "left", "out"]
        found = json.loads((tmp_path / "new" / "found.json").read_text())
        assert "Traceback" in found["checks"][2]["trace"]
        assert found["numbers"] == [{"name": "step tf32", "recorded_ms": 1.5}]

    def test_long_texts_are_for_the_file(self, tmp_path, capsys):
        results = Results(tmp_path / "found.json", time.time() + 600)
        results.note("plans of a device", json="[1]" * 10_000)
        assert capsys.readouterr().out == "plans of a device: json of 30000 characters\n"
        assert results.table() == ""
        assert json.loads((tmp_path / "found.json").read_text())["numbers"][0]["json"] == "[1]" * 10_000

    def test_nothing_new_is_begun_when_time_is_up(self, tmp_path):
        results = Results(tmp_path / "found.json", time.time() + 10)
        results.measure("speed a", lambda: 1 / 0, least=20)
        assert [(check["name"], check["state"]) for check in results.checks] == [("speed a", "left out")]
        over = Results(tmp_path / "other.json", time.time())
        over.check("primitive a", lambda: 1 / 0)
        assert over.checks[0]["state"] == "left out"

    def test_the_next_process_goes_on_behind_what_ended_the_last(self, tmp_path):
        path = tmp_path / "found.json"
        code = (
            "import os, sys, time; from benchmarks.gpu_check.results import Results; "
            "results = Results(sys.argv[1], time.time() + 60); "
            "results.check('primitive a', lambda: (0.0, 1.0)); results.note('number', ms=1.5); "
            "results.measure('speed b', lambda: os._exit(7))"
        )
        assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7
        done, results = [], Results(path, time.time() + 600)
        for name in ("primitive a", "speed b", "primitive c"):
            results.measure(name, lambda name=name: done.append(name))
        assert done == ["primitive c"]
        assert results.failed == ["speed b"]
        assert results.checks[1]["why"] == "its process came to an end in it"
        assert results.numbers == [{"name": "number", "ms": 1.5}]

    def test_a_failure_that_spoils_the_device_ends_the_process(self, tmp_path):
        def wait():
            raise RuntimeError("an illegal address")

        results = Results(tmp_path / "found.json", time.time() + 600, wait)
        results.check("primitive a", lambda: (0.0, 1.0))
        with pytest.raises(DeviceLostError, match="an illegal address"):
            results.check("primitive b", lambda: (2.0, 1.0))
        next_one = Results(tmp_path / "found.json", time.time() + 600, lambda: None)
        assert next_one.failed == ["primitive b"]
        next_one.check("primitive b", lambda: (0.0, 1.0))
        assert next_one.failed == ["primitive b"]

    def test_other_failures_do_not(self, tmp_path):
        results = Results(tmp_path / "found.json", time.time() + 600, lambda: None)
        results.check("primitive a", lambda: 1 / 0)
        results.check("primitive b", lambda: (0.0, 1.0))
        assert [check["state"] for check in results.checks] == ["FAILED", "ok"]


def test_processes_follow_one_another(tmp_path, monkeypatch, capsys):
    """One loses the device in its second check, one dies in its fourth, and a third does the rest."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import os, sys, time\n"
        "from benchmarks.gpu_check.results import Results\n"
        "from benchmarks.gpu_check.__main__ import _parser\n"
        "a = _parser().parse_args(sys.argv[1:])\n"
        "assert os.environ['MOCOGAN_CACHE_DIR'].startswith(os.path.dirname(a.out))\n"
        "results = Results(a.out, a.until)\n"
        "results.about = {'device': 'none'}\n"
        "fates = {'primitive 1': 3, 'primitive 3': -9}\n"
        "def run(name):\n"
        "    if fates.get(name) == -9: os.kill(os.getpid(), 9)\n"
        "    if name in fates: results.write(running=name); sys.exit(fates[name])\n"
        "    return 0.0, 1.0\n"
        "for i in range(6): results.check(f'primitive {i}', lambda: run(f'primitive {i}'))\n"
    )
    monkeypatch.setattr(main, "_WORKER", [sys.executable, str(script)])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([".", *sys.path]))
    assert main.main(["--out", str(tmp_path / "found.json"), "--seconds", "60"]) == 1
    found = json.loads((tmp_path / "found.json").read_text())
    assert [check["state"] for check in found["checks"]] == ["ok", "FAILED", "ok", "FAILED", "ok", "ok"]
    printed = capsys.readouterr()
    assert printed.err.count("the next one goes on") == 2
    assert "primitive" in printed.out


def test_a_worker_that_cannot_begin_is_no_success(tmp_path, monkeypatch):
    """The results may go to a folder, too."""
    monkeypatch.setattr(main, "_WORKER", [sys.executable, "-c", "raise ImportError('no such library')"])
    assert main.main(["--out", str(tmp_path), "--seconds", "60"]) == 1
    assert (tmp_path / "gpu_check.json").exists()


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
