"""Videos to and from files, read back by Pillow and OpenCV rather than by the code under test."""

import io
import os
import re
import stat
import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, DataError, OutputError


def noise(t=5, height=12, width=20, seed=0, levels=256):
    step = 256 // levels
    return (np.random.default_rng(seed).integers(0, levels, (t, height, width, 3)) * step).astype(np.uint8)


def read_gif(data):
    """Return frames, delays in milliseconds and the loop count (0: for ever), as Pillow sees them."""
    frames, delays = [], []
    with Image.open(io.BytesIO(data)) as image:
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.array(image.convert("RGB")))
            delays.append(image.info["duration"])
        return np.stack(frames), delays, image.info["loop"]


def read_mp4(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1])
    return np.stack(frames), capture.get(cv2.CAP_PROP_FPS)


class TestGif:
    def test_few_colours_are_kept_exactly(self):
        clip = noise(levels=4)
        frames, _, loop = read_gif(video.encode_gif(clip, 10))
        np.testing.assert_array_equal(frames, clip)
        assert loop == 0

    def test_many_colours_are_close(self):
        y, x = np.mgrid[:48, :64]
        clip = np.stack([np.stack([x * 4, y * 5, (x + y + 9 * t) * 2 % 256], -1) for t in range(4)]).astype(np.uint8)
        assert len(np.unique(clip.reshape(-1, 3), axis=0)) > 5000
        frames, _, _ = read_gif(video.encode_gif(clip, 10))
        error = np.abs(frames.astype(int) - clip)
        assert error.mean() < 12
        assert error.max() < 80

    def test_a_still_picture_of_many_colours_does_not_flicker(self):
        clip = noise(1, 40, 40).repeat(3, axis=0)
        clip[1, 0, 0] = 0  # one pixel moves
        frames, _, _ = read_gif(video.encode_gif(clip, 10))
        assert len(frames) == 3
        np.testing.assert_array_equal(frames[0, 1:], frames[1, 1:])
        np.testing.assert_array_equal(frames[0, 1:], frames[2, 1:])

    def test_a_small_shape_keeps_its_colour_beside_noise(self):
        clip = noise(2, 100, 100) // 4
        clip[:, 40:43, 40:43] = (255, 0, 128)
        frames, _, _ = read_gif(video.encode_gif(clip, 10))
        assert np.abs(frames[:, 40:43, 40:43].astype(int) - (255, 0, 128)).max() < 16

    @pytest.mark.parametrize("side", [4, 8, 14])
    def test_a_plain_shape_keeps_its_colour_in_strong_noise(self, side):
        clip = np.random.default_rng(0).normal(120, 25, (8, 64, 64, 3)).clip(0, 255).astype(np.uint8)
        clip[:, 10 : 10 + side, 10 : 10 + side] = (255, 0, 0)
        frames, _, _ = read_gif(video.encode_gif(clip, 10))
        assert np.abs(frames[:, 10 : 10 + side, 10 : 10 + side].astype(int) - (255, 0, 0)).max() < 6
        assert np.abs(frames.astype(int) - clip).mean() < 5

    def test_equal_frames_are_all_there(self):
        frames, delays, _ = read_gif(video.encode_gif(np.zeros((7, 8, 8, 3), np.uint8), 10))
        assert frames.shape == (7, 8, 8, 3)
        assert delays == [100] * 7

    @pytest.mark.parametrize("fps", [8, 12.5, 24, 25, 30])
    def test_it_lasts_as_long_as_the_video(self, fps):
        _, delays, _ = read_gif(video.encode_gif(np.zeros((30, 4, 4, 3), np.uint8), fps))
        assert abs(sum(delays) - 30 * 1000 / fps) <= 5
        assert max(delays) - min(delays) <= 10

    def test_no_delay_is_so_short_that_players_ignore_it(self):
        _, delays, _ = read_gif(video.encode_gif(np.zeros((5, 4, 4, 3), np.uint8), 100))
        assert delays == [20] * 5

    def test_the_same_video_gives_the_same_bytes(self):
        assert video.encode_gif(noise(), 10) == video.encode_gif(noise(), 10)

    def test_one_frame(self):
        assert read_gif(video.encode_gif(noise(1, levels=2), 10))[0].shape == (1, 12, 20, 3)

    @pytest.mark.parametrize("extent", [(4, 65536), (65536, 4)])
    def test_a_side_longer_than_a_gif_has(self, tmp_path, extent):
        clip = np.zeros((1, *extent, 3), np.uint8)
        match = (
            rf"a\.gif: {extent[1]} x {extent[0]} pixels, but a GIF has at most 65535 a side; write another format, or"
        )
        with pytest.raises(OutputError, match=match):
            video.write_gif(tmp_path / "a.gif", clip, 10)
        with pytest.raises(OutputError, match="a GIF has at most 65535 a side"):
            video.encode_gif(clip, 10)
        assert list(tmp_path.iterdir()) == []

    def test_it_is_written_where_asked(self, tmp_path):
        path = tmp_path / "new folder" / "clip.gif"
        video.write_gif(path, noise(), 10)
        assert path.read_bytes() == video.encode_gif(noise(), 10)
        assert [p.name for p in path.parent.iterdir()] == ["clip.gif"]

    @pytest.mark.parametrize("fps", [0, -1, 1000])
    def test_fps_out_of_range(self, fps):
        with pytest.raises(ConfigError, match=rf"fps={fps}: it must be between 0.1 and 240"):
            video.encode_gif(noise(), fps)

    @pytest.mark.parametrize("shape", [(8, 8, 3), (2, 8, 8), (2, 8, 8, 4), (0, 8, 8, 3)])
    def test_only_videos(self, shape):
        with pytest.raises(ValueError, match="uint8 \\(T, H, W, 3\\)"):
            video.encode_gif(np.zeros(shape, np.uint8), 10)

    def test_only_uint8(self):
        with pytest.raises(ValueError, match="float32"):
            video.encode_gif(np.zeros((2, 8, 8, 3), np.float32), 10)


