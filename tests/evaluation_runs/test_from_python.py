"""Measuring from Python: sets that are arrays, paths that are no text, and numbers that no metric can take."""

import re
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import evaluation_runs, video
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation.array_videos import ArrayVideos
from mocogan_chainer.evaluation_runs import Request
from mocogan_chainer.features import catalogue, weights
from tests.evaluation.fakes import Means, noisy


@pytest.fixture(autouse=True)
def network(monkeypatch, tmp_path):
    """Every network is a stand-in, whose weights are there."""
    (tmp_path / "weights.npz").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    network = Means(classes=400)
    network.to_device = lambda device: None
    monkeypatch.setattr(catalogue, "load", lambda name, path: network)
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")


@pytest.fixture
def sets():
    """A real and an evaluated set of twelve videos of 16 frames, as arrays and as folders of frames."""
    arrays = [np.stack(noisy(12, seed, level, length=16)) for seed, level in ((0, 100), (1, 140))]
    folders = [Path("real"), Path("fake")]
    for videos, folder in zip(arrays, folders, strict=True):
        for i, frames in enumerate(videos):
            video.write_frames(folder / f"{i:02d}", frames)
    return arrays, folders


def evaluate(metric, **fields):
    said = []
    (found,) = evaluation_runs.evaluate(metric, Request(**fields), said.append)
    return found, "\n".join(said)


@pytest.mark.parametrize("samples", [None, 7])
def test_arrays_measure_as_their_files_do(sets, samples):
    arrays, (real, fake) = sets
    more = {"weights": Path("weights.npz"), "samples": samples}
    expected, _ = evaluate("fvd", real=real, fake=fake, **more)
    found, said = evaluate("fvd", real=ArrayVideos(arrays[0]), fake=ArrayVideos(arrays[1], name="mine"), **more)
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    assert found.value > 0.1
    assert found.evaluated == "mine"
    assert found.protocol.reference == ArrayVideos(arrays[0]).reference
    assert "warning: arrays: every frame was taken" in said
    assert len(list(Path("evaluation").glob("*.json"))) == 2


def test_arrays_as_predictions(sets):
    arrays, (real, fake) = sets
    expected, _ = evaluate("psnr", real=real, fake=fake, context=2)
    found, _ = evaluate("psnr", real=ArrayVideos(arrays[0]), fake=ArrayVideos(arrays[1]), context=2)
    assert found.value == expected.value


def test_statistics_of_arrays(sets):
    arrays, (real, fake) = sets
    expected, _ = evaluate("fvd", real=real, fake=fake, weights="weights.npz")
    request = Request(real=ArrayVideos(arrays[0]), weights="weights.npz", out=Path("real.npz"))
    evaluation_runs.precalc(request, (1, 1), lambda line: None)
    found, _ = evaluate("fvd", real=Path("real.npz"), fake=ArrayVideos(arrays[1]), weights="weights.npz")
    assert found.value == pytest.approx(expected.value, rel=1e-9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": 0}, "--samples=0: it must be between 2 and 10000000"),
        ({"samples": "4"}, "--samples='4': it must be a whole number"),
        ({"samples": 4.0}, "--samples=4.0: it must be a whole number"),
        ({"splits": 0}, "--splits=0: it must be between 1 and 1000"),
        ({"every_nth": 0}, "--every-nth=0: it must be between 1 and 10000"),
        ({"every_nth": -1}, "--every-nth=-1: it must be between 1 and 10000"),
        ({"length": 0}, "--length=0: it must be between 1 and 10000"),
        ({"frames": 0}, "--frames=0: it must be between 1 and 10000"),
        ({"context": 0}, "--context=0: it must be between 1 and 10000"),
        ({"futures": 0}, "--futures=0: it must be between 1 and 1000"),
        ({"batchsize": 0}, "--batchsize=0: it must be between 1 and 1024"),
        ({"batchsize": None}, "--batchsize=None: it must be a whole number"),
        ({"seed": -3}, "--seed=-3: it must be between 0 and"),
        ({"gpu": "0"}, "--gpu='0': it must be a whole number"),
        ({"gpu": None}, "--gpu=None: it must be a whole number"),
        ({"gpu": -2}, "--gpu=-2: it must be between -1 and"),
        ({"out": None}, "--out: None: it must be a path"),
        ({"out": 5}, "--out: 5: it must be a path"),
        ({"weights": 5}, "--weights: 5: it must be a path, or None"),
        ({"classifier": b"a.npz"}, "--classifier: b'a.npz': it must be a path, or None"),
        ({"protocol": 1}, "--protocol: 1: it must be a name, or None"),
        ({"split": ["test"]}, "--split: ['test']: it must be a name, or None"),
        ({"measure": None}, "--measure: None: it must be a name"),
        ({"seed": None}, "--seed=None: it must be a whole number"),
        ({"real": [np.zeros((4, 8, 8, 3), np.uint8)]}, "--real: list: it must be the path of a prepared dataset"),
        ({"fake": np.zeros((2, 4, 8, 8, 3), np.uint8)}, "--fake: ndarray: it must be the path of a prepared dataset"),
    ],
)
def test_what_no_metric_can_take(fields, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        Request(**{"real": "data", "fake": "snapshot.npz"} | fields)


def test_numbers_may_be_numpys():
    request = Request(seed=np.int64(3), frames=np.int32(16))
    assert (request.seed, request.frames) == (3, 16)
    assert {type(request.seed), type(request.frames)} == {int}


def test_an_unknown_metric_is_said_before_a_folder_is_made():
    with pytest.raises(
        ConfigError, match=r"^fdv: no such metric; it must be one of fvd, .*, all \(did you mean fvd\?\)$"
    ):
        evaluation_runs.evaluate("fdv", Request(real="data", fake="data"), print)
    assert not Path("evaluation").exists()


def test_nothing_to_evaluate(sets):
    with pytest.raises(ConfigError, match=r"^--fake is missing: name the set or the snapshot"):
        evaluate("fvd", real=sets[1][0])


def test_a_split_of_what_has_none(sets):
    real, fake = map(ArrayVideos, sets[0])
    with pytest.raises(ConfigError, match=r"^--split test: arrays is open already"):
        evaluate("fvd", real=real, fake=fake, split="test", weights="weights.npz")


def clips(count, short, level):
    """So many videos of 16 frames, and as many more of 6."""
    long, brief = noisy(count, 0, level, length=16), noisy(short, 1, level, length=6)
    return [video for pair in zip(long, brief, strict=True) for video in pair]


@pytest.mark.parametrize("metric", ["fvd", "acd"])
def test_videos_that_are_long_enough_are_drawn(metric):
    """Of sixty, thirty are: twenty are asked for and twenty measured, whatever the seed."""
    real, fake = clips(30, 30, 100), clips(30, 30, 140)
    more = {"fvd": {"weights": "weights.npz"}, "acd": {"features": "shape-colour"}}[metric]
    for seed in (0, 1):
        found, said = evaluate(metric, real=ArrayVideos(real), fake=ArrayVideos(fake), samples=20, seed=seed, **more)
        assert found.protocol.evaluated_samples == 20
        assert found.protocol.reference_samples in (None, 20)
        assert "left out" not in said


def test_a_set_that_is_measured_against_itself(sets):
    arrays, _ = sets
    for fake, expected in ((0, True), (1, False)):
        _, said = evaluate("fvd", real=ArrayVideos(arrays[0]), fake=ArrayVideos(arrays[fake]), weights="weights.npz")
        assert ("warning: arrays: it is the real set itself" in said) == expected
