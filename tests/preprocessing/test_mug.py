"""MUG's folders around real faces."""

import re

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, **options):
    report = preprocessing.prepare("mug", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


EYES_AND_MOUTH = [(128, 115), (172, 115), (151, 161)]
"""Where they are in the frames of ``face``."""


def write_take(folder, frames, numbers=None, name="img_{:04d}.jpg"):
    folder.mkdir(parents=True)
    for frame, number in zip(frames, numbers or range(len(frames)), strict=True):
        Image.fromarray(frame).save(folder / name.format(number), quality=95)


class TestTree:
    @pytest.fixture
    def raw(self, tmp_path, face):
        """A small subjects3 with all that the real one does, and more."""
        raw = tmp_path / "subjects 3 ü"
        write_take(raw / "001" / "anger" / "take000", face)
        (raw / "001" / "anger" / "take000" / "anger.avi").write_bytes(b"each take has one; it is not looked at")
        write_take(raw / "001" / "Happiness" / "take10end", face[:2], name="IMG_{}.JPG")
        write_take(raw / "001" / "Happiness" / "take9", face[:4], numbers=[0, 1, 5, 8])
        write_take(raw / "002" / "session0" / "anger" / "take000", face[:2])
        write_take(raw / "002" / "Session 1" / "anger" / "take001nsg", face[:2])
        write_take(raw / "002" / "Session 1" / "neutral" / "take000", face[:2])
        write_take(raw / "003" / "neutral" / "take000", face[:2])
        write_take(raw / "003" / "mixed" / "take000", face[:1])
        (raw / "003" / "fear" / "take empty").mkdir(parents=True)
        write_take(raw / "003" / "fear" / "take text", face[:1])
        (raw / "003" / "fear" / "take text" / "img_0001.jpg").write_text("not an image")
        write_take(raw / "003" / "fear" / "take no face", np.full((1, 245, 320, 3), 90, np.uint8), name="{}.JPG")
        write_take(raw / "003" / "fear" / "take two sizes", face[:1])
        Image.fromarray(face[0]).resize((321, 245)).save(raw / "003" / "fear" / "take two sizes" / "img_0001.jpg")
        write_take(raw / "003" / "sadness", face[:1])
        Image.fromarray(face[0]).save(raw / "003" / "fear" / "loose.jpg")
        (raw / "003" / "loop").symlink_to(raw / "003")
        (raw / "064").mkdir()
        (raw / "readme.txt").touch()
        return raw

    IDS = (
        *("001/anger/take000", "001/Happiness/take9", "001/Happiness/take10end"),
        *("002/session0/anger/take000", "002/Session 1/anger/take001nsg"),
    )

    def check(self, dataset, before=""):
        assert dataset.ids == [before + name for name in self.IDS]
        assert dataset.class_names == ["anger", "happiness"]
        assert dataset.labels.tolist() == [0, 1, 1, 0, 0]
        assert dataset.subjects == ["001", "001", "001", "002", "002"]
        assert dataset.lengths.tolist() == [12, 4, 2, 2, 2]

    def test_all_of_it(self, raw, tmp_path):
        report, dataset = prepare(raw, tmp_path / "out")
        self.check(dataset)
        assert report.classes == {"anger": 3, "happiness": 2}
        assert report.remarks == [("001/Happiness/take9", "missing frame numbers: 2 to 4, 6 to 7")]
        assert report.splits == {}
        reasons = dict(report.skipped)
        fear = "003/fear/take "
        assert set(reasons) == {
            *("003/mixed/take000", "003/sadness", "003/fear"),
            *(fear + "empty", fear + "text", fear + "no face", fear + "two sizes"),
        }
        assert reasons["003/mixed/take000"] == (
            "its emotion is not one of anger, disgust, fear, happiness, sadness, surprise"
        )
        assert reasons["003/fear"] == "images next to folders of takes are not used"
        assert reasons["003/sadness"] == "no takes in this folder"
        assert reasons[fear + "empty"] == "no images in this folder"
        assert reasons[fear + "text"].endswith("img_0001.jpg: cannot be read as an image: not an image")
        assert (
            reasons[fear + "no face"]
            == "no face: found in none of 1 frames searched; at least a third of them must show one"
        )
        assert "img_0001.jpg: 321 x 245, but the video's first frame is 320 x 245" in reasons[fear + "two sizes"]

    def test_it_may_lie_a_folder_deeper(self, raw, tmp_path):
        (tmp_path / "MUG").mkdir()
        raw.rename(tmp_path / "MUG" / "subjects3")
        (tmp_path / "MUG" / "subjects3" / "003" / "loop").unlink()
        self.check(prepare(tmp_path / "MUG", tmp_path / "out")[1], "subjects3/")

    def test_one_subject_is_on_one_side_whatever_the_session(self, raw, tmp_path):
        report, dataset = prepare(raw, tmp_path / "out", split=0.3)
        sides = dict(zip(dataset.subjects, dataset.splits, strict=True))
        assert sorted(sides.values()) == ["test", "train"]
        assert dataset.splits == [sides[subject] for subject in dataset.subjects]
        assert {name: split["subjects"] for name, split in report.splits.items()} == {"train": 1, "test": 1}

    def test_every_nth(self, raw, tmp_path):
        _, dataset = prepare(raw, tmp_path / "out", every_nth=3, min_frames=2)
        assert dict(zip(dataset.ids, dataset.lengths, strict=True)) == {self.IDS[0]: 4, self.IDS[1]: 2}


def test_frame_10_comes_after_frame_9(tmp_path, face):
    frames = np.repeat(face[:1], 12, axis=0)
    for i, frame in enumerate(frames):
        frame[-10:] = 20 * i
    write_take(tmp_path / "raw" / "1" / "anger" / "1", frames, name="img_{}.jpg")
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out", margin=2.0)
    shown = dataset.frames(0, range(12))[:, -1, 32, 0].astype(int)
    assert np.abs(shown - 20 * np.arange(12)).max() < 6


class TestCrop:
    def box(self, frames, tmp_path, **options):
        """Return left, top and side of what was cut, measured in frames whose place is known by their colours."""
        write_take(tmp_path / "raw" / "1" / "anger" / "1", frames)
        _, dataset = prepare(tmp_path / "raw", tmp_path / "out", **options)
        places = re.search(r"crop=(\d+):(\d+):(\d+):(\d+)", dataset.filters[0]).groups()
        width, height, left, top = map(int, places)
        assert width == height
        oracle = [
            cv2.resize(f[top : top + width, left : left + width], (64, 64), interpolation=cv2.INTER_AREA)
            for f in frames
        ]
        np.testing.assert_allclose(dataset.frames(0, range(len(frames))), oracle, atol=12)  # JPEG
        return left, top, width

    def test_the_face_fills_the_frame(self, face, tmp_path):
        left, top, side = self.box(face[:3], tmp_path)
        for x, y in EYES_AND_MOUTH:
            assert 0.2 < (x - left) / side < 0.8
            assert 0.2 < (y - top) / side < 0.85
        assert 85 < side < 165

    def test_one_box_for_the_clip_and_the_median_of_what_is_seen(self, face, tmp_path):
        steady = np.repeat(face[:1], 9, axis=0)
        jumping = steady.copy()
        jumping[4] = np.roll(steady[4], (20, 60), (0, 1))
        assert self.box(jumping, tmp_path / "a") == self.box(steady, tmp_path / "b")

    def test_the_box_follows_the_face(self, face, tmp_path):
        here = self.box(face[:1], tmp_path / "a")
        there = self.box(np.roll(face[:1], (13, 20), (1, 2)), tmp_path / "b")
        assert there[0] - here[0] == pytest.approx(20, abs=4)
        assert there[1] - here[1] == pytest.approx(13, abs=4)

    def test_a_margin_widens_it_up_to_the_picture(self, face, tmp_path):
        plain, tenth, wide, widest = (
            self.box(face[:1], tmp_path / str(margin), margin=margin) for margin in (0, 0.1, 0.2, 2.0)
        )
        assert wide[2] == pytest.approx(1.4 * plain[2], abs=3)
        assert self.box(face[:1], tmp_path / "default") == tenth
        assert widest[1:] == (0, 244)
        assert 0 <= widest[0] <= 320 - 244

    def test_a_face_in_a_third_of_the_frames_is_needed(self, face, tmp_path):
        frames = np.full((9, 245, 320, 3), 80, np.uint8)
        frames[:2] = face[0]
        with pytest.raises(DataError, match="no face: found in only 2 of 9 frames searched"):
            self.box(frames, tmp_path / "two")
        frames[2] = face[0]
        assert self.box(frames, tmp_path / "three")[2] > 50


@pytest.mark.parametrize("margin", [0.1, 0.4])
def test_every_real_face_is_in_the_middle_of_its_crop(shared, tmp_path, real_images, margin):
    """Found again by another cascade than the one that cut it."""
    clips = {
        "001/anger/take000": "anger/train/img/vid_0001/",
        "002/session0/anger/take000": "anger/train/img/vid_0002/",
        "002/session1/happiness/take001": "happy/train/img/vid_0001/",
        "003/happiness/take000end": "happy/train/img/vid_0002/",
        "004/surprise/take002": "drumcheeks/train/img/vid_0005/",
        "005/surprise/take002": "drumcheeks/train/img/vid_0026/",
    }
    for take, prefix in clips.items():
        folder = tmp_path / "raw" / take
        folder.mkdir(parents=True)
        for name, data in real_images("expressions.tar", prefix, 5).items():
            (folder / name.rsplit("/", 1)[1]).write_bytes(data)
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=160, margin=margin)
    assert dataset.ids == list(clips)
    assert dataset.subjects == ["001", "002", "002", "003", "004", "005"]
    assert report.skipped == []
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    for i in range(len(dataset)):
        grey = cv2.cvtColor(dataset.frames(i, [2])[0], cv2.COLOR_RGB2GRAY)
        found = cascade.detectMultiScale(cv2.copyMakeBorder(grey, 40, 40, 40, 40, cv2.BORDER_REPLICATE), 1.05, 3)
        assert len(found) == 1
        left, top, width, height = found[0] - [40, 40, 0, 0]
        assert abs(left + width / 2 - 80) < 16
        assert abs(top + height / 2 - 80) < 20
        assert 0.35 < width / 160 < 1 / (1 + 2 * margin) + 0.1


