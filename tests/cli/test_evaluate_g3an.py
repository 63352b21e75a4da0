"""``evaluate.py`` on a G3AN snapshot with categories, with a stand-in for the network whose weights are large."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import preprocessing
from mocogan_chainer.cli import evaluate, generate, train
from mocogan_chainer.evaluation import classifier_training, result
from mocogan_chainer.evaluation.video_files import VideoFiles
from mocogan_chainer.features import catalogue, weights
from tests.evaluation.fakes import Means

SMALL = ["model.ch_g=1", "model.ch_d=2", "model.dim_za=4", "model.dim_zm=3", "model.conditional=true"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Thirty videos of 50 frames of 16 pixels, in two classes: long enough for every third frame."""
    out = tmp_path_factory.mktemp("evaluated") / "data"
    preprocessing.prepare("shapes", None, out, num=30, size=16, length=50)
    return out


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory, data):
    """A short run on the data."""
    folder = tmp_path_factory.mktemp("run")
    places = [f"out={folder}/result", f"tensorboard={folder}/runs"]
    rest = ["--dataset", str(data), "--batchsize", "4", "--max_iteration", "1", "--num_gen_samples", "1"]
    assert train.main(["--model", "g3an", *rest, "--set", *SMALL, *places]) == 0
    return folder / "result" / "g3an" / "snapshot_latest.npz"


@pytest.fixture(autouse=True)
def networks(monkeypatch, tmp_path):
    """The feature network is the stand-in, whose weights are there; a classifier learns for one round."""
    (tmp_path / "weights").mkdir()
    for file in weights.FILES.values():
        (tmp_path / "weights" / file.file).write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Means, "to_device", lambda network, device: None, raising=False)
    monkeypatch.setattr(catalogue, "load", lambda name, path: Means(classes=400))
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")
    monkeypatch.setattr(classifier_training, "ROUNDS", 1)


def run(*arguments):
    return evaluate.main([str(argument) for argument in arguments])


def measured(metric, *arguments, out="evaluation"):
    assert run(metric, *arguments, "--out", out) == 0
    (path,) = Path(out).glob("*.json")
    return result.read(path)


def test_fid_in_g3ans_protocol(data, snapshot):
    found = measured("fid", "--real", data, "--fake", snapshot, "--samples", 9)
    assert found.protocol.name == "fid-resnext101-g3an"
    assert (found.protocol.stride, found.protocol.start) == (2, "middle")
    assert found.counts["evaluated"] == found.counts["reference"] == 9
    assert generate.main([str(snapshot), "samples", "--num", "9", "--format", "frames"]) == 0
    sets = ["--real", data, "--fake", "samples", "--every-nth", 2]
    files = measured("fid", *sets, "--samples", 9, out="files")
    assert found.value == pytest.approx(files.value, rel=1e-9)
    assert found.value > 0


def test_each_category_is_asked_for_as_often(data, snapshot):
    found = measured("mcs", "--real", data, "--fake", snapshot, "--samples", 10, "--classifier", "judge.npz")
    assert (found.counts["evaluated"], found.counts["evaluated without a category"]) == (10, 0)
    assert found.value in [right / 10 for right in range(11)]
    assert found.evaluated_reference.endswith("categories balanced")
    again = measured("mcs", "--real", data, "--fake", snapshot, "--samples", 10, "--classifier", "judge.npz", out="2")
    assert again.value == found.value


def test_content_distance(snapshot):
    """By hand, from the frames that generate_samples.py writes."""
    found = measured("acd", "--fake", snapshot, "--samples", 3, "--length", 24, "--frames", 24)
    assert (found.protocol.name, found.protocol.evaluated_samples) == ("acd-shape-colour", 3)
    assert generate.main([str(snapshot), "samples", "--num", "3", "--length", "24", "--format", "frames"]) == 0
    distances = []
    for index in range(3):
        frames = VideoFiles("samples").read(index)
        assert frames.shape == (24, 16, 16, 3)
        colours = [frame[frame.max(axis=2) >= 16].mean(axis=0) for frame in frames]
        distances.append(np.mean([np.linalg.norm(a - b) for a, b in combinations(colours, 2)]))
    assert found.value == pytest.approx(np.mean(distances), rel=1e-6)
    assert found.value > 0


@pytest.mark.parametrize("metric", ["fid", "mcs", "acd"])
def test_a_length_that_there_is_not_is_refused_before_any_work(metric, data, snapshot, capsys, monkeypatch):
    monkeypatch.setattr(catalogue, "load", lambda name, path: pytest.fail("a network was read"))
    monkeypatch.setattr(classifier_training, "train", lambda *sets, **how: pytest.fail("a classifier was trained"))
    assert run(metric, "--real", data, "--fake", snapshot, "--samples", 4, "--length", 18) == 2
    said = capsys.readouterr().err
    assert "length=18: G3AN's videos have 16, 20, 24, ... frames; use 16 or 20" in said
    assert said.count("\n") == 1
