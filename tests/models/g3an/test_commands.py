"""The commands on G3AN: a run, videos, a published checkpoint."""

from pathlib import Path

import pytest
from PIL import Image

from mocogan_chainer.cli import generate, import_checkpoint, train

SMALL = ["every_nth=1", "model.ch_g=1", "model.ch_d=2", "model.dim_za=4", "model.dim_zm=3"]
SNAPSHOT = Path("result", "g3an", "snapshot_latest.npz")


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_dataset):
    """Train in an empty folder on the tiny dataset."""
    monkeypatch.chdir(tmp_path)

    def call(iterations, *arguments):
        more = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--num_gen_samples", "2"]
        assert train.main([*arguments, *more, "--max_iteration", str(iterations)]) == 0

    return call


def test_it_generates(run):
    run(1, "--model", "g3an", "--set", *SMALL, "model.conditional=true")
    options = ["--num", "3", "--grid", "2x3", "--interpolate", "4", "--lengths", "16,20,...,48", "--format", "gif"]
    for batchsize in ("1", "16"):
        arguments = [*options, "--category", "left", "--batchsize", batchsize]
        assert generate.main([str(SNAPSHOT), batchsize, *arguments]) == 0
    files = {path.name: path.read_bytes() for path in Path("1").iterdir()}
    lengths = range(16, 49, 4)
    assert set(files) == {
        *(f"video_1_left_{i:05d}.gif" for i in range(3)),
        *(f"length_{length:05d}.gif" for length in lengths),
        "grid_2x3.gif",
        "interpolation.gif",
    }
    assert files == {path.name: path.read_bytes() for path in Path("16").iterdir()}
    assert files["length_00016.gif"] == files["video_1_left_00000.gif"]


def test_a_length_that_there_is_not(run, capsys):
    run(1, "--model", "g3an", "--set", *SMALL)
    for arguments in (["--length", "18"], ["--lengths", "16,18"]):
        assert generate.main([str(SNAPSHOT), "out", *arguments]) == 2
        assert "length=18: G3AN's videos have 16, 20, 24, ... frames; use 16 or 20" in capsys.readouterr().err
        assert not Path("out").exists()


def test_a_published_checkpoint_generates(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [str(shared / "fixtures" / f"pub_g3an_1p2d_{name}.pth") for name in ("generator", "video_discriminator")]
    arguments = ["--family", "g3an", files[0], "g3an.npz", "--video-discriminator", files[1]]
    assert import_checkpoint.main(arguments) == 0
    assert generate.main(["g3an.npz", "out", "--num", "1", "--length", "24", "--format", "gif"]) == 0
    with Image.open("out/video_00000.gif") as gif:
        assert (gif.n_frames, gif.size) == (24, (64, 64))
