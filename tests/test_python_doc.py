"""The code in doc/python.md runs as it stands, piece after piece, and prints what the document says but for numbers."""

import re
from pathlib import Path

import pytest

from mocogan_chainer import preprocessing, training_runs
from mocogan_chainer.features import catalogue, weights
from tests.evaluation.fakes import Means

DOC = Path(__file__).parents[1] / "doc" / "python.md"
PIECE = re.compile(r"```python\n(.*?)```\n(?:\n((?:    [^\n]*\n)+))?", re.S)
"""Code, and the indented lines right below it that it prints."""


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """Work in a folder where a tiny demo has been made, with a stand-in for the network whose weights are large."""
    monkeypatch.chdir(tmp_path)
    preprocessing.prepare("shapes", None, "demo/data", num=64, size=16, length=32)
    tiny = {f"model.n_filters_{network}": 1 for network in ("gen", "idis", "vdis")}
    settings = tiny | {"max_iteration": 1, "batchsize": 2, "num_gen_samples": 1}
    training_runs.train(training_runs.Request(model="infogan", file="configs/demo.yml", settings=settings), print)
    Path("weights").mkdir()
    Path("weights", weights.FILES["i3d"].file).write_bytes(b"weights")
    network = Means(classes=400)
    network.to_device = lambda device: None
    monkeypatch.setattr(catalogue, "load", lambda name, path: network)
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")


def without_numbers(text):
    text = re.sub(r"backend \w+", "backend", text)  # whichever is installed
    return [re.sub(r"[\d.]+", "#", " ".join(line.split())) for line in text.splitlines()]


def test_it_does_what_it_says(demo, capsys):
    capsys.readouterr()
    pieces, known = PIECE.findall(DOC.read_text(encoding="utf-8")), {}
    assert len(pieces) == DOC.read_text(encoding="utf-8").count("```python")
    for code, expected in pieces:
        exec(code, known)
        assert without_numbers(capsys.readouterr().out) == without_numbers(expected), code
    assert Path("out/grid.gif").stat().st_size
    assert Path("out/first.mp4").stat().st_size
