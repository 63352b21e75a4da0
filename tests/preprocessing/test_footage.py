"""Raw videos of each kind: the same pixels give the same frames, those of an independent cut and scaling."""

import re
import subprocess
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import decoding
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing.boxes import Box
from mocogan_chainer.preprocessing.footage import ImageFiles, StripFile, VideoFile
from mocogan_chainer.video import ffmpeg_program

OLD = re.match(r"n?[1-4]\.", decoding.version()) is not None
LOSSLESS = ["-c:v", "ffv1", "-pix_fmt", "bgr0"]
LOSSY = ["-c:v", "ffv1", "-pix_fmt", "yuv420p"]
CROPS = {"none": "none", "center": "center", "box": Box(4, 6, 20, 20), "oblong": Box(2, 0, 24, 14)}


def noise(t=3, height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (t, height, width, 3), dtype=np.uint8)


def numbered(t, height=8, width=8):
    """Frames that say in every pixel which they are."""
    return np.broadcast_to(np.arange(t, dtype=np.uint8)[:, None, None, None], (t, height, width, 3)).copy()


def numbers(frames):
    return [int(frame[0, 0, 0]) for frame in frames]


def film(path, clip, *arguments, rate=25):
    size = f"{clip.shape[2]}x{clip.shape[1]}"
    command = [ffmpeg_program(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(rate)]
    command += ["-i", "pipe:", *(arguments or LOSSLESS), str(path)]
    subprocess.run(command, input=clip.tobytes(), check=True)
    return path


def stills(folder, clip):
    folder.mkdir()
    paths = [folder / f"{i:04d}.png" for i in range(1, len(clip) + 1)]
    for path, frame in zip(paths, clip, strict=True):
        Image.fromarray(frame).save(path)
    return paths


def strip(path, clip):
    Image.fromarray(np.concatenate(list(clip), axis=1)).save(path)
    return path


def video_file(path, fps=None, every_nth=1):
    return VideoFile(path, fps, every_nth, 0, 60.0)


def cut(clip, crop):
    """The part of the clip that a crop names, spelled out."""
    height, width = clip.shape[1:3]
    if crop == "none":
        return clip
    if crop == "center":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return clip[:, top - top % 2 :, left - left % 2 :][:, :side, :side]
    return clip[:, crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]


def scaled(clip, size):
    """OpenCV's scaling in floating point: by area along axes that shrink, then bilinear along those that grow."""

    def scale(frame):
        height, width = frame.shape[:2]
        frame = cv2.resize(frame, (min(width, size), min(height, size)), interpolation=cv2.INTER_AREA)
        return cv2.resize(frame, (size, size), interpolation=cv2.INTER_LINEAR)

    return np.stack([scale(frame.astype(np.float32)) for frame in clip])


def assert_close(frames, expected):
    """Within 1 of 255."""
    frames = np.stack(list(frames))
    assert frames.dtype == np.uint8
    assert np.abs(frames - np.rint(expected)).max() <= 1


class TestSamePixels:
    @pytest.mark.parametrize("crop", CROPS)
    @pytest.mark.parametrize(
        "extent", [(48, 64), (64, 48), (37, 51), (51, 37), (40, 40), (33, 150), (150, 33)], ids=str
    )
    def test_a_video_equals_its_images_and_opencv(self, tmp_path, extent, crop):
        clip, crop = noise(3, *extent), CROPS[crop]
        from_video = video_file(film(tmp_path / "a.mkv", clip))
        from_images = ImageFiles(stills(tmp_path / "a", clip))
        assert from_video.extent() == from_images.extent() == extent
        for size in (6, 16, 35, 40, 96):
            expected = scaled(cut(clip, crop), size)
            assert expected.shape == (3, size, size, 3)
            assert_close(from_video.frames(crop, size), expected)
            assert_close(from_images.frames(crop, size), expected)
            np.testing.assert_array_less(
                np.abs(
                    np.stack(list(from_video.frames(crop, size))).astype(int) - list(from_images.frames(crop, size))
                ),
                2,
            )

    @pytest.mark.parametrize("crop", CROPS)
    @pytest.mark.parametrize("side", [40, 37])
    def test_a_strip_equals_its_images(self, tmp_path, side, crop):
        clip, crop = noise(5, side, side), CROPS[crop]
        from_strip = StripFile(strip(tmp_path / "a.png", clip))
        from_images = ImageFiles(stills(tmp_path / "a", clip))
        assert from_strip.extent() == (side, side)
        for size in (16, 30, 64):
            assert_close(from_strip.frames(crop, size), scaled(cut(clip, crop), size))
            np.testing.assert_array_equal(list(from_strip.frames(crop, size)), list(from_images.frames(crop, size)))

    @pytest.mark.parametrize("size", [64, 100, 150, 200])
    def test_a_large_one(self, tmp_path, size):
        clip = noise(1, 300, 400)
        assert_close(
            video_file(film(tmp_path / "a.mkv", clip)).frames("center", size), scaled(clip[:, :, 50:350], size)
        )

    @pytest.mark.parametrize("extent", [(48, 64), (37, 51), (51, 37), (50, 37)], ids=str)
    @pytest.mark.parametrize("crop", CROPS)
    def test_the_colours_of_most_videos(self, tmp_path, extent, crop):
        path = film(tmp_path / "a.mkv", noise(2, *extent), *LOSSY)
        clip = np.stack(list(decoding.decode(path)))
        for size in (16, 64):
            assert_close(video_file(path).frames(CROPS[crop], size), scaled(cut(clip, CROPS[crop]), size))

    def test_nothing_to_do(self, tmp_path):
        clip = noise(3, 32, 32)
        for footage in (
            video_file(film(tmp_path / "a.mkv", clip)),
            ImageFiles(stills(tmp_path / "a", clip)),
            StripFile(strip(tmp_path / "a.png", clip)),
        ):
            np.testing.assert_array_equal(list(footage.frames("none", 32)), clip)

    def test_a_box_that_does_not_fit_the_video(self, tmp_path):
        with pytest.raises(DataError, match=r"a\.mkv: cannot be decoded as a video: \S"):
            list(video_file(film(tmp_path / "a.mkv", noise())).frames(Box(0, 0, 40, 40), 16))


class TestChoice:
    @pytest.mark.parametrize("every_nth", [1, 2, 3, 7, 30])
    def test_every_nth(self, tmp_path, every_nth):
        clip = numbered(20)
        expected = list(range(0, 20, every_nth))
        assert numbers(video_file(film(tmp_path / "a.mkv", clip), None, every_nth).frames("none", 8)) == expected
        assert numbers(ImageFiles(stills(tmp_path / "a", clip), every_nth).frames("none", 8)) == expected
        assert numbers(StripFile(strip(tmp_path / "a.png", clip), every_nth).frames("none", 8)) == expected

    @pytest.mark.parametrize(("rate", "fps"), [(25, 5), (25, 12.5), (30, 10), (30, 24), (30, 25), (20, 30), (10, 25)])
    def test_fps(self, tmp_path, rate, fps):
        taken = numbers(video_file(film(tmp_path / "a.mkv", numbered(60), rate=rate), fps).frames("none", 8))
        # Each frame goes to the time nearest to its own, and stands until another one has come.
        places = [int(i * fps / rate + 0.5) for i in range(60)]
        end = int(60 * fps / rate + 0.5)
        assert taken == [max(i for i in range(60) if places[i] <= t) for t in range(end)]

    def test_the_same_rate_changes_nothing(self, tmp_path):
        path = film(tmp_path / "a.mkv", numbered(20), rate=25)
        assert numbers(video_file(path, 25).frames("none", 8)) == list(range(20))

    def test_fps_goes_by_time_and_every_nth_by_number(self, tmp_path):
        stamps = ["-vf", "setpts='if(lt(N,10),N,10+(N-10)*5)/25/TB'", "-vsync" if OLD else "-fps_mode", "passthrough"]
        path = film(tmp_path / "a.mkv", numbered(14), *stamps, *LOSSLESS)  # one frame in five from the tenth on
        assert numbers(video_file(path).frames("none", 8)) == list(range(14))
        taken = numbers(video_file(path, 25).frames("none", 8))
        assert taken[:25] == [*range(10), *[10] * 5, *[11] * 5, *[12] * 5]
        assert numbers(video_file(path, 25, 5).frames("none", 8)) == taken[::5]


class TestLook:
    @pytest.mark.parametrize("total", [1, 2, 8, 9, 17, 18, 19, 36, 37, 100, 250])
    def test_frames_are_spread_evenly(self, tmp_path, total):
        clip = numbered(total)
        paths = stills(tmp_path / "a", clip)
        for footage, most in (
            (video_file(film(tmp_path / "a.mkv", clip)), 17),
            (ImageFiles(paths), 9),
            (StripFile(strip(tmp_path / "a.png", clip)), 9),
        ):
            seen = numbers(footage.look(9))
            assert min(total, 9) <= len(seen) <= most
            assert seen[0] == 0
            steps = np.diff([*seen, total])
            assert steps.min() >= 1
            assert np.ptp(steps[:-1]) <= 1 if len(steps) > 1 else True
            assert steps[-1] <= max(steps[:-1], default=total)

    def test_only_frames_that_are_taken(self, tmp_path):
        clip = numbered(40)
        for footage in (
            video_file(film(tmp_path / "a.mkv", clip), None, 5),
            ImageFiles(stills(tmp_path / "a", clip), 5),
            StripFile(strip(tmp_path / "a.png", clip), 5),
        ):
            seen = numbers(footage.look(3))
            assert len(seen) >= 3
            assert set(seen) <= set(range(0, 40, 5))

    @pytest.mark.parametrize(
        ("extent", "looked"), [((960, 1280), (480, 640)), ((700, 490), (685, 480)), ((500, 500), (480, 480))]
    )
    def test_large_frames_are_made_small(self, tmp_path, extent, looked):
        y, x = np.mgrid[: extent[0], : extent[1]]
        clip = np.dstack([x * 255 // extent[1], y * 255 // extent[0], 0 * x + 90])[None].astype(np.uint8)
        for footage in (video_file(film(tmp_path / "a.mkv", clip)), ImageFiles(stills(tmp_path / "a", clip))):
            (frame,) = footage.look(9)
            assert np.abs(np.subtract(frame.shape[:2], looked)).max() <= 1
            assert min(frame.shape[:2]) <= 480
            expected = cv2.resize(clip[0], frame.shape[1::-1], interpolation=cv2.INTER_AREA)
            assert np.abs(frame.astype(int) - expected).max() <= 2

    def test_small_frames_stay(self, tmp_path):
        clip = noise(2, 31, 47)
        np.testing.assert_array_equal(video_file(film(tmp_path / "a.mkv", clip)).look(9), clip)
        np.testing.assert_array_equal(ImageFiles(stills(tmp_path / "a", clip)).look(9), clip)


class TestFilter:
    """What is recorded says all: ffmpeg makes the same frames of it without us."""

    def _by_hand(self, inputs, chain, size):
        passing = ["-vsync" if OLD else "-fps_mode", "passthrough"]
        command = [ffmpeg_program(), "-v", "error", *inputs, "-vf", chain, *passing]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:"]
        pixels = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return np.frombuffer(pixels, np.uint8).reshape(-1, size, size, 3)

    @pytest.mark.parametrize(
        ("codec", "extent"),
        [(LOSSLESS, (51, 37)), (LOSSY, (48, 64)), (LOSSY, (51, 37))],
        ids=["rgb", "yuv", "yuv, odd"],
    )
    @pytest.mark.parametrize("crop", CROPS)
    @pytest.mark.parametrize(("fps", "every_nth"), [(None, 1), (None, 3), (12.5, 2)])
    def test_of_a_video(self, tmp_path, codec, extent, crop, fps, every_nth):
        path = film(tmp_path / "a.mkv", noise(12, *extent), *codec)
        footage = video_file(path, fps, every_nth)
        for size in (16, 64):
            frames = list(footage.frames(CROPS[crop], size))
            by_hand = self._by_hand(["-i", path], footage.filter(CROPS[crop], size), size)
            np.testing.assert_array_equal(frames, by_hand)

    def test_of_a_real_video(self, real_videos):
        footage = video_file(real_videos["carphone_pristine"], None, 10)
        frames = list(footage.frames("center", 64))
        assert len(frames) == 12
        by_hand = self._by_hand(["-i", real_videos["carphone_pristine"]], footage.filter("center", 64), 64)
        np.testing.assert_array_equal(frames, by_hand)

    @pytest.mark.parametrize("every_nth", [1, 4])
    @pytest.mark.parametrize("crop", CROPS)
    def test_of_images(self, tmp_path, crop, every_nth):
        footage = ImageFiles(stills(tmp_path / "a", noise(9, 51, 37)), every_nth)
        for size in (16, 64):
            by_hand = self._by_hand(["-i", tmp_path / "a" / "%04d.png"], footage.filter(CROPS[crop], size), size)
            assert_close(footage.frames(CROPS[crop], size), by_hand)

    def test_of_a_strip_it_is_that_of_images(self, tmp_path):
        clip = noise(9, 20, 20)
        from_strip, from_images = (
            StripFile(strip(tmp_path / "a.png", clip), 2),
            ImageFiles(stills(tmp_path / "a", clip), 2),
        )
        for crop in CROPS.values():
            assert from_strip.filter(crop, 16) == from_images.filter(crop, 16)


class TestImages:
    def test_masks_go_with_their_frames(self, tmp_path):
        clip, masks = noise(4, 37, 51), noise(4, 37, 51, seed=1)
        masks[..., 1:] //= 2  # some colour or other: the lightest channel counts
        paths, mask_paths = stills(tmp_path / "a", clip), stills(tmp_path / "m", masks)
        mask_of = dict(zip(paths, mask_paths, strict=True))
        mask_of[paths[2]] = None
        lightest = masks.max(-1, keepdims=True)
        lightest[2] = 0
        footage = ImageFiles(paths, 1, mask_of.get)
        plain = ImageFiles(paths)
        for crop in CROPS.values():
            for size in (16, 64):
                frames = np.stack(list(footage.frames(crop, size)))
                assert frames.shape == (4, size, size, 4)
                np.testing.assert_array_equal(frames[..., :3], list(plain.frames(crop, size)))
                both = np.concatenate([clip, lightest], axis=-1)
                assert_close(frames, scaled(cut(both, crop), size))
                assert not frames[2, ..., 3].any()

    def test_masks_of_every_nth(self, tmp_path):
        paths, mask_paths = stills(tmp_path / "a", numbered(7)), stills(tmp_path / "m", 10 * numbered(7))
        footage = ImageFiles(paths, 3, dict(zip(paths, mask_paths, strict=True)).get)
        frames = np.stack(list(footage.frames("none", 8)))
        assert frames[:, 0, 0].tolist() == [[0, 0, 0, 0], [3, 3, 3, 30], [6, 6, 6, 60]]

    def test_a_mask_of_another_extent(self, tmp_path):
        paths, mask_paths = stills(tmp_path / "a", noise(2)), stills(tmp_path / "m", noise(2, 24, 31))
        with pytest.raises(DataError, match=r"m/0001\.png: 31 x 24, but its frame is 32 x 24$"):
            list(ImageFiles(paths, 1, dict(zip(paths, mask_paths, strict=True)).get).frames("center", 16))

    def test_a_mask_that_is_not_there(self, tmp_path):
        paths = stills(tmp_path / "a", noise(2))
        with pytest.raises(DataError, match=r"gone\.png: no such file$"):
            list(ImageFiles(paths, 1, lambda path: tmp_path / "gone.png").frames("none", 16))

    def test_a_frame_of_another_size(self, tmp_path):
        paths = stills(tmp_path / "a", noise(5))
        Image.new("RGB", (33, 24)).save(paths[3])
        frames = ImageFiles(paths).frames("none", 16)
        for _ in range(3):
            next(frames)
        with pytest.raises(
            DataError, match=r"0004\.png: 33 x 24, but the video's first frame is 32 x 24; all frames of"
        ):
            next(frames)

    def test_one_that_is_not_taken_may_have_any_size(self, tmp_path):
        paths = stills(tmp_path / "a", numbered(5))
        Image.new("RGB", (33, 24)).save(paths[3])
        assert numbers(ImageFiles(paths, 2).frames("none", 8)) == [0, 2, 4]

    def test_text_by_the_name_of_an_image(self, tmp_path):
        paths = stills(tmp_path / "a", noise(2))
        (tmp_path / "a" / "0003.jpg").write_text("no image")
        with pytest.raises(DataError, match=r"0003\.jpg: cannot be read as an image: not an image$"):
            list(ImageFiles([*paths, tmp_path / "a" / "0003.jpg"]).frames("none", 16))

    def test_none(self):
        with pytest.raises(DataError, match=r"^no images in this folder$"):
            ImageFiles([])

    def test_numbers_that_are_missing(self, tmp_path):
        paths = stills(tmp_path / "a", numbered(9))
        assert ImageFiles(paths).missing == ""
        assert ImageFiles(paths[:3] + paths[4:5] + paths[7:]).missing == "4, 6 to 7"
        assert ImageFiles(paths, 3).missing == ""  # what is left out on purpose is not missing

    def test_they_are_turned_as_exif_says(self, tmp_path):
        clip = noise(2)
        paths = stills(tmp_path / "a", clip)
        exif = Image.Exif()
        exif[0x0112] = 6
        for path, frame in zip(paths, clip, strict=True):
            Image.fromarray(frame).save(path, exif=exif)
        footage = ImageFiles(paths)
        assert footage.extent() == (32, 24)
        assert_close(footage.frames("none", 16), scaled(np.rot90(clip, -1, axes=(1, 2)), 16))


def test_a_strip_that_is_none(tmp_path):
    Image.new("RGB", (30, 8)).save(tmp_path / "s.png")
    with pytest.raises(DataError, match=r"s\.png: 30 x 8: a strip holds square frames"):
        StripFile(tmp_path / "s.png")


def test_a_damaged_video(tmp_path):
    path = film(tmp_path / "a.mkv", noise(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    footage = video_file(path)
    assert footage.extent() == (24, 32)
    with pytest.raises(DataError, match=r"a\.mkv: damaged after \d+ frames: \S"):
        list(footage.frames("center", 16))
    with pytest.raises(DataError, match=r"a\.mkv: damaged after \d+ frames: \S"):
        footage.look(9)


class TestMemory:
    """Two thousand frames of 64 x 64 are 24 MB; a few of them are there at a time."""

    def _peak(self, footage):
        tracemalloc.start()
        try:
            assert sum(1 for _ in footage.frames("center", 64)) == 2000
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_of_a_long_video(self, tmp_path):
        path = film(tmp_path / "a.avi", np.zeros((2000, 64, 64, 3), np.uint8), "-c:v", "mjpeg")
        assert self._peak(video_file(path)) < 4 << 20

    def test_of_many_images(self, tmp_path):
        (path,) = stills(tmp_path / "a", noise(1, 64, 64))
        assert self._peak(ImageFiles([path] * 2000)) < 4 << 20
