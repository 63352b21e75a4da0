"""Arrays in memory as a set of videos, against the same videos in a folder of frames."""

import re

import numpy as np
import pytest

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import frechet, gathering
from mocogan_chainer.evaluation.array_videos import ArrayVideos
from mocogan_chainer.evaluation.video_files import VideoFiles
from tests.evaluation.fakes import extractor, noisy

LABELS, CLASSES = [0, 1, 1, 0, 1], ("left", "up")


@pytest.fixture
def arrays():
    """Five videos, of 6 to 10 frames of 8 x 8 pixels."""
    return [noisy(1, seed=i, length=6 + i)[0] for i in range(5)]


@pytest.fixture
def folder(arrays, tmp_path):
    for i, frames in enumerate(arrays):
        video.write_frames(tmp_path / "frames" / f"video_{LABELS[i]}_{CLASSES[LABELS[i]]}_{i:05d}", frames)
    return VideoFiles(tmp_path / "frames")


def test_it_reads_what_the_folder_reads(arrays, folder):
    videos = ArrayVideos(arrays, LABELS, CLASSES)
    places = {int(folder.id(i)[-5:]): i for i in range(len(folder))}
    assert (len(videos), videos.class_names) == (len(folder), folder.class_names) == (5, CLASSES)
    for index, place in places.items():
        assert (videos.length(index), videos.label(index)) == (folder.length(place), folder.label(place))
        assert np.array_equal(videos.read(index), folder.read(place))
        for which in (lambda length: range(0, length, 2), lambda length: [length - 1, 0, 0]):
            assert np.array_equal(videos.read(index, which), folder.read(place, which))


def test_its_features_are_those_of_the_folder(arrays, folder):
    found, expected = (gathering.gather(v, range(5), extractor()).gaussian for v in (ArrayVideos(arrays), folder))
    assert frechet.distance(found, expected) == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)


def test_one_array_will_do(arrays):
    whole = np.stack([frames[:6] for frames in arrays])
    videos = ArrayVideos(whole)
    assert len(videos) == 5
    assert videos.class_names == ()
    assert all(np.array_equal(videos.read(i), whole[i]) and videos.label(i) == -1 for i in range(5))
    assert videos.reference == ArrayVideos(list(whole), name="others").reference


def test_the_reference_is_that_of_the_content(arrays):
    reference = ArrayVideos(arrays, LABELS, CLASSES).reference
    assert re.fullmatch("arrays [0-9a-f]{16}", reference)
    assert ArrayVideos([np.asfortranarray(a) for a in arrays], np.array(LABELS), CLASSES, "x").reference == reference
    changed = [frames.copy() for frames in arrays]
    changed[4][-1, -1, -1, -1] ^= 1
    others = [
        ArrayVideos(changed, LABELS, CLASSES),
        ArrayVideos(arrays, [0, 1, 1, 0, -1], CLASSES),
        ArrayVideos(arrays, LABELS, ("left", "right")),
        ArrayVideos(arrays[:4], LABELS[:4], CLASSES),
        ArrayVideos([*arrays[:4], arrays[4].reshape(-1, 4, 16, 3)], LABELS, CLASSES),
    ]
    assert len({reference, *(videos.reference for videos in others)}) == 6


@pytest.mark.parametrize(
    ("video", "given"),
    [
        (np.zeros((4, 8, 8, 3)), "float64 (4, 8, 8, 3): it must be an array, uint8 (T, H, W, 3)"),
        (np.zeros((4, 8, 8), np.uint8), "uint8 (4, 8, 8): it must be an array, uint8 (T, H, W, 3)"),
        (np.zeros((3, 4, 8, 8), np.uint8), "uint8 (3, 4, 8, 8): it must be an array, uint8 (T, H, W, 3)"),
        ("video.mp4", "str: it must be an array, uint8 (T, H, W, 3)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "uint8 (0, 8, 8, 3): there is no frame or no pixel in it"),
    ],
)
def test_what_is_no_video(arrays, video, given):
    with pytest.raises(DataError, match=f"^mine: video 5: {re.escape(given)}"):
        ArrayVideos([*arrays, video], name="mine")


def test_no_videos():
    with pytest.raises(DataError, match=r"^arrays: no videos in it$"):
        ArrayVideos([])


@pytest.mark.parametrize(
    ("labels", "class_names", "message"),
    [
        ([0, 1], CLASSES, "2 labels for 5 videos: give each video one"),
        (LABELS, (), "labels without classes; name the classes with class_names"),
        ([0, 1, 2, 0, 1], CLASSES, "label=2: it must be between -1 and 1"),
        ([0, 1, "up", 0, 1], CLASSES, "label='up': it must be a whole number"),
    ],
)
def test_labels_that_do_not_fit(arrays, labels, class_names, message):
    with pytest.raises(ConfigError, match=f"^arrays: {message}$"):
        ArrayVideos(arrays, labels, class_names)
