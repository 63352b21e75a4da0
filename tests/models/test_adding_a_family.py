"""The family in doc/adding-a-model.md is a real one: a folder and a YAML file are all that it needs."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import backends, builder, checkpoint, models
from mocogan_chainer import config as configuration
from mocogan_chainer.backends import stock
from mocogan_chainer.backends.recorded_step import WARM_UP
from mocogan_chainer.cli import generate, train
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError
from tests.models import recording
from tests.test_forbidden_calls import faults

DOC = Path(__file__).parents[2] / "doc" / "adding-a-model.md"
SNAPSHOT = Path("result", "wave", "snapshot_latest.npz")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), re.S)


@pytest.fixture
def wave(tmp_path, monkeypatch):
    """Put the document's files beside the families and configs, and work in an empty folder."""
    shutil.copytree(configuration.FOLDER, tmp_path / "configs")
    (tmp_path / "configs" / "model" / "wave.yml").write_text("".join(blocks("yaml")), encoding="utf-8")
    (tmp_path / "models" / "wave").mkdir(parents=True)
    (tmp_path / "models" / "wave" / "__init__.py").write_text("\n\n".join(blocks("python")), encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(configuration, "FOLDER", tmp_path / "configs")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "models")])
    monkeypatch.chdir(tmp_path / "work")
    yield
    sys.modules.pop("mocogan_chainer.models.wave", None)
    vars(models).pop("wave", None)


@pytest.fixture
def run(wave, tiny_dataset):
    """Train on the tiny dataset for so many iterations; return the snapshot's arrays but those of the clock."""

    def call(iterations, *arguments):
        small = ["--batchsize", "4", "--num_gen_samples", "2", "--set", "video_length=6", "model.n_filters=4"]
        more = ["--dataset", str(tiny_dataset), "--max_iteration", str(iterations), *small]
        assert train.main([*arguments, *more]) == 0
        arrays = checkpoint.load(SNAPSHOT).arrays
        return {name: array for name, array in arrays.items() if "elapsed" not in name and "LogReport/rows" not in name}

    return call


def test_it_trains_and_a_resumed_run_ends_as_an_uninterrupted_one(run):
    whole = run(4, "--model", "wave", "--snapshot_interval", "2")
    shutil.move(SNAPSHOT.with_name("snapshot_iter_2.npz"), "half.npz")
    shutil.rmtree("result")
    half = checkpoint.load("half.npz").arrays
    resumed = run(4, "--resume", "half.npz")
    assert resumed.keys() == whole.keys()
    for name, array in whole.items():
        assert np.array_equal(array, resumed[name]), name
    for weights in ("generator/layers/0/W", "discriminator/layers/0/W"):
        name = f"trainer/updater/model:{weights}"
        assert not np.array_equal(half[name], whole[name]), name
    files = {path.name for path in SNAPSHOT.parent.iterdir()}
    assert files >= {"snapshot_iter_4.npz", "samples_iter_4.gif", "losses.png", "config.yml", "log"}


def test_it_generates(run):
    run(2, "--model", "wave")
    options = ["--num", "5", "--grid", "2x3", "--interpolate", "4", "--length", "7", "--format", "gif"]
    for batchsize in ("1", "16"):
        assert generate.main([str(SNAPSHOT), batchsize, *options, "--batchsize", batchsize]) == 0
    files = {path.name: path.read_bytes() for path in Path("1").iterdir()}
    assert sorted(files) == ["grid_2x3.gif", "interpolation.gif", *(f"video_{i:05d}.gif" for i in range(5))]
    assert files == {path.name: path.read_bytes() for path in Path("16").iterdir()}
    for name, columns, rows in (("video_00000", 1, 1), ("grid_2x3", 3, 2), ("interpolation", 4, 1)):
        with Image.open(f"1/{name}.gif") as gif:
            assert (gif.width, gif.height) == (columns * 16 + 2 * (columns - 1), rows * 16 + 2 * (rows - 1))
            assert gif.n_frames == 7


def test_its_sampler_keeps_the_protocol(run):
    run(2, "--model", "wave")
    sampler, _ = builder.load_sampler(SNAPSHOT)
    z, phase = sampler.draw(3, [5, 5, 6], [1, 2, 1], 4)
    assert np.array_equal(z[0], z[1])
    assert np.array_equal(phase[0], phase[2])
    assert not np.array_equal(z[0], z[2])
    assert not np.array_equal(phase[0], phase[1])
    longer = sampler.draw(3, [6], [2], 9)
    assert np.array_equal(longer[0][0], z[2])
    assert np.array_equal(longer[1][0, :4], phase[1])
    path, phases = sampler.interpolate((z[[0, 2]], phase[[0, 2]]), 5)
    assert np.array_equal(path[[0, -1]], z[[0, 2]])
    assert np.array_equal(phases, phase[[0] * 5])
    videos = sampler.render((z, phase))
    assert (videos.shape, videos.dtype) == ((3, 4, 16, 16, 3), np.uint8)
    assert len({video.tobytes() for video in videos}) == 3


@pytest.mark.parametrize(
    ("settings", "size", "message"),
    [
        ({"model.dim_z": 0}, 16, "model.dim_z=0: it must be at least 1"),
        ({}, 24, "size=24: it must be one of 16, 32, 64, 128, 256"),
        ({"image_batchsize": 4}, 16, "image_batchsize=4: wave looks at videos only; leave it unset"),
    ],
)
def test_its_mistakes_are_said_before_any_work(wave, settings, size, message):
    config = configuration.resolve("wave", settings=settings)
    with pytest.raises(ConfigError, match=f"^{message}"):
        models.build(config, DataDescription("some", size, 3, ()))


def test_its_recorded_step_trains_as_it_stands(wave, tiny_dataset, monkeypatch):
    monkeypatch.setattr(backends, "_current", stock)
    small = {"dataset": str(tiny_dataset), "batchsize": 4, "video_length": 6, "model.n_filters": 4, "backend": "stock"}
    config = configuration.resolve("wave", settings=small)

    def trained(recorded):
        trainer = builder.build_trainer(config, PreparedDataset.open(tiny_dataset), lambda line: None)
        return trainer.updater, *recording.run(trainer.updater, WARM_UP + 5, recorded)

    plain, plain_reports, _ = trained(recorded=False)
    repeated, reports, recorder = trained(recorded=True)
    assert (recorder.recorded, recorder.replayed) == (1, 3)
    recording.assert_same_training(plain, repeated, plain_reports, reports)


def test_it_calls_nothing_that_is_forbidden():
    assert faults("\n\n".join(blocks("python"))) == []


def test_the_table_of_a_family_is_complete():
    listed = re.findall(r"^\| `(\w+)` \|", DOC.read_text(encoding="utf-8"), re.M)
    assert listed == list(models.Family.__dataclass_fields__)
