"""The commands on AffineGAN: a run, a resumed run, a run from another's weights, on real faces."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, checkpoint, preprocessing
from mocogan_chainer.cli import train
from mocogan_chainer.datasets import open_writer

SMALL = ["model.generator=unet_64", "model.ngf=1", "model.ndf=1", "model.train_imagenum=2", "video_length=4"]
SNAPSHOT = Path("result", "affinegan", "snapshot_latest.npz")


def prepare(path, size=40, classes=("happy",), masks=True):
    rng = np.random.default_rng(0)
    with open_writer(path, "faces", size, classes, masks=masks) as writer:
        for i, length in enumerate((3, 6, 1)):
            frames = rng.integers(256, size=(length, size, size, 3), dtype=np.uint8)
            marked = 255 * rng.integers(2, size=(length, size, size), dtype=np.uint8) if masks else None
            split = "test" if length == 1 else "train"
            writer.add(frames, str(i), classes[i % len(classes)], split=split, masks=marked)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Train in an empty folder; return the snapshot's arrays but those of the clock."""
    monkeypatch.chdir(tmp_path)
    prepare("data")

    def call(iterations, *arguments):
        assert train.main([*arguments, "--max_iteration", str(iterations)]) == 0
        arrays = checkpoint.load(SNAPSHOT).arrays
        return {name: array for name, array in arrays.items() if "elapsed" not in name and "LogReport/rows" not in name}

    return call


def test_the_step_size_falls_over_the_last_iterations(run):
    settings = ["--model", "affinegan", "--set", *SMALL, "optimizer.decay_part=1", "snapshot_interval=1"]
    run(4, *settings, "optimizer.alpha=1e-3")
    name = "updater/model:discriminator/first/W"
    places = [
        checkpoint.load(f"result/affinegan/snapshot_iter_{i}.npz").arrays[f"trainer/{name}"] for i in (1, 2, 3, 4)
    ]
    steps = [abs(after - before).max() for before, after in itertools.pairwise(places)]
    assert steps == sorted(steps, reverse=True)
    assert steps[2] < 0.45 * steps[0]  # a third of it, were Adam's moments constant


def test_a_resumed_run_may_let_the_step_size_fall(run):
    """The whole of the last step is then a quarter of what it was."""
    run(3, "--model", "affinegan", "--set", *SMALL, "optimizer.decay_part=0")
    before = checkpoint.load(SNAPSHOT).arrays
    steps = []
    for part in ("0", "1"):
        shutil.copy("result/affinegan/snapshot_iter_3.npz", "start.npz")
        arguments = ["--resume", "start.npz", "--save_name", f"part{part}", "--max_iteration", "4"]
        assert train.main([*arguments, "--set", f"optimizer.decay_part={part}"]) == 0
        after = checkpoint.load(f"result/part{part}/snapshot_latest.npz").arrays
        name = "trainer/updater/model:discriminator/first/W"
        steps.append(abs(after[name] - before[name]).max())
    assert steps[1] == pytest.approx(steps[0] / 4, rel=0.02)


def test_its_pictures_show_the_held_out_photo_first(run):
    run(1, "--model", "affinegan", "--set", *SMALL, "num_gen_samples=2")
    with Image.open("result/affinegan/samples_iter_1.gif") as gif:
        assert gif.n_frames == 4
        assert gif.size == (2 * 64 + 2, 64)
    row = json.loads(Path("result/affinegan/log").read_text())[-1]
    assert {"generator/alpha", "generator/l1_loss", "patch_discriminator/loss"} <= row.keys()


def test_weights_serve_data_of_any_size(run, capsys):
    run(1, "--model", "affinegan", "--set", *SMALL)
    prepare("larger", size=80)
    capsys.readouterr()
    arguments = ["--resume-weights", str(SNAPSHOT), "--dataset", "larger", "--save_name", "second"]
    assert train.main([*arguments, "--max_iteration", "1"]) == 0
    assert f"weights of generator, discriminator, alpha_discriminator, patch_discriminator from {SNAPSHOT}" in (
        capsys.readouterr().out
    )


def test_data_without_masks(run, capsys):
    prepare("plain", masks=False)
    run(1, "--model", "affinegan", "--dataset", "plain", "--set", *SMALL)
    assert not any("patch_discriminator" in name for name in checkpoint.load(SNAPSHOT).arrays)
    arguments = ["--model", "affinegan", "--dataset", "plain", "--save_name", "b", "--set", *SMALL, "model.patch=true"]
    for dry in ([], ["--dry-run"]):
        assert train.main([*arguments, *dry]) == 2
        assert "plain: model.patch=true needs masks, and this dataset has none" in capsys.readouterr().err


def test_frames_that_are_enlarged(run, capsys):
    for size, said in ((40, True), (72, False)):
        prepare(f"data{size}", size=size)
        run(1, "--model", "affinegan", "--dataset", f"data{size}", "--force", "--set", *SMALL)
        assert (f"frames of {size} pixels are enlarged to 72" in capsys.readouterr().out) == said


def test_several_expressions(run, capsys):
    prepare("both", classes=("anger", "happy"))
    assert train.main(["--model", "affinegan", "--dataset", "both", "--set", *SMALL]) == 2
    assert "AffineGAN learns one expression at a time, and these are anger, happy" in capsys.readouterr().err


def test_real_faces(shared, tmp_path, monkeypatch):
    """The photo itself at alpha 0, and another picture at alpha 1, are what the generator is asked for."""
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(shared / "data" / "expressions.tar", "raw")
    happy = next(Path("raw").rglob("happy"))
    preprocessing.prepare("expressions", happy, "data/happy", size=72)
    settings = ["model.generator=unet_64", "model.ngf=4", "model.ndf=4", "optimizer.alpha=1e-3"]
    arguments = ["--model", "affinegan", "--dataset", "data/happy", "--max_iteration", "30", "--display_interval", "10"]
    assert train.main([*arguments, "--set", *settings]) == 0
    rows = json.loads(Path("result/affinegan/log").read_text())
    assert rows[-1]["generator/l1_loss"] < 0.6 * rows[0]["generator/l1_loss"]
    animator, _ = builder.load_sampler(SNAPSHOT)
    photos = np.random.default_rng(0).integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    videos = animator.animate(photos, np.linspace(0, 1, 5))
    assert videos.shape == (2, 5, 64, 64, 3)
    np.testing.assert_array_equal(videos[1], animator.animate(photos[1:], np.linspace(0, 1, 5))[0])
    assert not np.array_equal(videos[0, 0], videos[0, 4])