class TestOtherWaysToCut:
    def test_the_middle_or_all(self, tmp_path, stills, seen):
        stills(tmp_path / "raw" / "1" / "anger" / "1")
        _, dataset = prepare(tmp_path / "raw", tmp_path / "middle", crop="center", size=16)
        assert seen(dataset.frames(0, [0])[0]) == [8, 0, 48, 48]
        _, dataset = prepare(tmp_path / "raw", tmp_path / "all", crop="none", size=16)
        assert seen(dataset.frames(0, [0])[0]) == [0, 0, 64, 48]

    def test_boxes(self, tmp_path, stills, seen):
        for take in (
            "1/anger/square",
            "1/anger/wide",
            "1/anger/tall",
            "1/anger/at the margin",
            "2/fear/outside",
            "2/fear/ohne ü",
        ):
            stills(tmp_path / "raw" / take)
        (tmp_path / "boxes.csv").write_text(
            "source,left,top,width,height\n1/anger/square, 10, 8, 20, 20\n1/anger/wide,8,20,24,10.0\n"
            "1/anger/tall,30,10,6,20\n"
            "1/anger/at the margin,40,30,20,20\n2/fear/outside,64,10,8,8\n",
            encoding="utf-8-sig",
        )
        boxes = str(tmp_path / "boxes.csv")
        report, dataset = prepare(tmp_path / "raw", tmp_path / "out", boxes=boxes, margin=0, size=8)
        shown = {id: seen(dataset.frames(i, [1])[0]) for i, id in enumerate(dataset.ids)}
        assert shown == {
            "1/anger/at the margin": [40, 28, 20, 20],
            "1/anger/square": [10, 8, 20, 20],
            "1/anger/tall": [22, 10, 20, 20],  # around the box's middle at 33, at even pixels
            "1/anger/wide": [8, 12, 24, 24],
        }
        reasons = dict(report.skipped)
        assert reasons["2/fear/outside"] == "its box at 64, 10 lies outside its frames, which are 64 x 48"
        assert reasons["2/fear/ohne ü"] == "no box in boxes.csv"
        _, dataset = prepare(tmp_path / "raw", tmp_path / "wider", boxes=boxes, margin=0.2, size=8)
        assert seen(dataset.frames(1, [0])[0]) == [6, 4, 28, 28]
        _, dataset = prepare(tmp_path / "raw", tmp_path / "default", boxes=boxes, size=8)
        assert seen(dataset.frames(1, [0])[0]) == [8, 6, 24, 24]

    @pytest.mark.parametrize(
        "name", ["../secret/1", "1/anger/2", "{raw}/1/anger/1", "1/anger/../anger/1", "./1/anger/1"]
    )
    def test_a_box_for_something_else(self, tmp_path, stills, name):
        stills(tmp_path / "raw" / "1" / "anger" / "1")
        stills(tmp_path / "secret" / "1")
        name = name.format(raw=tmp_path / "raw")
        (tmp_path / "boxes.csv").write_text(f"source,left,top,width,height\n{name},0,0,9,9\n")
        with pytest.raises(ConfigError, match=r"boxes=.*boxes\.csv: .* is not one of the 1 videos below .*raw"):
            prepare(tmp_path / "raw", tmp_path / "out", boxes=str(tmp_path / "boxes.csv"))

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("", "its first line is missing, without source, left, top, width, height; a box file is CSV"),
            ("source,left,top,width,height\n", "no boxes; a box file is CSV"),
            ("source,left,top,width\nx,1,2,3\n", "its first line is source,left,top,width, without height; "),
            ("source,left,top,width,height\nx,1,2,3,many\n", "row 2 must hold source, left"),
            ("source,left,top,width,height\nx,1,2,3,0\n", "row 2 must hold source, left"),
            ("source,left,top,width,height\nx,nan,2,3,3\n", "row 2 must hold source, left"),
            ("source,left,top,width,height\nx,1,2,3,4,5\n", "row 2 must hold source, left"),
            ("source,left,top,width,height\nx,1,2,3,4\nx,1,2,3,4\n", "row 3: x already has a box"),
        ],
    )
    def test_another_box_file(self, tmp_path, stills, text, error):
        stills(tmp_path / "raw" / "x" / "anger" / "1")
        (tmp_path / "boxes.csv").write_text(text)
        with pytest.raises(DataError, match=rf"boxes\.csv: {error}"):
            prepare(tmp_path / "raw", tmp_path / "out", boxes=str(tmp_path / "boxes.csv"))

    def test_no_box_file(self, tmp_path):
        (tmp_path / "raw").mkdir()
        with pytest.raises(DataError, match=r"gone\.csv: no such box file"):
            prepare(tmp_path / "raw", tmp_path / "out", boxes=str(tmp_path / "gone.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": -1}, "margin=-1: it must be between 0 and 2"),
        ({"margin": 0.1, "crop": "none"}, r"margin=0\.1: only a face or a box takes a margin; use crop=face or boxes"),
        ({"detector": "x.onnx", "crop": "center"}, r"detector=x\.onnx: only crop=face finds faces"),
        ({"detector": "x.onnx", "boxes": "boxes.csv"}, r"detector=x\.onnx: only crop=face finds faces"),
        ({"detector": "gone.onnx"}, r"detector=gone\.onnx: no such file; name YuNet's ONNX file"),
        ({"crop": "faces"}, r"crop=faces: it must be one of face, center, none \(did you mean face\?\)"),
        ({"every_nth": 0}, "every_nth=0: it must be at least 1"),
        ({"fps": 12.0}, "fps: mug has no such option"),
        ({"split": 1.0}, r"split=1\.0: it must be between 0 and 0\.9"),
    ],
)
def test_options_that_do_not_go(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "boxes.csv").write_text("source,left,top,width,height\nx,1,2,3,4\n")
    with pytest.raises(ConfigError, match=message):
        prepare(tmp_path / "raw", tmp_path / "out", **options)


def test_a_detector_of_another_kind(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "net.onnx").write_text("text")
    with pytest.raises(ConfigError, match=r"net\.onnx: not a YuNet ONNX file: "):
        prepare(tmp_path / "raw", tmp_path / "out", detector=str(tmp_path / "net.onnx"))


@pytest.mark.parametrize("tree", ["happy/video", "anger/take000", "001/neutral/take000", "001", ""])
def test_another_tree(tmp_path, stills, tree):
    stills(tmp_path / "raw" / tree)
    with pytest.raises(DataError, match=r"raw: no takes of anger, .* mug reads SUBJECT/EMOTION/TAKE"):
        prepare(tmp_path / "raw", tmp_path / "out")
