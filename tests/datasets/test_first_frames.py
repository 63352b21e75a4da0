"""The pictures that a run's progress is shown on."""

import numpy as np
import pytest

from mocogan_chainer.datasets import open_writer
from mocogan_chainer.datasets.first_frames import first_clips, first_frames


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


def prepare_counted(path, videos):
    """Videos of (split, length); a pixel says which video and frame it is of."""
    with open_writer(path, "counted", 8, []) as writer:
        for i, (split, length) in enumerate(videos):
            numbers = (20 * i + np.arange(length, dtype=np.uint8))[:, None, None, None]
            writer.add(np.broadcast_to(numbers, (length, 8, 8, 3)).copy(), str(i), split=split)


@pytest.mark.parametrize(
    ("count", "frames", "expected"),
    [
        (2, [0, 1], [(40, 41), (0, 1)]),
        (9, [0, 2, 4], [(40, 42, 44), (0, 2, 4), (60, 62, 64)]),  # that of two frames is passed over
        (9, [1, 4], [(41, 44), (1, 4), (61, 64)]),
        (9, [0, 5], [(40, 45), (0, 5)]),
        (1, [6], [(6,)]),  # the held-out one is too short
    ],
)
def test_clips_of_videos_that_have_these_frames(tmp_path, count, frames, expected):
    prepare_counted(tmp_path / "data", [("train", 7), ("train", 2), ("test", 6), ("train", 5)])
    clips = first_clips(tmp_path / "data", count, frames, 8)
    assert (clips.shape, clips.dtype) == ((len(expected), len(frames), 8, 8, 3), np.uint8)
    assert [tuple(clip[:, 0, 0, 0]) for clip in clips] == expected
    assert all((clip == clip[:, :1, :1, :1]).all() for clip in clips)


def test_every_nth_frame_of_clips_that_are_scaled(tmp_path):
    prepare_counted(tmp_path / "data", [("", 10), ("", 9)])
    clips = first_clips(tmp_path / "data", 5, range(0, 4 * 3, 3), 4)
    assert clips.shape == (1, 4, 4, 4, 3)
    assert clips[0, :, 2, 1, 0].tolist() == [0, 3, 6, 9]
