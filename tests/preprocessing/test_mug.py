"""MUG's folders around real faces."""

import io

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.preprocessing import faces


def prepare(raw, out, **options):
    report = preprocessing.prepare("mug", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


@pytest.fixture(scope="session")
def face_frames(real_images):
    """Twelve consecutive real frames of one face, 640 x 490, as the bytes of JPEG files."""
    return list(real_images("expressions.tar", "anger/train/img/vid_0002/", 12).values())


def shifted(data, x, y):
    """Move the picture by whole pixels, and the face with it."""
    picture = np.roll(np.array(Image.open(io.BytesIO(data)).convert("RGB")), (y, x), (0, 1))
    return Image.fromarray(picture)


def write_take(folder, frames):
    folder.mkdir(parents=True)
    for i, data in enumerate(frames, 1):
        (folder / f"img_{i}.jpg").write_bytes(data)


class TestTree:
    @pytest.fixture
    def raw(self, tmp_path, face_frames):
        raw = tmp_path / "subjects 3 ü"
        write_take(raw / "001" / "anger" / "take000", face_frames)
        write_take(raw / "001" / "Happiness" / "take10", face_frames[:2])
        write_take(raw / "001" / "Happiness" / "take9", face_frames[:3])
        write_take(raw / "002" / "anger" / "take000", face_frames[:2])
        write_take(raw / "002" / "neutral" / "take000", face_frames[:2])
        write_take(raw / "002" / "mixed" / "take000", face_frames[:1])
        (raw / "002" / "fear" / "take empty").mkdir(parents=True)
        write_take(raw / "002" / "fear" / "take text", face_frames[:1])
        (raw / "002" / "fear" / "take text" / "img_2.jpg").write_text("not an image")
        (raw / "002" / "fear" / "take no face").mkdir()
        Image.new("RGB", (640, 490), (90, 90, 90)).save(raw / "002" / "fear" / "take no face" / "img_1.JPG")
        (raw / "readme.txt").touch()
        return raw

    def test_all_of_it(self, raw, tmp_path):
        report, dataset = prepare(raw, tmp_path / "out")
        assert dataset.ids == [
            *("001/anger/take000", "001/Happiness/take9", "001/Happiness/take10"),
            "002/anger/take000",
        ]
        assert dataset.class_names == ["anger", "happiness"]
        assert dataset.labels.tolist() == [0, 1, 1, 0]
        assert dataset.subjects == ["001", "001", "001", "002"]
        assert dataset.lengths.tolist() == [12, 3, 2, 2]
        assert report.classes == {"anger": 2, "happiness": 2}
        reasons = dict(report.skipped)
        assert set(reasons) == {
            *("002/mixed/take000", "002/fear/take empty", "002/fear/take text", "002/fear/take no face"),
        }
        assert reasons["002/mixed/take000"].startswith("its emotion is none of anger, disgust")
        assert "at least one frame" in reasons["002/fear/take empty"]
        assert "img_2.jpg: cannot be read as an image" in reasons["002/fear/take text"]
        assert reasons["002/fear/take no face"] == "no face: found in 0 of 1 frames searched"

    def test_frame_10_comes_after_frame_9(self, tmp_path, face_frames):
        folder = tmp_path / "raw" / "1" / "anger" / "1"
        folder.mkdir(parents=True)
        for i in range(1, 13):
            picture = np.array(Image.open(io.BytesIO(face_frames[0])).convert("RGB"))
            picture[-20:] = 20 * i
            Image.fromarray(picture).save(folder / f"img_{i}.jpg", quality=95)
        _, dataset = prepare(tmp_path / "raw", tmp_path / "out", margin=2.0)
        marks = dataset.frames(0, range(12))[:, -1, 32, 0].astype(int)
        assert np.abs(marks - 20 * np.arange(1, 13)).max() < 6


class TestCrop:
    def test_the_face_fills_the_frame(self, face_frames, tmp_path):
        write_take(tmp_path / "raw" / "1" / "anger" / "1", face_frames[:3])
        _, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=128)
        frame = dataset.frames(0, [0])[0]
        assert frame.shape == (128, 128, 3)
        # In the picture the eyes are at (255, 230) and (343, 230), the mouth at (303, 322).
        frames = np.stack([np.array(Image.open(io.BytesIO(data)).convert("RGB")) for data in face_frames[:3]])
        top, left, side = faces.find_box(frames, 0.1)
        for x, y in [(255, 230), (343, 230), (303, 322)]:
            assert 0.2 < (x - left) / side < 0.8
            assert 0.2 < (y - top) / side < 0.85
        assert 170 < side < 330

    def test_one_box_for_the_clip_and_the_median_of_what_is_seen(self, face_frames):
        steady = np.stack([np.array(shifted(face_frames[0], 0, 0))] * 9)
        jumping = steady.copy()
        jumping[4] = np.array(shifted(face_frames[0], 120, 40))
        assert faces.find_box(jumping, 0.1) == faces.find_box(steady, 0.1)

    def test_the_box_follows_the_face(self, face_frames):
        here = faces.find_box(np.array(shifted(face_frames[0], 0, 0))[None], 0.1)
        there = faces.find_box(np.array(shifted(face_frames[0], 40, 25))[None], 0.1)
        assert there[0] - here[0] == pytest.approx(25, abs=8)
        assert there[1] - here[1] == pytest.approx(40, abs=8)

    def test_a_margin_widens_it_up_to_the_picture(self, face_frames):
        frames = np.array(shifted(face_frames[0], 0, 0))[None]
        plain, wide, widest = (faces.find_box(frames, margin) for margin in (0.0, 0.2, 2.0))
        assert wide[2] == pytest.approx(1.4 * plain[2], abs=1)
        assert widest[2] == 490
        assert widest[0] == 0
        assert 0 <= widest[1] <= 640 - 490

    def test_a_face_in_few_frames_is_no_face(self, face_frames):
        frames = np.full((9, 490, 640, 3), 80, np.uint8)
        frames[:2] = np.array(shifted(face_frames[0], 0, 0))
        with pytest.raises(DataError, match="no face: found in 2 of 9 frames searched"):
            faces.find_box(frames, 0.1)
        frames[2] = frames[0]
        assert faces.find_box(frames, 0.1)[2] > 100


def test_another_tree(tmp_path):
    (tmp_path / "raw" / "happy" / "video").mkdir(parents=True)
    with pytest.raises(DataError, match=r"raw: no takes of anger, .* mug reads SUBJECT/EMOTION/TAKE"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_a_margin_out_of_range(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(ConfigError, match="margin=-1: it must be between 0 and 2"):
        prepare(tmp_path / "raw", tmp_path / "out", margin=-1)