class TestMp4:
    def test_colours_order_and_rate(self, tmp_path):
        clip = np.zeros((6, 48, 64, 3), np.uint8)
        colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (20, 20, 20), (230, 230, 230)]
        clip[:] = np.array(colours, np.uint8)[:, None, None]
        path = tmp_path / "a clip ü.mp4"
        video.write_mp4(path, clip, 12)
        frames, fps = read_mp4(path)
        assert frames.shape == clip.shape
        assert fps == pytest.approx(12)
        assert np.abs(frames.astype(int) - clip).max() < 12
        assert [p.name for p in tmp_path.iterdir()] == ["a clip ü.mp4"]

    def test_anybody_may_read_it_whom_the_mask_allows(self, tmp_path):
        video.write_mp4(tmp_path / "a.mp4", noise(2, 16, 16), 8)
        (tmp_path / "plain").touch()
        modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.mp4", "plain")}
        assert len(modes) == 1

    def test_pixels_are_yuv420p(self, tmp_path):
        video.write_mp4(tmp_path / "a.mp4", noise(2, 16, 16), 8)
        data = (tmp_path / "a.mp4").read_bytes()
        profile = data[data.index(b"avcC") + 5]
        assert profile in (66, 77, 100)  # Baseline, Main, High; 244 would be yuv444p, which players refuse
        assert data.index(b"moov") < data.index(b"mdat")  # plays while it loads

    def test_it_says_how_its_colours_are_coded(self, tmp_path):
        """Of 720 rows and more, players would else take them for those of HDTV."""
        video.write_mp4(tmp_path / "a.mp4", np.zeros((2, 720, 16, 3), np.uint8), 8)
        command = [video.ffmpeg_program(), "-hide_banner", "-i", tmp_path / "a.mp4"]
        said = subprocess.run(command, capture_output=True, text=True).stderr
        assert re.search(r"yuv420p\(tv, smpte170m[/,)]", said)

    def test_odd_sizes_get_their_last_row_and_column_again(self, tmp_path):
        clip = np.full((3, 33, 47, 3), 60, np.uint8)
        clip[:, :, -1] = 220
        video.write_mp4(tmp_path / "odd.mp4", clip, 8)
        frames, _ = read_mp4(tmp_path / "odd.mp4")
        assert frames.shape == (3, 34, 48, 3)
        assert np.abs(frames[:, :, 46:].astype(int) - 220).max() < 30

    def test_a_fractional_rate(self, tmp_path):
        video.write_mp4(tmp_path / "a.mp4", noise(4, 16, 16), float(Fraction(30000, 1001)))
        assert read_mp4(tmp_path / "a.mp4")[1] == pytest.approx(29.97, abs=0.01)

    @pytest.fixture
    def failing(self, tmp_path, monkeypatch):
        """Have an ffmpeg that says these lines and fails."""

        def fail(*lines):
            program = tmp_path / "ffmpeg"
            knows = "case $* in *-encoders) echo ' V....D libx264 H.264'; exit 0;; esac"
            said = "\n".join(f"echo '{line}' >&2" for line in lines)
            program.write_text(f"#!/bin/sh\n{knows}\n{said}\nexit 1\n")
            program.chmod(0o755)
            monkeypatch.setattr(video, "ffmpeg_program", lambda: str(program))

        return fail

    def test_a_full_disk(self, tmp_path, failing):
        failing("[out#0/mp4] Error writing trailer: No space left on device", "Conversion failed!")
        with pytest.raises(OutputError, match=r"clip\.mp4: cannot be written: the disk is full; free some space"):
            video.write_mp4(tmp_path / "clip.mp4", noise(), 8)

    def test_a_failure_leaves_the_old_file(self, tmp_path, failing):
        failing("first", "the last line")
        path = tmp_path / "clip.mp4"
        path.write_bytes(b"old")
        with pytest.raises(OutputError, match=r"clip\.mp4: ffmpeg failed: the last line$"):
            video.write_mp4(path, noise(), 8)
        assert path.read_bytes() == b"old"
        assert {p.name for p in tmp_path.iterdir()} == {"ffmpeg", "clip.mp4"}

    @pytest.fixture
    def poor(self, tmp_path, monkeypatch):
        """The first ffmpeg on the PATH writes no H.264."""
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho ' V....D mpeg4 MPEG-4'\n")
        program.chmod(0o755)
        monkeypatch.setattr(video, "ffmpeg_program", lambda: str(program))
        return program

    def test_another_ffmpeg_where_the_first_writes_no_h264(self, tmp_path, poor):
        video.write_mp4(tmp_path / "a.mp4", noise(), 8)
        assert len(read_mp4(tmp_path / "a.mp4")[0]) == len(noise())

    @pytest.mark.parametrize("has_another", [True, False])
    def test_no_ffmpeg_writes_h264(self, tmp_path, poor, monkeypatch, has_another):
        def another():
            if has_another:
                return str(poor)
            raise RuntimeError("No ffmpeg exe could be found.")

        monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", another)
        with pytest.raises(OutputError, match=r"bin/ffmpeg: it has no libx264, which writes MP4; install another"):
            video.write_mp4(tmp_path / "out" / "a.mp4", noise(), 8)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("folder", ["run:1", "-out", "http:x", os.fsdecode(b"caf\xe9")])
    def test_any_place(self, tmp_path, monkeypatch, folder):
        """It is no address, no option, and need not be UTF-8."""
        monkeypatch.chdir(tmp_path)
        try:
            Path(folder).mkdir()
        except OSError:
            pytest.skip("no such name here")
        video.write_mp4(Path(folder, "a.mp4"), noise(), 8)
        (tmp_path / "b.mp4").write_bytes(Path(folder, "a.mp4").read_bytes())
        assert len(read_mp4(tmp_path / "b.mp4")[0]) == len(noise())

    def test_wider_than_h264(self, tmp_path):
        with pytest.raises(OutputError, match=r"a\.mp4: 16386 x 8 pixels, but H.264 has at most 16384 a side; write"):
            video.write_mp4(tmp_path / "a.mp4", np.zeros((1, 8, 16386, 3), np.uint8), 8)

    def test_without_any_ffmpeg(self, tmp_path, monkeypatch):
        def absent():
            raise RuntimeError("No ffmpeg exe could be found.")

        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", absent)
        with pytest.raises(OutputError, match="no ffmpeg on the PATH or in imageio-ffmpeg; install either"):
            video.write_mp4(tmp_path / "a.mp4", noise(), 8)

    def test_the_ffmpeg_on_the_path_comes_first(self, tmp_path, monkeypatch):
        program = tmp_path / "ffmpeg"
        program.write_text("")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert video.ffmpeg_program() == str(program)

    def test_a_file_in_the_place_of_the_folder(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="a file stands where a folder is needed"):
            video.write_mp4(tmp_path / "file" / "a.mp4", noise(), 8)


