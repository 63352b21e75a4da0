"""Clips as people have them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import video
from mocogan_chainer.errors import DataError
from mocogan_chainer.generation.found_clips import Reader


def test_only_what_is_needed_is_read(tmp_path, monkeypatch):
    """The end of a video may be damaged where it is not looked at."""
    monkeypatch.chdir(tmp_path)
    levels = np.arange(400).astype(np.uint8) // 2
    video.write_mp4("walk.mp4", np.broadcast_to(levels[:, None, None, None], (400, 64, 64, 3)), 10)
    data = Path("walk.mp4").read_bytes()
    reader = Reader(32, 1, 1)
    assert len(reader.find(Path("walk.mp4")).clips[0].first(3)) == 3
    Path("walk.mp4").write_bytes(data[: len(data) - 200])
    assert len(reader.find(Path("walk.mp4")).clips[0].first(3)) == 3
    with pytest.raises(DataError, match="damaged after"):
        reader.find(Path("walk.mp4")).clips[0].first(400)


def test_clips_beside_a_dataset_yml_of_another_program(tmp_path):
    video.write_mp4(tmp_path / "walk.mp4", np.zeros((3, 16, 16, 3), np.uint8), 10)
    (tmp_path / "dataset.yml").write_text("train: images/train\n")
    found = Reader(16, 1, 1).find(tmp_path)
    assert (found.kind, [clip.stem for clip in found.clips]) == ("folder", ["walk"])


@pytest.mark.parametrize("lost", ["videos.csv", "frames-00000.npy"])
def test_a_damaged_dataset_is_no_folder_of_clips(tmp_path, tiny_dataset, lost):
    shutil.copytree(tiny_dataset, tmp_path / "data")
    (tmp_path / "data" / lost).unlink()
    with pytest.raises(DataError, match=lost):
        Reader(16, 1, 1).find(tmp_path / "data").clips[0].first(1)
