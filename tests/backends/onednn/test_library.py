"""oneDNN or numba may be absent or unusable; the number of threads follows OpenMP's."""

import ctypes.util
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import onednn as package
from mocogan_chainer.backends.onednn import c_api
from mocogan_chainer.errors import ConfigError, DeviceError


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    """Each test asks anew what there is, and the next one too."""
    monkeypatch.setattr(backends, "_current", backends.current())
    package.problem.cache_clear()
    yield
    package.problem.cache_clear()


def _break_numba(monkeypatch, error):
    """Importing what is compiled fails like this."""
    real = importlib.import_module

    def imported(name, *rest):
        if ".kernels" in name:
            raise error
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", imported)


CAUSES = {
    "oneDNN": "oneDNN was not found",
    "numba": "numba was not found",
    "NumPy": "numba cannot be used (Numba needs NumPy 2.4 or less. Got NumPy 2.5.)",
    "cache": "numba cannot be used (cannot cache function 'f': no locator available)",
}


@pytest.fixture(params=CAUSES)
def absent(request, monkeypatch):
    """Something is missing; why, in words."""
    if request.param == "oneDNN":
        monkeypatch.setattr(c_api, "load", lambda: None)
    else:
        monkeypatch.setattr(c_api, "load", object)
        errors = {
            "numba": ModuleNotFoundError("No module named 'numba'"),
            "NumPy": ImportError("Numba needs NumPy 2.4 or less.\nGot NumPy 2.5."),
            "cache": RuntimeError("cannot cache function 'f': no locator available"),
        }
        _break_numba(monkeypatch, errors[request.param])
    return CAUSES[request.param]


class TestAbsence:
    def test_auto_falls_back_and_says_how_to_get_it(self, absent):
        message = backends.use("auto")
        assert backends.current() is backends.stock
        assert message.startswith(f"stock (slow: {absent}; pip install numba onednn-cpu-gomp ")
        assert "libdnnl.so.3" in message
        assert "\n" not in message

    def test_named_it_is_refused(self, absent):
        backends.use("stock")
        with pytest.raises(DeviceError) as e:
            backends.use("onednn")
        assert str(e.value).startswith(f"backend=onednn: {absent}; pip install numba")
        assert "use backend=stock" in str(e.value)
        assert "\n" not in str(e.value)
        assert backends.current() is backends.stock

    @pytest.mark.usefixtures("absent")
    def test_on_a_gpu_nothing_is_said(self, monkeypatch):
        monkeypatch.setattr(backends.cudnn, "problem", lambda: "the front end is missing")
        assert backends.use("auto", on_gpu=True).startswith("stock (slow: the front end is missing; ")


class TestPrecision:
    def test_unknown(self):
        with pytest.raises(ConfigError, match=r"precision=bf1: it must be one of .*did you mean bf16"):
            backends.use("auto", precision="bf1")

    @pytest.mark.parametrize("arguments", [("stock",), ("auto", True)])
    def test_takes_the_backend(self, arguments, monkeypatch):
        monkeypatch.setattr(backends.cudnn, "problem", lambda: "the front end is missing")
        who = "it needs the backend cudnn on a GPU, or onednn"
        with pytest.raises(DeviceError, match=f"precision=bf16: {who} .* use precision=float32"):
            backends.use(*arguments, precision="bf16")

    @pytest.mark.usefixtures("onednn")
    @pytest.mark.parametrize(
        ("flags", "has"), [(0x7, False), (0x67, False), (0x1F, False), (0xE7, True), (0xFEF, True)]
    )
    def test_takes_a_processor_that_has_it(self, monkeypatch, flags, has):
        """AVX2, AVX-512 with VNNI and AVX2 with VNNI 2 do not have it; AVX-512 BF16 and AMX do."""

        class Asked:
            dnnl_get_effective_cpu_isa = staticmethod(lambda: flags)

        monkeypatch.setattr(c_api.load(), "_dll", Asked)
        assert package.has_bfloat16() is has


def test_a_first_run_says_that_it_compiles(onednn, monkeypatch):
    monkeypatch.setattr(package, "is_compiled", lambda: False)
    assert backends.use("auto") == "onednn (its kernels are compiled first: a minute, once)"
    monkeypatch.setattr(package, "is_compiled", lambda: True)
    assert backends.use("auto") == "onednn"


def fake_prefix(tmp_path, content):
    """An environment with something called libdnnl.so.3 in it."""
    library = tmp_path / "lib" / "libdnnl.so.3"
    library.parent.mkdir()
    library.write_bytes(content)
    return library


