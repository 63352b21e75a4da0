"""The example in doc/adding-a-dataset.md is a real set."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import preprocessing
from mocogan_chainer.cli.preprocess import main
from mocogan_chainer.datasets import PreparedDataset
from tests.test_forbidden_calls import faults

DOC = Path(__file__).parents[2] / "doc"


def guide():
    return (DOC / "adding-a-dataset.md").read_text(encoding="utf-8")


def module():
    """The document's file."""
    return next(code for code in re.findall(r"```python\n(.*?)```", guide(), re.S) if "class Arrays" in code)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Put the document's file beside the sets."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "arrays.py").write_text(module())
    monkeypatch.setattr(preprocessing, "__path__", [*preprocessing.__path__, str(tmp_path / "sets")])
    importlib.import_module("mocogan_chainer.preprocessing.arrays")
    yield
    del sys.modules["mocogan_chainer.preprocessing.arrays"]
    del preprocessing.arrays


@pytest.fixture
def raw(tmp_path):
    """Seven frames, of which frame i is all red 10 * i; and a text."""
    (tmp_path / "raw" / "red").mkdir(parents=True)
    frames = np.zeros((7, 20, 20, 3), np.uint8)
    frames[..., 0] = 10 * np.arange(7)[:, None, None]
    np.save(tmp_path / "raw" / "red" / "a.npy", frames)
    (tmp_path / "raw" / "red" / "b.npy").write_text("text")
    return tmp_path / "raw"


def test_it_works_with_its_option(example, raw, tmp_path):
    command = ["arrays", str(raw), str(tmp_path / "out"), "--every-nth", "2", "--workers", "0"]
    assert main(command) == 0
    dataset = PreparedDataset.open(tmp_path / "out")
    assert dataset.ids == ["red/a.npy"]
    assert dataset.class_names == ["red"]
    np.testing.assert_array_equal(dataset.frames(0, range(4))[:, 5, 5], [[0, 0, 0], [20, 0, 0], [40, 0, 0], [60, 0, 0]])
    assert dataset.filters == ["every 2"]
    assert "red/b.npy" in (tmp_path / "out" / "skipped.csv").read_text()


def test_nothing_to_read(example, tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert main(["arrays", str(tmp_path / "raw"), str(tmp_path / "out")]) == 2
    assert "no arrays; arrays reads CLASS/*.npy" in capsys.readouterr().err


def test_it_calls_nothing_that_is_forbidden():
    assert faults(module()) == []


ROW = r"\| `([\w-]+)` \|.*\|$"


def test_the_table_of_sets_is_complete():
    listed = re.findall(rf"^{ROW}", (DOC / "datasets.md").read_text(encoding="utf-8"), re.M)
    assert sorted(set(listed)) == list(preprocessing.sets())


def test_the_guide_gives_the_row_that_the_table_needs(example):
    listed = re.findall(rf"^{ROW}", (DOC / "datasets.md").read_text(encoding="utf-8"), re.M)
    assert sorted({*listed, *re.findall(rf"^ +{ROW}", guide(), re.M)}) == list(preprocessing.sets())
