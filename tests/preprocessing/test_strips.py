"""Strips, real and odd."""

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import DataError


def strip(path, t=3, size=8, value=0):
    """Frame i of the strip has the brightness value + i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.concatenate([np.full((size, size, 3), value + i, np.uint8) for i in range(t)], axis=1)
    Image.fromarray(frames).save(path)


def prepare(raw, out, **options):
    report = preprocessing.prepare("strips", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


def test_classes_videos_and_frames_are_in_their_order(tmp_path):
    for class_name in ("10", "9", "smile big ü"):
        for i in (10, 9, 1):
            strip(tmp_path / "raw" / class_name / f"video{i}.png", value=10 * i)
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=8)
    assert dataset.class_names == ["9", "10", "smile big ü"]
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert dataset.ids[:3] == ["9/video1.png", "9/video9.png", "9/video10.png"]
    assert dataset.frames(2, range(3))[:, 0, 0, 0].tolist() == [100, 101, 102]
    assert report.classes == {"9": 3, "10": 3, "smile big ü": 3}
    assert report.skipped == []


def test_odd_files_are_left_out_with_their_reason(tmp_path):
    raw = tmp_path / "raw"
    strip(raw / "a" / "good.PNG")
    strip(raw / "a" / "short.png", t=1)
    (raw / "a" / "text.jpg").write_text("not an image at all")
    Image.new("RGB", (30, 8)).save(raw / "a" / "uneven.png")
    Image.effect_noise((800, 8), 90).save(raw / "a" / "cut.png")
    (raw / "a" / "cut.png").write_bytes((raw / "a" / "cut.png").read_bytes()[:-1000])
    (raw / "a" / "notes.txt").write_text("ignored")
    (raw / "a" / ".DS_Store").write_text("ignored")
    (raw / "empty").mkdir()
    report, dataset = prepare(raw, tmp_path / "out", size=8, min_frames=2)
    assert dataset.ids == ["a/good.PNG"]
    assert dataset.class_names == ["a"]
    reasons = dict(report.skipped)
    assert list(reasons) == ["a/cut.png", "a/short.png", "a/text.jpg", "a/uneven.png", "empty"]
    assert "cannot be read as an image" in reasons["a/cut.png"]
    assert reasons["a/short.png"] == "1 frames, fewer than min_frames=2"
    assert reasons["a/text.jpg"].endswith("not an image")
    assert "30 x 8: a strip holds square frames" in reasons["a/uneven.png"]
    assert reasons["empty"] == "no images in this folder"


def test_without_classes(tmp_path):
    strip(tmp_path / "raw" / "one.png")
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out")
    assert dataset.class_names == []
    assert dataset.labels.tolist() == [-1]
    assert dataset.frames(0, range(3)).shape == (3, 64, 64, 3)
    assert report.classes == {}


def test_what_lies_deeper_or_leads_nowhere_is_listed(tmp_path):
    strip(tmp_path / "raw" / "a" / "one.png")
    strip(tmp_path / "raw" / "a" / "deep" / "two.png")
    (tmp_path / "raw" / "a" / "gone.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "raw" / "loop").symlink_to(tmp_path / "raw")
    (tmp_path / "raw" / "a" / "film.mp4").touch()
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out")
    assert dataset.ids == ["a/one.png"]
    assert report.skipped == [
        ("a/gone.png", "not a file"),
        ("a/film.mp4", "strips does not read .mp4 files"),
        ("a/deep/two.png", "it is not where strips looks for videos"),
    ]


def test_divided_by_class(tmp_path):
    for i in range(8):
        strip(tmp_path / "raw" / "ab"[i % 2] / f"{i}.png")
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", split=0.25)
    assert [dataset.splits[:4].count("test"), dataset.splits[4:].count("test")] == [1, 1]
    assert report.splits == {"train": {"videos": 6, "subjects": 0}, "test": {"videos": 2, "subjects": 0}}


def test_how_frames_were_made_is_recorded(tmp_path):
    strip(tmp_path / "raw" / "one.png", size=8)
    (made,) = prepare(tmp_path / "raw", tmp_path / "out", size=4)[1].filters
    assert made == "format=rgb24,scale=4:4:flags=area+accurate_rnd+full_chroma_inp"


def test_images_beside_folders(tmp_path):
    strip(tmp_path / "raw" / "one.png")
    strip(tmp_path / "raw" / "a" / "two.png")
    with pytest.raises(DataError, match=r"it holds both images \(one\.png\) and folders \(a/\); put every image"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_nothing_to_read(tmp_path):
    (tmp_path / "raw" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match=r"raw: no images; strips reads CLASS/VIDEO\.png"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_nothing_that_can_be_used(tmp_path):
    (tmp_path / "raw" / "a").mkdir(parents=True)
    (tmp_path / "raw" / "a" / "x.png").write_text("text")
    with pytest.raises(DataError, match=r"no usable video: 1 left out; the first was a/x\.png: cannot be read"):
        prepare(tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("archive", "prefixes"), [("shapes.tar", ["shapes/0/", "shapes/1/"]), ("actions.tar", ["actions/3/", "actions/4/"])]
)
def test_real_strips(tmp_path, real_images, as_video, archive, prefixes):
    expected = {}
    for prefix in prefixes:
        for name, data in real_images(archive, prefix, 3).items():
            path = tmp_path / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            expected["/".join(name.split("/")[1:])] = as_video(data)
    report, dataset = prepare(tmp_path / "raw" / archive.removesuffix(".tar"), tmp_path / "out")
    assert report.skipped == []
    assert dataset.ids == list(expected)
    assert dataset.class_names == [prefix.split("/")[1] for prefix in prefixes]
    for i, frames in enumerate(expected.values()):
        np.testing.assert_array_equal(dataset.frames(i, range(dataset.lengths[i])), frames)


def test_real_shapes_move_up_in_class_0_and_left_in_class_1(tmp_path, real_images, centre):
    for label in "01":
        for name, data in real_images("shapes.tar", f"shapes/{label}/", 10).items():
            path = tmp_path / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    _, dataset = prepare(tmp_path / "raw" / "shapes", tmp_path / "out")
    for i, label in enumerate(dataset.labels):
        way = np.diff(centre(dataset.frames(i, [0, 31])), axis=0)[0]
        assert way[1 - label] < -40
        assert way[label] == pytest.approx(0, abs=1)