class TestFrames:
    def test_there_and_back(self, tmp_path):
        paths = video.write_frames(tmp_path / "out", noise(11))
        assert [p.name for p in paths] == [f"{i:04d}.png" for i in range(1, 12)]
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [p.name for p in paths]
        np.testing.assert_array_equal(np.stack([np.array(Image.open(p)) for p in paths]), noise(11))
        np.testing.assert_array_equal(video.read_frames(paths), noise(11))

    def test_a_shorter_one_takes_its_place_and_nothing_else(self, tmp_path):
        video.write_frames(tmp_path, noise(5))
        (tmp_path / "0005.png").rename(tmp_path / "10000.png")
        for name in ("20240101_photo.png", "0003_b.png"):
            (tmp_path / name).touch()
        video.write_frames(tmp_path, noise(2))
        assert {p.name for p in tmp_path.iterdir()} == {"0001.png", "0002.png", "20240101_photo.png", "0003_b.png"}

    @pytest.mark.parametrize("name", ["0001.png", "0050.png", "12345.png"])
    def test_frames_of_another_program_stay(self, tmp_path, name):
        video.write_frames(tmp_path, noise(3))
        Image.fromarray(noise(1)[0]).save(tmp_path / name)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        match = rf"this program did not make or that an earlier version of it made \({name}\), and the frames of a"
        with pytest.raises(OutputError, match=match):
            video.write_frames(tmp_path, noise(2))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    @pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
    def test_what_is_transparent_is_white(self, tmp_path, mode):
        picture = Image.new("RGBA", (4, 3), (90, 90, 90, 255))
        picture.putpixel((1, 2), (255, 0, 0, 0))
        picture.convert(mode).save(tmp_path / "a.png")
        found = video.read_image(tmp_path / "a.png")
        assert found[2, 1].tolist() == [255, 255, 255]
        assert (np.delete(found.reshape(-1, 3), 9, axis=0) == 90).all()

    def test_other_sizes_within_a_video(self, tmp_path):
        Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
        Image.new("RGB", (8, 7)).save(tmp_path / "b.png")
        with pytest.raises(DataError, match=r"b\.png: 8 x 7, but the video's first frame is 8 x 6; all frames"):
            video.read_frames([tmp_path / "a.png", tmp_path / "b.png"])

    def test_no_frames(self):
        with pytest.raises(DataError, match="at least one frame"):
            video.read_frames([])


