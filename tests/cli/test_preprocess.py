"""preprocess.py as its user meets it: arguments in, exit code and lines out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer.cli.preprocess import main
from mocogan_chainer.datasets import PreparedDataset

SCRIPT = Path(__file__).parents[2] / "preprocess.py"


def strips(folder, count=3, text=()):
    folder.mkdir(parents=True)
    for i in range(count):
        noise = np.random.default_rng(i).integers(0, 256, (8, 40, 3)).astype(np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    for name in text:
        (folder / name).write_text("text")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shapes(here, capsys):
    assert main(["shapes", "data", "--num", "5", "--size", "32", "--length", "8", "--seed", "3"]) == 0
    assert capsys.readouterr().out == (
        "data: 5 videos, 40 frames of 32 x 32\n"
        "  class 0  up    3 videos\n"
        "  class 1  left  2 videos\n"
        "preview: data/preview.gif\n"
    )
    assert PreparedDataset.open("data").describe()["videos"] == 5


def test_strips_with_things_left_out(here, capsys):
    strips(here / "raw" / "smile", text=[f"x{i}.png" for i in range(12)])
    assert main(["strips", "raw", "data", "--workers", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:4] == [
        "data: 3 videos, 15 frames of 64 x 64",
        "  class 0  smile  3 videos",
        "left out 12, listed in data/skipped.csv:",
        "  smile/x0.png: cannot be read as an image: not an image",
    ]
    assert out[-2:] == ["  ... and 2 more", "preview: data/preview.gif"]
    assert len((here / "data" / "skipped.csv").read_text().splitlines()) == 13


def test_options_may_stand_anywhere(here):
    strips(here / "raw" / "a")
    assert main(["strips", "--size", "16", "raw", "--limit", "1", "data", "--workers", "0"]) == 0
    dataset = PreparedDataset.open("data")
    assert (dataset.size, len(dataset)) == (16, 1)


def test_force_replaces(here, capsys):
    assert main(["shapes", "data", "--num", "2"]) == 0
    assert main(["shapes", "data", "--num", "3"]) == 2
    assert capsys.readouterr().err == "error: data: it holds a prepared dataset already; use --force to replace it\n"
    assert len(PreparedDataset.open("data")) == 2
    assert main(["shapes", "data", "--num", "3", "--force"]) == 0
    assert len(PreparedDataset.open("data")) == 3


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "the following arguments are required: NAME (see preprocess.py --help)"),
        (
            ["mgu", "raw", "data"],
            "mgu: no such dataset; it must be one of mnist, mug, shapes, strips (did you mean mug?)",
        ),
        (["mug", "raw"], "the following arguments are required: OUT (see preprocess.py mug --help)"),
        (["shapes"], "the following arguments are required: OUT (see preprocess.py shapes --help)"),
        (
            ["shapes", "raw", "data"],
            "raw data: shapes makes its own videos and takes only the folder to write: preprocess.py shapes data",
        ),
        (["shapes", "data", "--nun", "3"], "unrecognized arguments: --nun 3 (see preprocess.py --help)"),
        (
            ["shapes", "data", "--num", "few"],
            "argument --num: invalid int value: 'few' (see preprocess.py shapes --help)",
        ),
        (["shapes", "data", "--num", "0"], "num=0: it must be at least 1"),
        (["shapes", "data", "--margin", "1"], "unrecognized arguments: --margin 1 (see preprocess.py --help)"),
        (
            ["mug", "gone", "data"],
            "gone: no such file or folder; mug reads SUBJECT/EMOTION/TAKE/*.jpg with the six "
            "emotions of MUG; neutral is left out",
        ),
    ],
)
def test_mistakes_are_one_line_and_code_2(here, capsys, arguments, line):
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"error: {line}\n")
    assert list(here.iterdir()) == []


def test_nothing_usable(here, capsys):
    strips(here / "raw" / "a", count=0, text=["1.png"])
    assert main(["strips", "raw", "data"]) == 2
    assert capsys.readouterr().err == (
        "error: strips: no usable video: 1 left out, the first, a/1.png: cannot be read as an image: not an image\n"
    )
    assert not (here / "data").exists()


@pytest.mark.parametrize(("arguments", "words"), [(["--help"], ["mug", "shapes"]), (["mug", "--help"], ["--margin"])])
def test_help(capsys, arguments, words):
    with pytest.raises(SystemExit) as info:
        main(arguments)
    assert info.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words)
    assert "SUPPRESS" not in out


def test_help_of_a_set_without_raw_data_names_one_place(capsys):
    with pytest.raises(SystemExit):
        main(["shapes", "--help"])
    usage = capsys.readouterr().out.split("\n\n")[0]
    assert usage.rstrip().endswith("OUT")
    assert "RAW" not in usage


def test_the_script_with_workers(here):
    """In a process of its own, quiet where no terminal watches, and safe to spawn workers from."""
    strips(here / "raw" / "a")
    command = [sys.executable, SCRIPT, "strips", "raw", "data", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("data: 3 videos, 15 frames of 64 x 64\n")


def test_the_script_passes_its_exit_code_on(here):
    done = subprocess.run([sys.executable, SCRIPT, "nothing"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing: no such dataset")