@pytest.fixture
def system_library(onednn, monkeypatch):
    """The library of this environment, as if it were the system's."""
    found = c_api._candidates()[0]
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: found if name == "dnnl" else None)


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF\x02\x01\x01" + bytes(57)])
def test_an_unusable_file_is_passed_over(system_library, monkeypatch, tmp_path, content):
    library = fake_prefix(tmp_path, content)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert c_api._candidates()[0] == str(library)
    loaded = c_api.load.__wrapped__()  # past the cache
    assert loaded is not None
    assert loaded.descriptor((2, 3), None)


def test_a_library_without_the_functions_is_passed_over(monkeypatch):
    """Such as oneDNN 2, whose functions have other names."""
    monkeypatch.setattr(c_api, "_candidates", lambda: [None])  # the running program itself
    assert c_api.load.__wrapped__() is None


def test_nothing_found(monkeypatch):
    monkeypatch.setattr(c_api, "_candidates", list)
    assert c_api.load.__wrapped__() is None


def test_a_refused_call_is_an_error(onednn):
    with pytest.raises(c_api.OneDNNError, match="dnnl_memory_desc_create_with_strides returned status"):
        c_api.load().descriptor((-1, 2), (2, 1))


@pytest.mark.parametrize(
    ("variable", "count"),
    [(None, 4), ("", 4), ("1", 1), ("3", 3), (" 2 ", 2), ("2,1", 2), ("0", 4), ("-2", 4), ("many", 4), ("4096", 4)],
)
def test_number_of_threads(onednn, monkeypatch, variable, count):
    from mocogan_chainer.backends.onednn.kernels import threads

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5, 7}, raising=False)
    if variable is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads.threads() == count


REPORT = """
import ctypes, os, threading
{before}
from mocogan_chainer import backends
backends.use("onednn")
import numba
import numpy as np
backend = backends.current()
backend.add_noise(np.ones((4, 3, 64, 64), np.float32), backends.Noise(1, 1.0))  # starts the pool
seen = []
ask = lambda: seen.append((numba.get_num_threads(), ctypes.CDLL("libgomp.so.1").omp_get_max_threads()))
ask()
print(seen)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into GNU's OpenMP and the affinity of Linux")
@pytest.mark.usefixtures("onednn")
class TestThreads:
    def report(self, before, **variables):
        environment = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
        script = REPORT.format(before=before)
        return subprocess.check_output([sys.executable, "-c", script], text=True, env=environment | variables).strip()

    @pytest.mark.parametrize("before", ["", "import numba; numba.njit(parallel=True)(lambda: 0)"])
    def test_numba_and_onednn_follow_openmp(self, before):
        assert self.report(before, OMP_NUM_THREADS="1") == "[(1, 1)]"

    def test_they_follow_the_affinity(self):
        core = min(os.sched_getaffinity(0))
        assert self.report(f"os.sched_setaffinity(0, {{{core}}})") == "[(1, 1)]"

    @pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="takes two cores"
    )
    def test_two_threads(self):
        assert self.report("", OMP_NUM_THREADS="2") == "[(2, 2)]"


TWO_THREADS = """
import threading
import numpy as np
from mocogan_chainer import backends
from mocogan_chainer.backends import Geometry
backends.use("onednn")
b, rng = backends.current(), np.random.default_rng(0)
cases = [((1, 3, 33, 33), (7, 3, 5, 5), Geometry((2, 2), (2, 2))),
         ((2, 8, 9, 9), (8, 4, 3, 3), Geometry((1, 1), (1, 1), 2)),
         ((8, 16, 16, 16), (32, 16, 4, 4), Geometry((2, 2), (1, 1)))]
def run():
    results = []
    for x, W, g in cases:
        rng = np.random.default_rng(1)
        x, W = rng.standard_normal(x, np.float32), rng.standard_normal(W, np.float32)
        y = b.convolution_forward(x, W, g)
        results += [y, b.convolution_backward_data(y, W, x.shape[2:], g)]
        results.append(b.convolution_backward_weights(x, y, W.shape[2:], g))
    return results
expected, wrong = run(), []
def check():
    wrong.extend(not np.allclose(a, e, rtol=1e-4, atol=1e-3) for a, e in zip(run(), expected))
for at_once in (1, 2):
    threads = [threading.Thread(target=check) for _ in range(at_once)]
    [t.start() for t in threads]
    [t.join() for t in threads]
print(len(wrong), any(wrong))
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "4000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_waiting_threads_sleep_soon_unless_told_otherwise(monkeypatch, given, expected):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(c_api, "_candidates", list)
    c_api.load.__wrapped__()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
    monkeypatch.setenv("GOMP_SPINCOUNT", "")  # so that it is put back whether or not it was there


@pytest.mark.usefixtures("onednn")
def test_what_one_thread_made_another_may_run():
    """In a process of its own: what goes wrong here ends it."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.check_output([sys.executable, "-c", TWO_THREADS], text=True, env=environment) == "27 False\n"
