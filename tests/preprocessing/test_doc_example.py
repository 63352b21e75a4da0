"""The example in doc/adding-a-dataset.md is a real set."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.cli.preprocess import main
from mocogan_chainer.datasets import PreparedDataset

DOC = Path(__file__).parents[2] / "doc" / "adding-a-dataset.md"


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Put the document's file beside the sets."""
    code = next(block for block in re.findall(r"```python\n(.*?)```", DOC.read_text(), re.S) if "class Gifs" in block)
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "gifs.py").write_text(code)
    monkeypatch.setattr(preprocessing, "__path__", [*preprocessing.__path__, str(tmp_path / "sets")])
    importlib.import_module("mocogan_chainer.preprocessing.gifs")
    yield
    del sys.modules["mocogan_chainer.preprocessing.gifs"]
    del preprocessing.gifs


def test_it_works_with_its_option(example, tmp_path):
    frames = [Image.new("RGB", (20, 20), (10 * i, 0, 0)) for i in range(7)]
    (tmp_path / "raw" / "red").mkdir(parents=True)
    frames[0].save(tmp_path / "raw" / "red" / "a.GIF", save_all=True, append_images=frames[1:])
    (tmp_path / "raw" / "red" / "b.gif").write_text("text")
    command = ["gifs", str(tmp_path / "raw"), str(tmp_path / "out"), "--every-nth", "2", "--workers", "0"]
    assert main(command) == 0
    dataset = PreparedDataset.open(tmp_path / "out")
    assert dataset.ids == ["red/a.GIF"]
    np.testing.assert_array_equal(dataset.frames(0, range(4))[:, 5, 5, 0], [0, 20, 40, 60])
    assert "red/b.gif" in (tmp_path / "out" / "skipped.csv").read_text()


def test_the_table_of_sets_is_complete():
    listed = re.findall(r"^\| `(\w+)` \|", DOC.read_text(), re.M)
    assert sorted(listed) == list(preprocessing.sets())
