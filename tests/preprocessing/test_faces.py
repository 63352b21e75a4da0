"""Finding faces, on real ones and with a network made by hand."""

import io
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.preprocessing import faces
from mocogan_chainer.video import ffmpeg_program
from tests.preprocessing.onnx_file import write_detector

REAL = {  # what one sees in the first frame, in pixels of 640 x 490: both eyes and the mouth
    "anger/train/img/vid_0001": [(234, 208), (342, 202), (296, 321)],
    "anger/train/img/vid_0002": [(248, 228), (342, 227), (298, 322)],
    "happy/train/img/vid_0001": [(278, 190), (375, 190), (328, 305)],
    "happy/train/img/vid_0002": [(282, 208), (385, 205), (336, 298)],
}


def blank(height=60, width=80):
    return np.zeros((height, width, 3), np.uint8)


def detections(*frames):
    """A detector that finds these faces in the first frame, the second and so on."""
    found = iter(frames)
    return lambda frame: next(found)


class TestFindFace:
    def test_the_middle_one_in_parts_of_the_frame(self):
        found = faces.find_face([blank()] * 3, detections([(10, 20, 20, 20)], [(12, 22, 22, 22)], [(8, 16, 18, 18)]))
        assert found == pytest.approx((20 / 80, 30 / 60, 20 / 80))

    def test_wrong_ones_in_a_few_frames_do_not_matter(self):
        right = [(30, 10, 20, 20)]
        wrong = [(0, 40, 60, 60)]
        found = faces.find_face([blank()] * 9, detections(*[right] * 4, wrong, wrong, *[right] * 2, wrong))
        assert found == pytest.approx((40 / 80, 20 / 60, 20 / 80))

    def test_the_largest_counts_in_each_frame(self):
        small, large = (50, 30, 24, 24), (10, 5, 30, 30)
        found = faces.find_face([blank()] * 3, detections([small, large], [large, small], [small, large]))
        assert found == pytest.approx((25 / 80, 20 / 60, 30 / 80))

    def test_the_longer_side_counts(self):
        assert faces.find_face([blank()], detections([(10, 10, 16, 24)])) == pytest.approx((18 / 80, 22 / 60, 24 / 80))

    def test_a_third_of_the_frames_will_do(self):
        face = [(10, 20, 20, 20)]
        nothing = [[]] * 6
        assert faces.find_face([blank()] * 9, detections(face, *nothing, face, face)) == pytest.approx(
            (0.25, 0.5, 0.25)
        )

    @pytest.mark.parametrize(
        ("shown", "total", "said"), [(0, 9, "none"), (2, 9, "only 2"), (3, 10, "only 3"), (0, 1, "none")]
    )
    def test_fewer_will_not(self, shown, total, said):
        found = [[(10, 20, 20, 20)]] * shown + [[]] * (total - shown)
        with pytest.raises(DataError, match=rf"^no face: found in {said} of {total} frames"):
            faces.find_face([blank()] * total, detections(*found))


class TestCascade:
    @pytest.mark.parametrize("video", REAL)
    def test_a_real_face(self, real_images, video):
        images = list(real_images("expressions.tar", f"{video}/", 9).values())
        frames = [np.array(Image.open(io.BytesIO(data)).convert("RGB")) for data in images]
        assert frames[0].shape == (490, 640, 3)
        x, y, side = np.multiply(faces.find_face(frames, faces.detector(None)), (640, 490, 640))
        left, top, right, bottom = x - side / 2, y - side / 2, x + side / 2, y + side / 2
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 490
        for spot_x, spot_y in REAL[video]:
            assert left + 0.1 * side < spot_x < right - 0.1 * side
            assert top + 0.1 * side < spot_y < bottom - 0.1 * side
        (left_eye, _), (right_eye, _), (mouth, _) = REAL[video]
        assert x == pytest.approx((left_eye + right_eye) / 2, abs=20)
        assert x == pytest.approx(mouth, abs=20)
        assert 2.2 < side / (right_eye - left_eye) < 3.3

    def test_one_face_in_a_real_frame(self, real_images):
        (data,) = real_images("expressions.tar", "anger/train/img/vid_0002/", 1).values()
        frame = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        for scale in (1, 0.5, 0.25):
            small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            ((left, top, width, height),) = faces.detector(None)(small)
            assert width == height
            assert np.array([left, top, width]) / scale == pytest.approx([180, 132, 240], abs=25)

    def test_a_real_video(self, real_videos):
        capture = cv2.VideoCapture(str(real_videos["carphone_pristine"]))
        frames = [capture.read()[1][..., ::-1] for _ in range(9)]
        x, y, side = np.multiply(faces.find_face(frames, faces.detector(None)), (176, 144, 176))
        assert (x, y) == pytest.approx((90, 67), abs=12)  # his nose
        assert 50 < side < 100

    @pytest.mark.parametrize("value", [0, 90, 255])
    def test_nothing_in_a_blank(self, value):
        assert faces.detector(None)(np.full((240, 320, 3), value, np.uint8)) == []

    def test_nothing_in_noise(self):
        for seed in range(3):
            frame = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)
            assert faces.detector(None)(frame) == []

    def test_nothing_in_a_tiny_frame(self):
        assert faces.detector(None)(blank(8, 8)) == []


