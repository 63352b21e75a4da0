"""Photos as people have them."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.preprocessing import photos
from tests.preprocessing.onnx_file import write_detector

RAMP = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def save(path, pixels, **how):
    Image.fromarray(pixels).save(path, **how)
    return path


class TestRead:
    def test_colour(self, tmp_path):
        pixels = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])
        found = photos.read(save(tmp_path / "a.png", pixels))
        assert found.dtype == np.uint8
        assert np.array_equal(found, pixels)

    def test_grey(self, tmp_path):
        assert np.array_equal(photos.read(save(tmp_path / "a.png", RAMP)), np.dstack([RAMP] * 3))

    def test_black_and_white(self, tmp_path):
        bits = RAMP > 100
        Image.fromarray(bits).save(tmp_path / "a.png")
        assert np.array_equal(photos.read(tmp_path / "a.png"), np.dstack([bits * 255] * 3))

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_grey_of_16_bits(self, tmp_path, suffix):
        deep = RAMP.astype(np.uint16) * 256 + 255
        found = photos.read(save(tmp_path / f"a.{suffix}", deep))
        assert np.array_equal(found, np.dstack([RAMP] * 3))

    @pytest.mark.parametrize("suffix", ["png", "tif"])
    def test_colour_of_16_bits(self, tmp_path, suffix):
        deep = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]]).astype(np.uint16) * 256 + 255
        cv2.imwrite(str(tmp_path / f"a.{suffix}"), deep[..., ::-1])
        assert np.array_equal(photos.read(tmp_path / f"a.{suffix}"), deep >> 8)

    def test_what_is_transparent_becomes_white(self, tmp_path):
        pixels = np.zeros((1, 3, 4), np.uint8)
        pixels[0] = [[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]
        found = photos.read(save(tmp_path / "a.png", pixels))
        assert found[0, :2].tolist() == [[200, 100, 0], [255, 255, 255]]
        assert np.abs(found[0, 2] - (0.2 * np.array([200, 100, 0]) + 0.8 * 255)).max() <= 1

    def test_transparent_grey(self, tmp_path):
        Image.merge("LA", [Image.new("L", (2, 1), 40), Image.fromarray(np.array([[0, 255]], np.uint8))]).save(
            tmp_path / "a.png"
        )
        assert photos.read(tmp_path / "a.png")[0].tolist() == [[255] * 3, [40] * 3]

    def test_a_palette_with_a_transparent_colour(self, tmp_path):
        image = Image.fromarray(np.array([[0, 1]], np.uint8))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.save(tmp_path / "a.gif", transparency=0)
        assert photos.read(tmp_path / "a.gif")[0].tolist() == [[255] * 3, [40, 50, 60]]

    def test_inks(self, tmp_path):
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
        red, green, blue = photos.read(tmp_path / "a.jpg")[4, 4]
        assert red > 200
        assert max(green, blue) < 60

    @pytest.mark.parametrize(
        ("suffix", "deep", "how"),
        [
            ("png", False, {}),
            ("png", True, {}),
            ("webp", False, {"lossless": True}),
            ("tif", False, {}),
            ("tif", True, {}),
            ("tif", False, {"compression": "tiff_lzw"}),
        ],
    )
    def test_the_camera_was_turned(self, tmp_path, suffix, deep, how):
        """EXIF's orientation 6: what is stored lies on its left side, so its first row is the right column."""
        stored = RAMP.astype(np.uint16) * 256 if deep else RAMP
        exif = Image.Exif()
        exif[0x0112] = 6
        found = photos.read(save(tmp_path / f"a.{suffix}", stored, exif=exif, **how))
        assert found[..., 0].tolist() == [[int(RAMP[3 - x, y]) for x in range(4)] for y in range(6)]

    def test_of_many_pictures_the_first(self, tmp_path):
        first, second = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
        first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
        assert photos.read(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]

    @pytest.mark.filterwarnings("error")
    def test_a_large_one_without_a_warning(self, tmp_path, monkeypatch):
        path = save(tmp_path / "a.png", RAMP)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
        assert photos.read(path).shape == (4, 6, 3)

    def test_one_that_is_too_large(self, tmp_path, monkeypatch):
        path = save(tmp_path / "a.png", RAMP)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(DataError, match=r"a\.png: cannot be read as an image: more than 20 pixels; make it small"):
            photos.read(path)

    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("notes.txt", b"hello", "cannot be read as an image: not an image$"),
            ("empty.jpg", b"", "cannot be read as an image: not an image$"),
            ("phone.HEIC", b"\0\0\0\x18ftypheic", "HEIC is not supported; save it as JPEG or PNG$"),
        ],
    )
    def test_what_is_no_image(self, tmp_path, name, data, message):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=message) as caught:
            photos.read(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")

    def test_a_torn_one(self, tmp_path):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "PNG")
        (tmp_path / "a.png").write_bytes(buffer.getvalue()[:3000])
        with pytest.raises(DataError, match=r"a\.png: cannot be read as an image: .*truncated"):
            photos.read(tmp_path / "a.png")

    def test_numbers_that_are_no_light(self, tmp_path):
        save(tmp_path / "float.tif", RAMP.astype(np.float32))
        with pytest.raises(DataError, match=r"float\.tif: .* it holds floating point numbers; save it with 8 or 16"):
            photos.read(tmp_path / "float.tif")
        save(tmp_path / "deep.tif", RAMP.astype(np.int32) << 16)
        with pytest.raises(DataError, match=r"deep\.tif: .* it holds more than 16 bits per channel; save it with 8 or"):
            photos.read(tmp_path / "deep.tif")

    def test_what_is_no_file(self, tmp_path):
        (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
        for name, message in (("gone.png", "no such file"), ("link.png", "not a file"), ("", "a folder; photos")):
            with pytest.raises(DataError, match=f": {message}"):
                photos.read(tmp_path / name)


class TestFraming:
    @pytest.mark.parametrize(
        ("crop", "width", "height", "part"),
        [
            ("center", 64, 48, [8, 0, 48, 48]),
            ("center", 40, 60, [0, 10, 40, 40]),
            ("none", 64, 48, [0, 0, 64, 48]),
        ],
    )
    def test_the_part_that_is_kept(self, tmp_path, picture, seen, crop, width, height, part):
        path = save(tmp_path / "a.png", picture(frames=1, width=width, height=height)[0])
        found = photos.Framing(crop).load(path, 24)
        assert (found.shape, found.dtype) == ((24, 24, 3), np.uint8)
        assert seen(found) == part

    def test_the_middle_is_what_is_taken_unless_told(self):
        assert photos.Framing().crop == "center"

    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (9, 2), (3, 500), (64, 64)])
    def test_any_size(self, tmp_path, height, width):
        path = save(tmp_path / "a.png", np.full((height, width, 3), (10, 20, 30), np.uint8))
        for crop in ("center", "none"):
            assert np.array_equal(photos.Framing(crop).load(path, 16), np.full((16, 16, 3), (10, 20, 30)))

    @pytest.mark.parametrize(
        ("margin", "left", "top", "side"),
        [(0.0, 96, 64, 32), (0.25, 88, 56, 48), (None, 92, 60, 38), (2.0, 36, 0, 150)],
    )
    def test_a_face_with_its_margin(self, tmp_path, margin, left, top, side):
        """Of a network that takes a blue cell of 32 x 32 for a face; a tenth of 32 on each side makes 38.4."""
        y, x = np.mgrid[:150, :203]
        pixels = np.dstack([x, y, 0 * x]).astype(np.uint8)
        pixels[64:96, 96:128, 2] = 255
        detector = str(write_detector(tmp_path / "blue.onnx"))
        found = photos.Framing("face", margin, detector).load(save(tmp_path / "a.png", pixels), side)
        assert np.array_equal(found, pixels[top : top + side, left : left + side])

    def test_a_large_photo_is_searched_small_and_cut_large(self, tmp_path):
        y, x = np.mgrid[:960, :1280]
        pixels = np.dstack([x % 256, y % 256, 0 * x]).astype(np.uint8)
        pixels[320:384, 448:512, 2] = 255
        detector = str(write_detector(tmp_path / "blue.onnx"))
        found = photos.Framing("face", 0.0, detector).load(save(tmp_path / "a.png", pixels), 64)
        assert np.array_equal(found, pixels[320:384, 448:512])

    def test_a_real_face(self, tmp_path, real_images):
        """Seen in it, in pixels of 640 x 490: the eyes at (248, 228) and (342, 227), the mouth at (298, 322)."""
        (data,) = real_images("expressions.tar", "anger/train/img/vid_0002/", 1).values()
        image = Image.open(io.BytesIO(data)).convert("RGB")
        pixels = np.array(image)
        for spot in ((248, 228), (342, 227), (298, 322)):
            marked = pixels.copy()
            cv2.circle(marked, spot, 3, (0, 255, 0), -1)
            found = photos.Framing("face").load(save(tmp_path / "a.png", marked), 128).astype(int)
            rows, columns = np.nonzero(found[..., 1] - found[..., 0] > 80)
            assert len(rows)
            assert 0.15 < rows.mean() / 128 < 0.85
            assert 0.15 < columns.mean() / 128 < 0.85

    def test_no_face(self, tmp_path):
        path = save(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
        with pytest.raises(DataError, match=r"a\.png: no face found; --crop center takes the middle$"):
            photos.Framing("face").load(path, 16)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"crop": "centre"}, r"--crop=centre: it must be one of face, center, none \(did you mean center\?\)"),
            ({"margin": 0.2}, "--margin 0.2: it needs --crop face"),
            ({"crop": "none", "detector": "a.onnx"}, "--detector a.onnx: it needs --crop face"),
            ({"crop": "face", "margin": 3.0}, "--margin=3.0: it must be between 0 and 2"),
            ({"crop": "face", "detector": "gone.onnx"}, "detector=gone.onnx: no such file"),
        ],
    )
    def test_mistakes(self, options, message):
        with pytest.raises(ConfigError, match=message):
            photos.Framing(**options)