class TestImage:
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
    def test_every_mode_comes_as_rgb(self, tmp_path, mode):
        colour = Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode)
        path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
        colour.save(path)
        image = video.read_image(path)
        assert (image.shape, image.dtype) == ((4, 5, 3), np.uint8)
        assert image.min() > 250

    def test_red_comes_first(self, tmp_path):
        Image.new("RGB", (2, 2), (10, 20, 30)).save(tmp_path / "a.PNG")
        assert video.read_image(tmp_path / "a.PNG")[0, 0].tolist() == [10, 20, 30]

    @pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
    def test_a_tiff_is_turned_once(self, tmp_path, options):
        exif = Image.Exif()
        exif[0x0112] = 6
        picture = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "a.tif", exif=exif, **options)
        np.testing.assert_array_equal(video.read_image(tmp_path / "a.tif"), np.rot90(picture, -1))

    def test_it_is_turned_as_exif_says(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
        picture = np.zeros((4, 8, 3), np.uint8)
        picture[:, :4] = 255
        Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
        image = video.read_image(tmp_path / "a.png")
        assert image.shape == (8, 4, 3)
        assert image[:4].min() == 255
        assert image[4:].max() == 0

    @pytest.mark.parametrize("suffix", ["tif", "webp", "png"])
    def test_a_stack_is_no_single_picture(self, tmp_path, suffix):
        first, *others = [Image.new("RGB", (8, 8), (50 * i, 0, 0)) for i in range(3)]
        first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=others)
        match = rf"a\.{suffix}: it holds several pictures; save it as a video or as a folder of images$"
        with pytest.raises(DataError, match=match):
            video.read_image(tmp_path / f"a.{suffix}")

    def test_smaller_copies_of_a_picture(self, tmp_path):
        first, copy, other = (Image.new("RGB", (size, size), (90, size, 0)) for size in (16, 8, 12))
        copy.encoderinfo = {"tiffinfo": {254: 1}}
        first.save(tmp_path / "a.tif", save_all=True, append_images=[copy])
        assert video.read_image(tmp_path / "a.tif")[0, 0].tolist() == [90, 16, 0]
        first.save(tmp_path / "a.tif", save_all=True, append_images=[copy, other])
        with pytest.raises(DataError, match="holds several pictures"):
            video.read_image(tmp_path / "a.tif")

    def test_what_a_camera_adds_to_a_picture(self, tmp_path):
        first, depth = (Image.new("RGB", (16, 16), (90, value, 0)) for value in (10, 200))
        first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[depth])
        assert np.abs(video.read_image(tmp_path / "a.jpg")[0, 0] - np.array([90, 10, 0])).max() < 6

    @pytest.mark.parametrize("suffix", ["png", "jpg"])
    def test_a_cut_off_file(self, tmp_path, suffix):
        path = tmp_path / f"cut.{suffix}"
        Image.fromarray(noise(1, 64, 64)[0]).save(path)
        path.write_bytes(path.read_bytes()[:-2000])
        with pytest.raises(DataError, match=rf"cut\.{suffix}: cannot be read as an image: \S+"):
            video.read_image(path)

    def test_text_with_the_suffix_of_an_image(self, tmp_path):
        (tmp_path / "a.jpg").write_text("no image")
        with pytest.raises(DataError, match=r"a\.jpg: cannot be read as an image: not an image$"):
            video.read_image(tmp_path / "a.jpg")

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(DataError, match=r"gone\.png: no such file$"):
            video.read_image(tmp_path / "gone.png")

    def test_a_folder(self, tmp_path):
        with pytest.raises(DataError, match="not a file"):
            video.read_image(tmp_path)

    def test_sixteen_bits_are_refused_rather_than_clipped(self, tmp_path):
        Image.fromarray(np.full((4, 4), 300, np.uint16)).save(tmp_path / "deep.png")
        with pytest.raises(DataError, match=r"deep\.png: more than 8 bits per channel"):
            video.read_image(tmp_path / "deep.png")


