"""The commands on video prediction, one after the other, with a snapshot that was trained for two iterations."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder, video
from mocogan_chainer.cli import evaluate, generate, preprocess, train
from mocogan_chainer.datasets import PreparedDataset
from tests.models.prediction.small_runs import SMALL

SETTINGS = SMALL | {"model.motion_encoder": "video"}
TRAINED, FRAMES = SETTINGS["video_length"], 12
SNAPSHOT = "result/prediction/snapshot_latest.npz"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with data/, six shapes of 12 frames of which some are held out, and the run."""
    folder = tmp_path_factory.mktemp("prediction")
    shapes = ["--size", "16", "--num", "6", "--length", str(FRAMES), "--split", "0.4"]
    assert preprocess.main(["shapes", str(folder / "data"), *shapes]) == 0
    places = [f"out={folder}/result", f"tensorboard={folder}/runs"]
    settings = [f"{name}={'null' if value is None else value}" for name, value in SETTINGS.items()]
    rest = ["--dataset", str(folder / "data"), "--max_iteration", "2", "--num_gen_samples", "1"]
    assert train.main(["--model", "prediction", *rest, "--set", *settings, *places]) == 0
    return folder


@pytest.fixture
def place(made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    capsys.readouterr()


def frames(folder):
    return video.read_frames(sorted(Path(folder).iterdir()))


def held_out():
    """The frames of each held-out video, by its id."""
    dataset = PreparedDataset.open("data", "test")
    return {dataset.ids[i]: dataset.frames(i, range(FRAMES)) for i in range(len(dataset))}


def test_futures_of_a_dataset(place, capsys):
    name, truth = next(iter(held_out().items()))
    options = ["--context", "data", "--num", "1", "--given", "2", "--futures", "2", "--format", "frames,gif"]
    assert generate.main([SNAPSHOT, "futures", *options]) == 0
    assert capsys.readouterr().out == (
        f"1 clip continued, 2 futures each, in futures; side by side: {name}.gif and {name}.png\n"
    )
    endings = ("mean", "future_1", "future_2")
    written = {f"{name}.gif", f"{name}.png", *(f"{name}_{end}{suffix}" for end in endings for suffix in ("", ".gif"))}
    assert {path.name for path in Path("futures").iterdir()} == written
    mean, *others = (frames(f"futures/{name}_{ending}") for ending in endings)
    for shown in (mean, *others):
        assert shown.shape == (TRAINED, 16, 16, 3)
        np.testing.assert_array_equal(shown[:2], truth[:2])
    assert not np.array_equal(*others)
    forecaster, _ = builder.load_sampler(SNAPSHOT)
    np.testing.assert_array_equal(mean[2:], forecaster.forecast(truth[:2], TRAINED - 2, [None])[0])


def test_motion_from_another_clip(place, capsys):
    (name, truth), (_, other) = list(held_out().items())[:2]
    video.write_frames("other", other)
    options = ["--context", "data", "--num", "1", "--given", "1", "--motion-from", "other", "--length", "5"]
    assert generate.main([SNAPSHOT, "moved", *options, "--format", "frames"]) == 0
    assert capsys.readouterr().out == f"1 clip moved as other, in moved; side by side: {name}.gif\n"
    assert {path.name for path in Path("moved").iterdir()} == {f"{name}_moved", f"{name}.gif"}
    forecaster, _ = builder.load_sampler(SNAPSHOT)
    np.testing.assert_array_equal(frames(f"moved/{name}_moved"), forecaster.transfer(truth[:1], other[:5]))


def test_predictions_are_measured(place, capsys):
    """The numbers are those of its futures, computed here in the plain way."""
    options = ["--real", "data", "--split", "test", "--fake", SNAPSHOT, "--context", "2", "--futures", "2"]
    assert evaluate.main(["psnr", *options]) == 0
    truths = [truth[:TRAINED] for truth in held_out().values()]
    forecaster, _ = builder.load_sampler(SNAPSHOT)
    means = [forecaster.forecast(truth[:2], TRAINED - 2, [None])[0] for truth in truths]
    value = np.mean([decibels(future, truth[2:]) for future, truth in zip(means, truths, strict=True)])
    copy = np.mean([decibels(truth[1:2], truth[2:]) for truth in truths])

    said = capsys.readouterr().out
    (path,) = Path("evaluation").glob("*.json")
    found = json.loads(path.read_text())
    mean, error = map(float, re.search(r"the copy of the last frame seen: ([\d.]+) ± ([\d.]+);", said).groups())
    assert mean == pytest.approx(copy, abs=error)
    assert re.search(r"^psnr of the best of 2 futures of each video: .*; of a single one: [\d.]+$", said, re.MULTILINE)
    assert said.splitlines()[-1] == str(path)
    assert path.with_suffix(".png").is_file() and path.with_suffix(".md").read_text() in said
    assert found["value"] == pytest.approx(value)
    assert found["others"]["copy-last-frame"] == pytest.approx(copy)
    assert found["others"]["best of K"] >= found["others"]["mean of K"]
    assert len(found["others"]["optical-flow per frame"]) == TRAINED - 2
    assert (found["counts"]["videos"], found["counts"]["futures of a video"]) == (len(truths), 2)
    protocol = found["protocol"]
    assert (protocol["frames"], protocol["split"], protocol["settings"]["context"]) == (TRAINED, "test", 2)


def decibels(predicted, true):
    """Return the PSNR of a video, without its frames that equal the true ones."""
    squares = np.square(predicted.astype(float) - true).mean(axis=(1, 2, 3))
    return np.mean(10 * np.log10(255**2 / squares[squares > 0]))
