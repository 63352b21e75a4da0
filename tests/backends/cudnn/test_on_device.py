"""On a CUDA device: every primitive, every convolution and whole steps, against Chainer's own code."""

import time

import pytest

from benchmarks.gpu_check import convolutions, primitives, steps
from benchmarks.gpu_check.place import on_gpu
from benchmarks.gpu_check.results import Results
from mocogan_chainer import backends
from mocogan_chainer.backends import cudnn
from tests.device import ON_DEVICE

pytestmark = ON_DEVICE


@pytest.fixture
def place(monkeypatch):
    if cudnn.problem() is not None:
        pytest.skip(f"needs cuDNN: {cudnn.problem()}")
    monkeypatch.setattr(backends, "_current", backends.current())
    return on_gpu(0)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "found.json", time.time() + 600)


def wrong(results):
    assert results.checks
    return {c["name"]: c["why"] for c in results.checks if c["state"] != "ok"}


def test_primitives(place, results):
    primitives.check(place, results)
    assert wrong(results) == {}


def test_steps_and_the_published_numbers(place, results, shared):
    steps.check(place, results, shared / "fixtures")
    assert wrong(results) == {}


def test_convolutions(place, results):
    convolutions.check(place, results, filters=16)
    assert wrong(results) == {}
