"""oneDNN or numba may be absent or unusable; the number of threads follows OpenMP's."""

import ctypes.util
import importlib.util
import sys

import pytest

from mocogan_chainer import backends
from mocogan_chainer.backends import onednn as package
from mocogan_chainer.backends.onednn import c_api
from mocogan_chainer.errors import DeviceError


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    """Each test asks anew what there is, and the next one too."""
    monkeypatch.setattr(backends, "_current", backends.current())
    package.available.cache_clear()
    yield
    package.available.cache_clear()


@pytest.fixture(params=["oneDNN", "numba"])
def _absent(request, monkeypatch):
    """Either of the two is not there."""
    if request.param == "oneDNN":
        monkeypatch.setattr(c_api, "load", lambda: None)
        return
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "numba" else find(name, *rest))


@pytest.mark.usefixtures("_absent")
class TestAbsence:
    def test_auto_falls_back_and_says_how_to_get_it(self):
        message = backends.use("auto")
        assert backends.current() is backends.stock
        assert message.startswith("stock (slow: oneDNN or numba was not found; pip install numba onednn-cpu-gomp ")
        assert "libdnnl.so.3" in message
        assert "\n" not in message

    def test_named_it_is_refused(self):
        backends.use("stock")
        with pytest.raises(
            DeviceError, match=r"^backend=onednn: oneDNN or numba was not found; pip install numba"
        ) as e:
            backends.use("onednn")
        assert "use backend=stock" in str(e.value)
        assert "\n" not in str(e.value)
        assert backends.current() is backends.stock

    def test_on_a_gpu_nothing_is_said(self):
        assert backends.use("auto", on_gpu=True) == "stock"


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
    assert isinstance(loaded, c_api.Library)
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
    ("variable", "cores", "threads"),
    [
        (None, 4, 4),
        ("", 4, 4),
        ("1", 4, 1),
        ("3", 4, 3),
        ("2,1", 4, 2),
        ("0", 4, 4),
        ("-2", 4, 4),
        ("many", 4, 4),
        ("5", 4, 4),
        ("4096", 4, 4),
    ],
)
def test_threads_follow_openmp(onednn, monkeypatch, variable, cores, threads):
    import numba

    from mocogan_chainer.backends.onednn import kernels

    taken = []
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", cores)
    monkeypatch.setattr(numba, "set_num_threads", taken.append)
    if variable is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert kernels.set_threads() == threads
    assert taken == [threads]


def test_using_the_backend_sets_the_threads(onednn, monkeypatch):
    import numba

    before = numba.get_num_threads()
    try:
        for asked in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            monkeypatch.setenv("OMP_NUM_THREADS", str(asked))
            assert backends.use("onednn") == "onednn"
            assert numba.get_num_threads() == asked
    finally:
        numba.set_num_threads(before)
