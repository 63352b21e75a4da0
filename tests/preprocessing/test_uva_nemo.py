"""UvA-NEMO's file names around real faces."""

import re
import shutil

import numpy as np
import pytest

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, **options):
    report = preprocessing.prepare("uva-nemo", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


def cut_of(filter):
    """Return width, height, left and top."""
    return [int(number) for number in re.search(r"crop=(\d+):(\d+):(\d+):(\d+)", filter).groups()]


@pytest.fixture
def raw(tmp_path, film, face):
    """The set as it unpacks, with what may go wrong."""
    raw = tmp_path / "UvA-NEMO_SMILE_DATABASE"
    videos = raw / "videos"
    film(videos / "558_deliberate_smile_10.mp4", video=face[:4])
    for name in ("558_deliberate_smile_9.mp4", "001_spontaneous_smile_1.MP4", "copy of ü/001_Deliberate_smile_1.m4v"):
        (videos / name).parent.mkdir(exist_ok=True)
        shutil.copy(videos / "558_deliberate_smile_10.mp4", videos / name)
    film(videos / "002_deliberate_smile_1.mp4", mark=90)  # no face
    shutil.copy(videos / "002_deliberate_smile_1.mp4", videos / "003_smile_1.mp4")
    shutil.copy(videos / "002_deliberate_smile_1.mp4", videos / "003_deliberate_spontaneous_1.mp4")
    whole = (videos / "558_deliberate_smile_10.mp4").read_bytes()
    (videos / "004_deliberate_smile_1.mp4").write_bytes(whole[: len(whole) // 2])
    (videos / "005_spontaneous_smile_1.mp4").write_text("<html>Please sign in</html>")
    (videos / "006_spontaneous_smile_1.mp4").touch()
    (videos / "._001_spontaneous_smile_1.mp4").write_bytes(b"of a Mac")
    (videos / "007_spontaneous_smile_1.mxf").touch()
    (videos / "again").symlink_to(raw)
    (raw / "UvA-NEMO_Smile_Database_File_Details.txt").write_text("001_deliberate_smile_1.mp4\t001\n")
    return raw


def test_all_of_it(raw, tmp_path, face):
    report, dataset = prepare(raw, tmp_path / "out", margin=0.2)
    assert dataset.ids == [
        *("videos/001_spontaneous_smile_1.MP4", "videos/558_deliberate_smile_9.mp4"),
        *("videos/558_deliberate_smile_10.mp4", "videos/copy of ü/001_Deliberate_smile_1.m4v"),
    ]
    assert dataset.class_names == ["deliberate", "spontaneous"]
    assert dataset.labels.tolist() == [1, 0, 0, 0]
    assert dataset.subjects == ["001", "558", "558", "001"]
    assert dataset.lengths.tolist() == [4, 4, 4, 4]
    assert report.classes == {"deliberate": 3, "spontaneous": 1}
    assert report.remarks == []
    reasons = dict(report.skipped)
    assert list(reasons) == [
        *("videos/002_deliberate_smile_1.mp4", "videos/003_deliberate_spontaneous_1.mp4", "videos/003_smile_1.mp4"),
        *("videos/004_deliberate_smile_1.mp4", "videos/005_spontaneous_smile_1.mp4"),
        *("videos/006_spontaneous_smile_1.mp4", "videos/007_spontaneous_smile_1.mxf"),
    ]
    assert [reason.split(":")[0] for reason in reasons.values()] == [
        *("no face", "its name must contain either deliberate or spontaneous"),
        "its name must contain either deliberate or spontaneous",
        *["cannot be decoded as a video"] * 3,
        "uva-nemo does not read .mxf files",
    ]
    # The same cut of every frame, out of the video that was written.
    width, height, left, top = cut_of(dataset.filters[0])
    assert width == height
    assert left < 128 < 172 < left + width  # the eyes
    assert top < 115 < 161 < top + height  # eyes and mouth
    scaled = np.stack([frame[top : top + height, left : left + width].mean((0, 1)) for frame in face[:4]])
    np.testing.assert_allclose(dataset.frames(0, range(4)).mean((1, 2)), scaled, atol=1)


def test_whoever_is_seen_is_on_one_side(tmp_path, film):
    for name in ("001_deliberate_smile_1", "001_spontaneous_smile_1", "002_deliberate_smile_1", "002_deliberate_2"):
        film(tmp_path / "raw" / f"{name}.mp4")
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", crop="none", size=8, split=0.5)
    first, second = dataset.splits[0], dataset.splits[2]
    assert {first, second} == {"train", "test"}
    assert dataset.splits == [first, first, second, second]
    assert report.splits == {"train": {"videos": 2, "subjects": 1}, "test": {"videos": 2, "subjects": 1}}


def test_a_name_without_a_number_has_no_subject(tmp_path, film):
    film(tmp_path / "raw" / "deliberate smile of Zoë.mp4")
    film(tmp_path / "raw" / "7_deliberate.mp4")
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out", crop="none", size=8)
    assert dataset.subjects == ["7", ""]
    with pytest.raises(ConfigError, match=r"split=0\.5: 1 of 2 videos have no subject"):
        prepare(tmp_path / "raw", tmp_path / "split", crop="none", size=8, split=0.5)


def test_frames_by_time_and_by_number(tmp_path, film, marks):
    film(tmp_path / "raw" / "001_deliberate_smile_1.mp4", frames=20)
    _, dataset = prepare(tmp_path / "raw", tmp_path / "all", crop="none", size=8)
    assert marks(dataset, 0) == [10 * i for i in range(20)]
    _, dataset = prepare(tmp_path / "raw", tmp_path / "nth", crop="none", size=8, every_nth=6)
    assert marks(dataset, 0) == [0, 60, 120, 180]
    _, dataset = prepare(tmp_path / "raw", tmp_path / "fps", crop="none", size=8, fps=5.0)
    assert len(marks(dataset, 0)) == 4
    assert set(np.diff(marks(dataset, 0))) == {50}  # each fifth of 25 frames a second
    _, dataset = prepare(tmp_path / "raw", tmp_path / "both", crop="none", size=8, fps=5.0, every_nth=2)
    assert len(marks(dataset, 0)) == 2
    assert np.diff(marks(dataset, 0)) == [100]


def test_real_videos(real_videos, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    shutil.copy(real_videos["carphone_pristine"], raw / "001_spontaneous_smile_1.mp4")
    shutil.copy(real_videos["bigbuckbunny"], raw / "002_deliberate_smile_1.mp4")
    report, dataset = prepare(raw, tmp_path / "out")
    assert dataset.ids == ["001_spontaneous_smile_1.mp4"]
    assert dataset.lengths.tolist() == [120]
    ((source, reason),) = report.skipped
    assert source == "002_deliberate_smile_1.mp4"
    assert reason.startswith("no face: found in ")
    # The face is at (85, 60) of the 176 x 144 frames.
    width, _, left, top = cut_of(dataset.filters[0])
    assert abs(left + width / 2 - 85) < 15
    assert abs(top + width / 2 - 60) < 20
    assert 50 < width < 110


def test_nothing_there(tmp_path, film):
    film(tmp_path / "raw" / "smile.mp4")
    with pytest.raises(
        DataError, match=r"raw: no usable video \(the first of 1, smile\.mp4: its name must contain either"
    ):
        prepare(tmp_path / "raw", tmp_path / "out")
