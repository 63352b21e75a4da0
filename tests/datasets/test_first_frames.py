"""The pictures that a run's progress is shown on."""

import numpy as np

from mocogan_chainer.datasets import open_writer
from mocogan_chainer.datasets.first_frames import first_frames


def prepare(path, splits):
    with open_writer(path, "toy", 8, []) as writer:
        for i, split in enumerate(splits):
            frames = np.full((3, 8, 8, 3), 10 * i, np.uint8)
            frames[1:] = 255
            writer.add(frames, str(i), split=split)


def test_held_out_videos_come_first(tmp_path):
    prepare(tmp_path / "data", ["train", "test", "train", "test"])
    photos = first_frames(tmp_path / "data", 3, 4)
    assert photos.shape == (3, 4, 4, 3)
    assert [photo.mean() for photo in photos] == [10, 30, 0]


def test_no_more_than_there_are(tmp_path):
    prepare(tmp_path / "data", ["", ""])
    photos = first_frames(tmp_path / "data", 5, 8)
    assert [photo.mean() for photo in photos] == [0, 10]
