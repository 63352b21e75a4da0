"""Choosing a backend."""

import pytest

from mocogan_chainer import backends
from mocogan_chainer.errors import ConfigError, DeviceError


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(backends, "_current", backends.current())


def test_stock_is_always_there():
    assert backends.use("stock") == "stock"
    assert backends.current() is backends.stock


@pytest.mark.skipif(not backends.onednn.available(), reason="oneDNN or numba is not on this machine")
def test_auto_takes_onednn_where_it_is():
    assert backends.use("auto").startswith("onednn")
    assert backends.current() is backends.onednn.load()


def test_auto_says_why_it_is_slow(monkeypatch):
    monkeypatch.setattr(backends.onednn, "problem", lambda: "oneDNN was not found")
    assert "oneDNN was not found; pip install numba onednn-cpu-gomp" in backends.use("auto")
    assert backends.current() is backends.stock


def test_a_named_backend_that_is_absent_is_an_error(monkeypatch):
    monkeypatch.setattr(backends.onednn, "problem", lambda: "numba was not found")
    with pytest.raises(DeviceError, match=r"backend=onednn: .* use backend=stock"):
        backends.use("onednn")


def test_unknown_name():
    with pytest.raises(ConfigError, match=r"backend=stok: it must be one of .*did you mean stock"):
        backends.use("stok")


@pytest.fixture
def loaded(monkeypatch):
    """cuDNN, as if it were here: what it was loaded with."""
    given = []
    monkeypatch.setattr(backends.cudnn, "problem", lambda: None)
    monkeypatch.setattr(backends.cudnn, "load", lambda precision: given.append(precision) or backends.stock)
    return given


@pytest.mark.parametrize(
    ("precision", "expected"), [("auto", "tf32"), ("float32", "float32"), ("bf16", "bf16"), ("fp16", "fp16")]
)
def test_auto_takes_cudnn_on_a_gpu(loaded, precision, expected):
    assert backends.use("auto", True, precision) == f"cudnn in {expected}"
    assert loaded == [expected]


def test_without_cudnn_a_gpu_has_stock_and_the_reason(monkeypatch):
    monkeypatch.setattr(backends.cudnn, "problem", lambda: "nvidia-cudnn-frontend was not found")
    line = backends.use("auto", on_gpu=True)
    assert line.startswith("stock (slow: nvidia-cudnn-frontend was not found; pip install ")
    assert backends.current() is backends.stock
    with pytest.raises(DeviceError, match=r"backend=cudnn: nvidia-cudnn-frontend was not found; .* use backend=stock"):
        backends.use("cudnn", on_gpu=True)


def test_cudnn_is_for_gpus_and_onednn_for_cpus(loaded):
    with pytest.raises(DeviceError, match=r"backend=cudnn: .* --gpu 0, or use backend=auto"):
        backends.use("cudnn")
    with pytest.raises(DeviceError, match=r"backend=onednn: .* use backend=auto with --gpu"):
        backends.use("onednn", on_gpu=True)
    assert loaded == []


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
@pytest.mark.parametrize("on_gpu", [False, True])
def test_a_precision_that_only_cudnn_has(monkeypatch, precision, on_gpu):
    monkeypatch.setattr(backends.cudnn, "problem", lambda: "it is not here")
    with pytest.raises(DeviceError, match=f"precision={precision}: it needs the backend cudnn on a GPU; use"):
        backends.use("auto", on_gpu, precision)


def test_auto_precision_on_a_cpu_is_float32():
    assert backends.use("stock", False, "auto") == "stock"