class TestStrip:
    def test_the_first_frame_is_at_the_left(self, tmp_path):
        clip = noise(3, 8, 8)
        Image.fromarray(np.concatenate(list(clip), axis=1)).save(tmp_path / "s.png")
        np.testing.assert_array_equal(video.read_strip(tmp_path / "s.png"), clip)

    def test_frames_that_are_not_square(self, tmp_path):
        Image.new("RGB", (30, 8)).save(tmp_path / "s.png")
        with pytest.raises(DataError, match=r"s\.png: 30 x 8: a strip holds square frames .* multiple of its height"):
            video.read_strip(tmp_path / "s.png")


def weights(old, new):
    """How much of each old pixel goes into each new one: by area where that shrinks, else bilinear."""
    table = np.zeros((new, old))
    for i in range(new):
        if new < old:
            first, last = i * old / new, (i + 1) * old / new
            for j in range(old):
                table[i, j] = max(0, min(last, j + 1) - max(first, j)) * new / old
        else:
            middle = (i + 0.5) * old / new - 0.5
            left, part = int(np.floor(middle)), middle % 1
            table[i, max(left, 0)] += 1 - part
            table[i, min(left + 1, old - 1)] += part
    return table


class TestResize:
    def test_shrinking_averages_areas(self):
        clip = noise(2, 8, 8)
        expected = clip.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
        assert np.abs(video.resize(clip, 4) - expected).max() <= 0.5

    def test_growing_is_bilinear(self):
        clip = np.zeros((1, 2, 2, 3), np.uint8)
        clip[:, :, 1] = 200
        assert video.resize(clip, 4)[0, 0, :, 0].tolist() == [0, 50, 150, 200]

    def test_the_same_size_stays(self):
        np.testing.assert_array_equal(video.resize(noise(2, 8, 8), 8), noise(2, 8, 8))

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize(
        ("extent", "goal"),
        [
            ((12, 30), (6, 10)),
            ((7, 9), (20, 31)),
            ((8, 20), (16, 5)),  # one axis grows and one shrinks
            ((20, 8), (7, 32)),
            ((8, 20), (8, 9)),
            ((8, 20), (9, 20)),
            ((40, 40), (17, 40)),
            ((5, 5), (5, 5)),
        ],
    )
    def test_each_axis_by_itself(self, extent, goal, channels):
        clip = np.random.default_rng(0).integers(0, 256, (2, *extent, channels), dtype=np.uint8)
        expected = np.einsum("ih,thwc,jw->tijc", weights(extent[0], goal[0]), clip, weights(extent[1], goal[1]))
        resized = video.resize(clip, *goal)
        assert (resized.shape, resized.dtype) == ((2, *goal, channels), np.uint8)
        assert np.abs(resized - np.rint(expected)).max() <= 1

    def test_an_oblong_becomes_square(self):
        np.testing.assert_array_equal(video.resize(noise(2, 8, 20), 6), video.resize(noise(2, 8, 20), 6, 6))


