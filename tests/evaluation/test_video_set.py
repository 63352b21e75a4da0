"""What a user may name as a set of videos."""

import re
import shutil

import numpy as np
import pytest

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.video_set import open_videos


def test_a_prepared_dataset(tiny_dataset):
    videos = open_videos(tiny_dataset)
    assert (len(videos), videos.title, videos.split) == (12, "shapes", "all")


def test_a_folder_of_videos(tmp_path):
    video.write_frames(tmp_path / "a", np.zeros((2, 4, 4, 3), np.uint8))
    videos = open_videos(str(tmp_path))
    assert (len(videos), videos.title, videos.split) == (1, "", None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda p: None,
            "set: no such folder; it must be a prepared dataset (a folder with dataset.yml) or a folder of",
        ),
        (lambda p: p.write_bytes(b""), "put single videos into a folder and name that"),
        (lambda p: p.mkdir(), "set: no videos in it; it must be a prepared dataset, or hold video files (3g2, 3gp, "),
    ],
)
def test_neither(tmp_path, make, message):
    make(tmp_path / "set")
    with pytest.raises(DataError, match=re.escape(message)):
        open_videos(tmp_path / "set")


def test_splits_are_of_prepared_datasets(tmp_path, tiny_dataset):
    assert len(open_videos(tiny_dataset, "train")) == 12
    with pytest.raises(DataError, match="no video is marked test"):
        open_videos(tiny_dataset, "test")
    with pytest.raises(ConfigError, match=r"split=train: .* only a prepared dataset has splits"):
        open_videos(tmp_path, "train")


def test_videos_beside_a_dataset_yml_of_another_program(tmp_path):
    video.write_frames(tmp_path / "a", np.zeros((2, 4, 4, 3), np.uint8))
    (tmp_path / "dataset.yml").write_text("train: images/train\n")
    assert len(open_videos(tmp_path)) == 1
    with pytest.raises(ConfigError, match=r"split=train: .* is a folder of videos; only a prepared dataset has splits"):
        open_videos(tmp_path, "train")


@pytest.mark.parametrize("lost", ["videos.csv", "frames-00000.npy"])
def test_a_damaged_dataset_is_no_folder_of_videos(tmp_path, tiny_dataset, lost):
    shutil.copytree(tiny_dataset, tmp_path / "data")
    (tmp_path / "data" / lost).unlink()
    with pytest.raises(DataError, match=re.escape(lost)):
        open_videos(tmp_path / "data").read(0)
    (tmp_path / "data" / "dataset.yml").write_text("cut: [")
    with pytest.raises(DataError, match=r"dataset\.yml"):
        open_videos(tmp_path / "data")
