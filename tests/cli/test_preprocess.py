"""preprocess.py as its user meets it: arguments in, exit code and lines out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.cli.preprocess import main
from mocogan_chainer.datasets import PreparedDataset

SCRIPT = Path(__file__).parents[2] / "preprocess.py"
NAMES = ", ".join([*preprocessing.sets(), "check", "info"])
UNKNOWN = f"no such dataset or command; it must be one of {NAMES}"


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
        (["mugg", "raw", "data"], f"mugg: {UNKNOWN} (did you mean mug?)"),
        (["uvanemo", "raw", "data"], f"uvanemo: {UNKNOWN} (did you mean uva-nemo?)"),
        (["chek", "data"], f"chek: {UNKNOWN} (did you mean check?)"),
        (["inf", "data"], f"inf: {UNKNOWN} (did you mean info?)"),
        (["anything"], f"anything: {UNKNOWN}"),
        (["check"], "the following arguments are required: OUT (see preprocess.py check --help)"),
        (
            ["info", "data", "sheet.png"],
            "sheet.png: info takes no such argument (did you mean --sheet?) (see preprocess.py info --help)",
        ),
        (["mug", "raw"], "the following arguments are required: OUT (see preprocess.py mug --help)"),
        (["shapes"], "the following arguments are required: OUT (see preprocess.py shapes --help)"),
        (
            ["shapes", "raw", "data"],
            "raw data: shapes makes its own videos and takes only the folder to write: preprocess.py shapes data",
        ),
        (
            ["shapes", "data", "--nun", "3"],
            "--nun: shapes takes no such argument (did you mean --num?) (see preprocess.py shapes --help)",
        ),
        (
            ["shapes", "data", "--num", "few"],
            "argument --num: few: it must be a whole number (see preprocess.py shapes --help)",
        ),
        (["shapes", "data", "--num", "0"], "num=0: it must be at least 1"),
        (
            ["shapes", "data", "--margin", "1"],
            "--margin: shapes takes no such argument (see preprocess.py shapes --help)",
        ),
        (
            ["mug", "gone", "data"],
            f"gone: no such file or folder; mug reads {preprocessing.find('mug').HELP}",
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
        "error: strips: no usable video: 1 left out; the first was a/1.png: cannot be read as an image: not an image\n"
    )
    assert not (here / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], NAMES.split(", ")),
        (["mug", "--help"], ["--margin", "--resume", "--force", "--workers", "--limit", "--min-frames", "--size"]),
        (["info", "--help"], ["--sheet FILE.png", "OUT/contact_sheet.png"]),
        (["check", "--help"], ["checksums", "OUT"]),
    ],
)
def test_help(capsys, arguments, words):
    with pytest.raises(SystemExit) as info:
        main(arguments)
    assert info.value.code == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"(^|[ \[]){re.escape(word)}\b", out, re.M) for word in words)
    assert "SUPPRESS" not in out


@pytest.mark.parametrize("name", [os.fsdecode(b"raw-\xe9"), "raw-\x85"])
def test_any_name_of_the_raw_data(here, capsys, name):
    try:
        strips(Path(name) / "walk")
    except OSError:
        pytest.skip("no such name here")
    assert main(["strips", name, "data", "--size", "8"]) == 0
    assert PreparedDataset.open("data").options["raw"] in ("raw-\\udce9", "raw-\\x85")


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


def test_resume(here, capsys, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    command = ["shapes", "data", "--num", "4", "--size", "16"]
    with monkeypatch.context() as patch:
        patch.setattr("mocogan_chainer.datasets.writer.PreparedWriter.finish", stop)
        assert main(command) == 130
    kept = "4 of 4 videos are done and kept: the same command with --resume goes on from there"
    assert capsys.readouterr() == ("", f"interrupted: {kept}\n")
    refusal = "an earlier preparation was stopped; continue it with --resume, or start again with --force"
    assert main(command) == 2
    assert capsys.readouterr() == ("", f"error: {here / 'data'}: {refusal}\n")
    assert main([*command, "--resume"]) == 0
    assert capsys.readouterr().out.startswith("4 videos were done before\ndata: 4 videos, ")
    assert main([*command, "--resume"]) == 2
    assert "it holds a prepared dataset already; use --force" in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["data"]


class TestLooks:
    @pytest.fixture(autouse=True)
    def data(self, here):
        strips(here / "raw" / "smile", text=["broken.png"])
        preprocessing.prepare("strips", "raw", "data", workers=0, size=16)
        return here / "data"

    def test_check_of_a_whole_dataset(self, capsys):
        assert main(["check", "data"]) == 0
        assert capsys.readouterr() == ("data: intact: 3 videos, 15 frames; 2 checksums agree\n", "")

    @pytest.mark.parametrize("name", ["frames-00000.npy", "videos.csv"])
    @pytest.mark.parametrize("damage", ["flipped", "cut short", "missing"])
    def test_check_of_a_damaged_one(self, data, capsys, name, damage):
        content = bytearray((data / name).read_bytes())
        if damage == "missing":
            (data / name).unlink()
        else:
            content[-3] ^= 1
            (data / name).write_bytes(content if damage == "flipped" else content[:-1])
        assert main(["check", "data"]) == 2
        out, line = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(rf"error: data/{re.escape(name)}: damaged: .+; prepare the data again\n", line), line

    def test_check_of_masks(self, here, capsys):
        for kind in ("img", "patch"):
            Path("faces/joy/train", kind, "1").mkdir(parents=True)
            Image.new("RGB", (8, 8), "white").save(here / "faces" / "joy" / "train" / kind / "1" / "1.png")
        preprocessing.prepare("expressions", "faces", "masked", workers=0, size=8, crop="none")
        assert main(["check", "masked"]) == 0
        assert capsys.readouterr().out == "masked: intact: 1 videos, 1 frames; 3 checksums agree\n"
        masks = bytearray((here / "masked" / "masks-00000.npy").read_bytes())
        masks[-1] ^= 1
        (here / "masked" / "masks-00000.npy").write_bytes(masks)
        assert main(["check", "masked"]) == 2
        assert capsys.readouterr().err.startswith("error: masked/masks-00000.npy: damaged: ")

    def test_info(self, data, capsys):
        assert main(["info", "data"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("strips: 3 videos, 16 x 16 pixels, 15 frames ")
        assert out.endswith("\ncontact sheet: data/contact_sheet.png\n")
        assert "smile (3)" in out
        assert Image.open(data / "contact_sheet.png").format == "PNG"
        assert main(["check", "data"]) == 0

    def test_info_with_the_sheet_elsewhere(self, here, data, capsys):
        assert main(["info", "data", "--sheet", "new/sheet.png"]) == 0
        assert capsys.readouterr().out.endswith("\ncontact sheet: new/sheet.png\n")
        assert Image.open(here / "new" / "sheet.png").format == "PNG"
        assert not (data / "contact_sheet.png").exists()

    @pytest.mark.parametrize(
        ("sheet", "line"),
        [
            ("file/sheet.png", "file/sheet.png: cannot be written: a file stands where a folder is needed; choose "),
            (
                "folder",
                "folder: cannot be written: a folder stands where a file is needed; remove it or choose another name",
            ),
        ],
    )
    def test_info_with_a_sheet_that_cannot_be_written(self, here, capsys, sheet, line):
        (here / "file").touch()
        (here / "folder").mkdir()
        assert main(["info", "data", "--sheet", sheet]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {line}")
        assert err.count("\n") == 1
        assert list((here / "folder").iterdir()) == []

    @pytest.mark.parametrize("command", ["check", "info"])
    @pytest.mark.parametrize(
        ("place", "line"),
        [
            ("gone", "gone: no such folder; make a dataset first: "),
            ("raw", "raw: not a prepared dataset, it has no dataset.yml; "),
            ("raw/smile/0.png", "raw/smile/0.png: not a folder; "),
            (".", ".: not a prepared dataset itself; it holds data: name one of them"),
        ],
    )
    def test_what_is_no_dataset(self, here, capsys, command, place, line):
        before = sorted(here.rglob("*"))
        assert main([command, place]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {line}")
        assert err.count("\n") == 1
        assert sorted(here.rglob("*")) == before