@pytest.fixture(scope="session")
def yunet(tmp_path_factory):
    """The file of a detector that takes a blue cell of 32 x 32 for a face."""
    return str(write_detector(tmp_path_factory.mktemp("yunet") / "blue.onnx"))


def scene(height, width, *blue, side=32):
    """A picture whose red and green say where each pixel is, with blue squares at these places."""
    y, x = np.mgrid[:height, :width]
    frame = np.dstack([x * 255 // width, y * 255 // height, 0 * x]).astype(np.uint8)
    for left, top in blue:
        frame[top : top + side, left : left + side, 2] = 255
    return frame


class TestYuNet:
    @pytest.mark.parametrize(
        ("extent", "place"),
        [
            ((320, 320), (96, 64)),
            ((150, 200), (96, 64)),
            ((245, 320), (288, 0)),
            ((100, 97), (64, 32)),
            ((33, 65), (32, 0)),
            ((480, 640), (608, 448)),
        ],
    )
    def test_a_box_is_where_it_is_in_the_frame(self, yunet, extent, place):
        ((left, top, width, height),) = faces.detector(yunet)(scene(*extent, place))
        assert (left, top, width, height) == pytest.approx((*place, 32, 32), abs=1e-3)

    def test_many(self, yunet):
        places = [(0, 0), (128, 64), (64, 96)]
        found = sorted(faces.detector(yunet)(scene(130, 170, *places)))
        np.testing.assert_allclose(found, [(*place, 32, 32) for place in sorted(places)], atol=1e-3)

    def test_none(self, yunet):
        assert faces.detector(yunet)(scene(130, 170)) == []

    def test_only_sure_ones(self, yunet):
        frame = scene(96, 96, (32, 32))
        assert len(faces.detector(yunet)((frame * 0.75).astype(np.uint8))) == 1
        assert faces.detector(yunet)((frame * 0.65).astype(np.uint8)) == []

    def test_colours_come_as_it_was_trained(self, yunet):
        """OpenCV's order: blue is first."""
        frame = blank(96, 96)
        frame[32:64, 32:64, 0] = 255
        assert faces.detector(yunet)(frame) == []
        assert len(faces.detector(yunet)(frame[..., ::-1].copy())) == 1

    def test_frames_of_many_sizes_one_after_another(self, yunet):
        detector = faces.detector(yunet)
        for extent in ((96, 96), (200, 70), (96, 96)):
            assert detector(scene(*extent, (32, 32)))[0][:2] == pytest.approx((32, 32), abs=1e-3)


class TestYuNetInASet:
    """The whole way, to frames that are cut around the box."""

    def _prepare(self, tmp_path, frame, suffix, **options):
        raw = tmp_path / "raw"
        (raw / "one").mkdir(parents=True)
        if suffix == ".mkv":
            height, width = frame.shape[:2]
            shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-i", "pipe:"]
            command = [ffmpeg_program(), "-v", "error", *shape, "-c:v", "ffv1", "-pix_fmt", "bgr0"]
            subprocess.run([*command, raw / "one" / "a.mkv"], input=frame.tobytes() * 4, check=True)
        else:
            (raw / "one" / "a").mkdir()
            for i in range(4):
                Image.fromarray(frame).save(raw / "one" / "a" / f"{i}.png")
        report = preprocessing.prepare("folder", raw, tmp_path / "out", workers=0, crop="face", **options)
        assert report.skipped == []
        dataset = PreparedDataset.open(tmp_path / "out")
        assert dataset.lengths.tolist() == [4]
        return dataset.frames(0, range(4))

    @pytest.mark.parametrize("suffix", [".mkv", ".png"])
    def test_a_frame_of_no_multiple_of_32(self, tmp_path, yunet, suffix):
        frame = scene(150, 203, (96, 64))
        frames = self._prepare(tmp_path, frame, suffix, detector=yunet, margin=0.0, size=32)
        np.testing.assert_array_equal(frames, [frame[64:96, 96:128]] * 4)

    @pytest.mark.parametrize("suffix", [".mkv", ".png"])
    def test_the_margin_is_added_on_each_side(self, tmp_path, yunet, suffix):
        frame = scene(150, 203, (96, 64))
        frames = self._prepare(tmp_path, frame, suffix, detector=yunet, margin=0.25, size=48)
        np.testing.assert_array_equal(frames, [frame[56:104, 88:136]] * 4)

    def test_a_box_at_the_edge_is_shifted_into_the_frame(self, tmp_path, yunet):
        frame = scene(150, 203, (0, 96))
        frames = self._prepare(tmp_path, frame, ".png", detector=yunet, margin=0.5, size=64)
        np.testing.assert_array_equal(frames, [frame[80:144, :64]] * 4)

    @pytest.mark.parametrize("suffix", [".mkv", ".png"])
    def test_a_large_frame_is_searched_small_and_cut_large(self, tmp_path, yunet, suffix):
        frame = scene(960, 1280, (448, 320), side=64)
        frames = self._prepare(tmp_path, frame, suffix, detector=yunet, margin=0.0, size=64)
        np.testing.assert_array_equal(frames, [frame[320:384, 448:512]] * 4)

    def test_no_face(self, tmp_path, yunet):
        with pytest.raises(DataError, match=r"no usable video: .*one/a: no face: found in none of 4"):
            self._prepare(tmp_path, scene(96, 96), ".png", detector=yunet)


class TestWrongDetector:
    def _wrong(self, tmp_path, kind):
        path = write_detector(tmp_path / "a.onnx")
        data = path.read_bytes()
        if kind == "text":
            path.write_text("no network at all\n" * 50)
        elif kind == "empty":
            path.write_bytes(b"")
        elif kind == "cut off":
            path.write_bytes(data[: len(data) // 2])
        elif kind == "other outputs":
            path.write_bytes(data.replace(b"obj_16", b"abc_16"))
        elif kind == "other name":
            path = path.rename(tmp_path / "a.txt")
        return str(path)

    @pytest.mark.parametrize("kind", ["text", "empty", "cut off", "other outputs", "other name"])
    def test_another_file(self, tmp_path, kind):
        path = self._wrong(tmp_path, kind)
        with pytest.raises(ConfigError) as caught:
            faces.detector(path)
        message = str(caught.value)
        assert message.startswith(f"detector={path}: not a YuNet ONNX file: ")
        assert "\n" not in message

    def test_no_file(self, tmp_path):
        for path in (tmp_path / "gone.onnx", tmp_path):
            with pytest.raises(ConfigError, match=r"no such file; name YuNet's ONNX file, or omit it to use the casc"):
                faces.detector(str(path))

    @pytest.mark.parametrize("kind", ["text", "gone"])
    def test_it_is_found_before_any_work(self, tmp_path, kind):
        Image.fromarray(scene(96, 96)).save(tmp_path / "1.png")
        raw = tmp_path / "raw" / "video"
        raw.mkdir(parents=True)
        (tmp_path / "1.png").rename(raw / "1.png")
        path = self._wrong(tmp_path, kind) if kind == "text" else str(tmp_path / "gone.onnx")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ConfigError, match=r"^detector=\S+\.onnx: (not a YuNet|no such file)"):
            preprocessing.prepare("folder", tmp_path / "raw", tmp_path / "out", crop="face", detector=path)
        assert sorted(tmp_path.rglob("*")) == before
