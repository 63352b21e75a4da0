"""On a CUDA device: every primitive, every convolution and whole steps, against Chainer's own code."""

import chainer
import pytest

from benchmarks.gpu_check import convolutions, primitives, steps
from benchmarks.gpu_check.place import Place
from benchmarks.gpu_check.results import Results
from mocogan_chainer import backends, compat
from mocogan_chainer.backends import cudnn

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(compat.device_count() == 0, reason="needs a CUDA device, and CuPy finds none"),
]


@pytest.fixture
def place(monkeypatch):
    import cupy

    if cudnn.problem() is not None:
        pytest.skip(f"needs cuDNN: {cudnn.problem()}")
    monkeypatch.setattr(backends, "_current", backends.current())
    device = chainer.get_device("@cupy:0")
    device.use()
    return Place(device, cudnn.load, cudnn.recorder, cupy.cuda.Device(0).synchronize)


def found(check):
    results = Results(600)
    check(results)
    return {c["name"]: c["why"] for c in results.checks if c["state"] != "ok"}


def test_primitives(place):
    assert found(lambda results: primitives.check(place, results)) == {}


def test_steps_and_the_published_numbers(place, shared):
    assert found(lambda results: steps.check(place, results, shared / "fixtures")) == {}


def test_convolutions(place):
    assert found(lambda results: convolutions.check(place, results, filters=16)) == {}