class TestGrid:
    def test_videos_go_from_left_to_right_and_down(self):
        clips = np.stack([np.full((3, 4, 6, 3), 10 * i, np.uint8) for i in range(1, 6)])
        sheet = video.grid(clips, columns=2, gap=1)
        assert sheet.shape == (3, 3 * 4 + 2, 2 * 6 + 1, 3)
        corners = sheet[0, ::5, ::7, 0]
        assert corners.tolist() == [[10, 20], [30, 40], [50, video.GAP_COLOUR]]
        assert (sheet[:, 4] == video.GAP_COLOUR).all()
        assert (sheet[:, :, 6] == video.GAP_COLOUR).all()

    def test_each_frame_stays_in_its_place_in_time(self):
        clips = noise(4 * 5, 6, 6).reshape(4, 5, 6, 6, 3)
        sheet = video.grid(clips, columns=2)
        np.testing.assert_array_equal(sheet[:, 8:, 8:], clips[3])

    def test_fewer_videos_than_columns(self):
        assert video.grid(np.zeros((2, 1, 4, 4, 3), np.uint8), columns=8).shape == (1, 4, 10, 3)


class TestSpread:
    @pytest.mark.parametrize(
        ("length", "most", "places"),
        [(5, 8, [0, 1, 2, 3, 4]), (11, 3, [0, 5, 10]), (8, 3, [0, 4, 7]), (1, 4, [0]), (5, 1, [0])],
    )
    def test_the_first_and_the_last_are_among_them(self, length, most, places):
        assert video.spread(length, most) == places

    def test_none_comes_twice(self):
        for length in range(1, 60):
            for most in range(1, 60):
                assert len(set(video.spread(length, most))) == min(length, most)


class TestForeignImages:
    def test_too_many_pixels(self, tmp_path, monkeypatch):
        Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
        assert video.read_image(tmp_path / "a.png").shape == (20, 30, 3)
        monkeypatch.setattr(video.opened_image.__wrapped__, "__defaults__", (599,))
        with pytest.raises(DataError, match=r"a\.png: 30 x 20, but at most 599 pixels are read"):
            video.read_image(tmp_path / "a.png")

    @pytest.mark.parametrize(
        "start", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"8BPS\0\1", b"\xd7\xcd\xc6\x9a"]
    )
    def test_forms_that_no_frame_has(self, tmp_path, start):
        """Pillow would hand the first to Ghostscript, which runs it."""
        (tmp_path / "a.png").write_bytes(start + bytes(200))
        with pytest.raises(DataError, match="not an image"):
            video.read_image(tmp_path / "a.png")
