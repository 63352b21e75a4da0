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