class TestFind:
    def test_all_of_a_folder_in_natural_order(self, tmp_path):
        for name in ("b10.jpg", "b9.png", "A.txt", ".hidden.png"):
            (tmp_path / name).touch()
        (tmp_path / "aa").mkdir()
        assert [path.name for path in photos.find(tmp_path)] == ["A.txt", "b9.png", "b10.jpg", "aa"]

    def test_a_photo(self, tmp_path):
        path = save(tmp_path / "a.png", RAMP)
        assert photos.find(path) == [path]

    def test_nothing(self, tmp_path):
        with pytest.raises(DataError, match="gone: no such photo or folder"):
            photos.find(tmp_path / "gone")
        with pytest.raises(DataError, match="an empty folder; put photos into it"):
            photos.find(tmp_path)


class TestUniqueName:
    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("anna.jpg", "anna"),
            ("Anna Ägäis.v2.jpg", "Anna_Ägäis_v2"),
            ('a<b>&"c".png', "a_b_c_"),
            ("-rf.png", "rf"),
            ("---.png", "photo"),
            ("...png", "_"),
            ("CON.jpg", "CON_"),
            ("com1.jpg", "com1_"),
            ("é" * 200 + ".jpg", "é" * 48),
            ("a\n\udcff.png", "a_"),
        ],
    )
    def test_it_is_safe(self, file, name):
        assert photos.unique_name(Path(file), set()) == name

    def test_it_is_unique_where_case_is_not_told_apart(self):
        taken = set()
        files = ("a.jpg", "a.png", "A.png", "a_2.png", "b.png", "a b.png", "a-b.png", "a?b.png")
        names = [photos.unique_name(Path(file), taken) for file in files]
        assert names == ["a", "a_2", "A_3", "a_2_2", "b", "a_b", "a-b", "a_b_2"]
