"""Decoding, against pixels that went into the file without loss, and against files that are not what they say."""

import functools
import itertools
import os
import re
import shutil
import struct
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import decoding, video
from mocogan_chainer.errors import DataError, OutputError

LOSSLESS = {
    ".avi": ["-c:v", "ffv1", "-pix_fmt", "bgr0"],
    ".mkv": ["-c:v", "ffv1", "-pix_fmt", "bgr0"],
    ".mov": ["-c:v", "png"],
    ".mp4": ["-c:v", "libx264rgb", "-qp", "0", "-g", "10"],
    ".webm": ["-c:v", "libvpx-vp9", "-lossless", "1", "-pix_fmt", "gbrp"],
}
OLD = re.match(r"n?[1-4]\.", decoding.version()) is not None
PASSTHROUGH = ["-vsync" if OLD else "-fps_mode", "passthrough"]


def noise(t=6, height=24, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (t, height, width, 3), dtype=np.uint8)


def smooth(t=6, height=24, width=32):
    """Frames without sharp edges, each brighter than the one before."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.dstack([x * 200 // width, y * 200 // height, 0 * x + 80]) + 9 * i for i in range(t)]).astype(
        np.uint8
    )


def ffmpeg(*arguments, **how):
    return subprocess.run([video.ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)], check=True, **how)


def encode(path, clip, *arguments, rate=25, like=None):
    """Write frames into a file, without loss unless the arguments say otherwise."""
    size = f"{clip.shape[2]}x{clip.shape[1]}"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "pipe:"]
    codec = LOSSLESS.get((like or path.suffix).lower(), [])
    ffmpeg(*raw, *codec, *arguments, f"file:{path}", input=clip.tobytes())
    return path


def read(path, filters="", **how):
    return np.stack(list(decoding.decode(path, filters, **how)))


def read_until_fault(path, **how):
    """Return the frames that came and the message."""
    frames = []
    with pytest.raises(DataError) as caught:
        for frame in decoding.decode(path, **how):
            frames.append(frame)
    return frames, str(caught.value)


class TestFrames:
    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_every_pixel_of_every_frame(self, tmp_path, suffix):
        frames = list(decoding.decode(encode(tmp_path / f"a{suffix}", noise())))
        assert {(frame.shape, frame.dtype.name) for frame in frames} == {((24, 32, 3), "uint8")}
        np.testing.assert_array_equal(frames, noise())

    def test_every_pixel_of_a_gif(self, tmp_path):
        levels = np.random.default_rng(0).integers(0, 64, (5, 24, 32), dtype=np.uint8)
        palette = np.random.default_rng(1).integers(0, 256, (64, 3), dtype=np.uint8)
        pictures = [Image.fromarray(frame) for frame in levels]
        for picture in pictures:
            picture.putpalette(palette.tobytes())
        pictures[0].save(tmp_path / "a.GIF", save_all=True, append_images=pictures[1:], optimize=False, duration=40)
        np.testing.assert_array_equal(read(tmp_path / "a.GIF"), palette[levels])

    @pytest.mark.parametrize("extent", [(1, 1), (25, 33), (2, 300)])
    def test_any_extent(self, tmp_path, extent):
        clip = noise(3, *extent)
        np.testing.assert_array_equal(read(encode(tmp_path / "a.mkv", clip)), clip)

    def test_grey_comes_as_three_channels(self, tmp_path):
        path = encode(tmp_path / "a.mkv", noise()[..., :1].repeat(3, -1), "-pix_fmt", "gray")
        np.testing.assert_array_equal(read(path), noise()[..., :1].repeat(3, -1))

    def test_the_first_video_of_several_and_no_sound(self, tmp_path):
        encode(tmp_path / "a.mkv", noise(seed=1))
        encode(tmp_path / "b.mkv", noise(seed=2))
        sound = ["-f", "lavfi", "-i", "sine=d=0.3"]
        inputs = ["-i", tmp_path / "a.mkv", "-i", tmp_path / "b.mkv"]
        ffmpeg(*sound, *inputs, *("-map", 0, "-map", 2, "-map", 1), "-c:v", "copy", tmp_path / "both.mkv")
        np.testing.assert_array_equal(read(tmp_path / "both.mkv"), noise(seed=2))

    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_it_is_turned_as_its_container_says(self, tmp_path, turns):
        path = encode(tmp_path / "a.mp4", noise())
        data = path.read_bytes()
        upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
        a, b = ((0, 1), (-1, 0), (0, -1))[turns - 1]  # x' = a x - b y, y' = b x + a y: clockwise, for y goes down
        turned = struct.pack(">9i", a << 16, b << 16, 0, -b << 16, a << 16, 0, 0, 0, 1 << 30)
        place = data.index(upright, data.index(b"tkhd"))
        path.write_bytes(data[:place] + turned + data[place + len(turned) :])
        np.testing.assert_array_equal(read(path), np.rot90(noise(), -turns, axes=(1, 2)))

    def test_filters(self, tmp_path):
        path = encode(tmp_path / "a.mkv", noise())
        np.testing.assert_array_equal(read(path, "vflip,crop=10:8:3:5"), noise()[:, ::-1][:, 5:13, 3:13])

    @pytest.mark.parametrize(
        ("suffix", "codec", "pixels"),
        [(".mov", "png", "rgba"), (".mov", "qtrle", "argb"), (".mkv", "ffv1", "bgra"), (".mkv", "ffv1", "yuva444p")],
    )
    def test_what_is_transparent_is_white(self, tmp_path, suffix, codec, pixels):
        clip = smooth()
        alpha = np.full((*clip.shape[:3], 1), 255, np.uint8)
        alpha[:, 8:16], alpha[:, 16:] = 0, 100
        raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", "32x24", "-r", 25, "-i", "pipe:"]
        path = tmp_path / f"a{suffix}"
        ffmpeg(*raw, "-c:v", codec, "-pix_fmt", pixels, path, input=np.concatenate([clip, alpha], -1).tobytes())
        found = read(path, "vflip")[:, ::-1]
        near = 3 if pixels.startswith("yuv") else 0
        assert np.abs(found[:, :8].astype(int) - clip[:, :8]).max() <= near
        assert (found[:, 8:16] == 255).all()
        mixed = (clip[:, 16:] * 100.0 + 255 * 155) / 255
        assert np.abs(found[:, 16:] - mixed).max() <= near + 2

    def test_the_fourth_byte_of_raw_pixels_is_no_transparency(self, tmp_path):
        clear = ["-vf", "format=rgba,lutrgb=a=0", "-pix_fmt", "argb"]
        path = encode(tmp_path / "a.mov", smooth(), "-c:v", "rawvideo", *clear)
        np.testing.assert_array_equal(read(path), smooth())

    @pytest.mark.parametrize(("count", "expected"), [(1, 1), (4, 4), (6, 6), (100, 6)])
    def test_count(self, tmp_path, count, expected):
        frames = read(encode(tmp_path / "a.mp4", noise()), count=count)
        np.testing.assert_array_equal(frames, noise()[:expected])

    def test_threads_do_not_change_frames(self, tmp_path):
        path = tmp_path / "a.mp4"
        encode(path, smooth(30, 48, 64), "-c:v", "libx264", "-qp", 30, "-bf", 3, "-pix_fmt", "yuv420p", like=".none")
        one = read(path, threads=1)
        assert len(one) == 30
        for threads in (0, 2, 5):
            np.testing.assert_array_equal(read(path, threads=threads), one)

    @pytest.mark.parametrize(("name", "extent"), [("bigbuckbunny", (720, 1280)), ("bikes", (272, 640))])
    def test_real_videos(self, real_videos, name, extent):
        self._same_as_opencv(real_videos[name], extent, {"bigbuckbunny": 132, "bikes": 250}[name])

    def test_a_real_talking_face(self, real_videos):
        self._same_as_opencv(real_videos["carphone_pristine"], (144, 176), 120)

    def _same_as_opencv(self, path, extent, count):
        capture = cv2.VideoCapture(str(path))
        frames = 0
        for frame in decoding.decode(path):
            expected = capture.read()[1][..., ::-1]
            assert frame.shape == expected.shape == (*extent, 3)
            if frames % 10 == 0:
                assert np.abs(frame.astype(int) - expected).mean() < 1
            frames += 1
        assert frames == count
        assert not capture.read()[0]


class TestTime:
    """Every frame once, whatever its time stamp."""

    @pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
    @pytest.mark.parametrize(
        "stamps",
        [
            "(N+1000)/25",  # begins late
            "(N+N*N*N)/25",  # slower and slower
            "if(lt(N,5),N,if(lt(N,8),5+(N-5)/50,40*N))/25",  # bursts and pauses
            "if(eq(N,9),3600,N/25)",  # the last after an hour
        ],
    )
    def test_variable_rate(self, tmp_path, suffix, stamps):
        stamped = ["-vf", f"setpts='({stamps})/TB'", *PASSTHROUGH]
        encode(tmp_path / "first.mkv", noise(10), *stamped, like=suffix)
        ffmpeg("-i", tmp_path / "first.mkv", "-c", "copy", tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(read(tmp_path / f"a{suffix}"), noise(10))

    def test_equal_stamps(self, tmp_path):
        stamps = ["-vf", "settb=1/1000,setpts='floor(N/2)'", *PASSTHROUGH, "-enc_time_base", "1/1000"]
        np.testing.assert_array_equal(read(encode(tmp_path / "a.mkv", noise(10), *stamps)), noise(10))

    @pytest.mark.parametrize("rate", ["1/7", "1/600", "30000/1001", "1000"])
    def test_any_rate(self, tmp_path, rate):
        np.testing.assert_array_equal(read(encode(tmp_path / "a.mp4", noise(10), rate=rate)), noise(10))

    def test_one_every_nth_of_a_slow_video(self, tmp_path):
        path = encode(tmp_path / "a.mp4", noise(10), rate="1/7")
        np.testing.assert_array_equal(read(path, "select='not(mod(n,3))'"), noise(10)[::3])

    def test_the_form_of_the_pixels_changes_midway(self, tmp_path):
        frames = read(self._joined(tmp_path, smooth(), smooth(), "mjpeg", ["yuvj420p", "yuvj444p"]))
        assert frames.shape == (18, 24, 32, 3)
        np.testing.assert_array_equal(frames[12:], frames[:6])
        for part in (frames[:6], frames[6:12]):
            assert np.abs(part.astype(int) - smooth()).max() < 16

    @pytest.mark.parametrize(
        ("codec", "pixels"), [("mjpeg", ["yuvj420p", "yuvj444p"]), ("mjpeg", ["yuvj420p"] * 2), ("png", ["rgb24"] * 2)]
    )
    def test_the_size_changes_midway(self, tmp_path, codec, pixels):
        path = self._joined(tmp_path, smooth(), smooth(6, 48, 64), codec, pixels)
        for filters, expected in (("", smooth()), ("crop=10:8:20:14", smooth()[:, 14:22, 20:30])):
            frames = read(path, filters)
            assert frames.shape == (18, *expected.shape[1:])
            for part in (frames[:6], frames[6:12], frames[12:]):
                assert np.abs(part.astype(int) - expected).max() < 16

    def _joined(self, folder, first, second, codec, pixels):
        """A file of the first clip, the second and the first again, each with its own form of pixels."""
        for name, clip, form in zip("ab", (first, second), pixels, strict=True):
            encode(folder / f"{name}.avi", clip, "-c:v", codec, "-q:v", 1, "-pix_fmt", form, like=".none")
        (folder / "list.txt").write_text("file a.avi\nfile b.avi\nfile a.avi\n")
        ffmpeg("-f", "concat", "-i", folder / "list.txt", "-c", "copy", folder / "joined.mkv")
        return folder / "joined.mkv"


@pytest.fixture(scope="module")
def two_files(tmp_path_factory):
    """A video of three frames, and another one of two."""
    folder = tmp_path_factory.mktemp("two")
    return encode(folder / "a.mp4", noise(3)), encode(folder / "b.mp4", noise(2, seed=1))


class TestNames:
    """A name is a name: no address, option or pattern."""

    @pytest.mark.parametrize(
        "name",
        [
            *("-y.mp4", "--help.mp4", "-", "a:b.mp4", "concat:x.mp4", "file:x.mp4", "http:x.mp4", "pipe:0.mp4"),
            *("subfile,,start,9,end,99,,:x.mp4", "%03d.mp4", "*.mp4", "[x].mp4", "two words.mp4", 'it\'s "so".mp4'),
            *("ünï 动.mp4", "$(x).mp4", "a\\b.mp4", "a,b;c=d.mp4", "line\nbreak.mp4", "UPPER.MP4", "none", "a.avi"),
        ],
    )
    def test_names(self, tmp_path, monkeypatch, two_files, name):
        monkeypatch.chdir(tmp_path)
        for other in ("x.mp4", "001.mp4"):  # what the name would mean as an address or pattern
            shutil.copy(two_files[1], other)
        shutil.copy(two_files[0], tmp_path / name)
        np.testing.assert_array_equal(read(name), noise(3))
        np.testing.assert_array_equal(read(tmp_path / name), noise(3))

    def test_suffixes_are_in_small_letters(self):
        assert {suffix.lower() for suffix in decoding.SUFFIXES} == decoding.SUFFIXES
        assert {*LOSSLESS, ".gif"} <= decoding.SUFFIXES

    @pytest.mark.parametrize(
        ("suffix", "codec"),
        [(".3g2", "mpeg4"), (".asf", "wmv2"), (".f4v", "libx264"), (".vob", "mpeg2video"), (".mpe", "mpeg1video")],
    )
    def test_rarer_suffixes(self, tmp_path, suffix, codec):
        assert suffix in decoding.SUFFIXES
        form = ["-f", "mpeg"] if suffix == ".mpe" else []
        assert len(read(encode(tmp_path / f"a{suffix}", smooth(48, 48), "-c:v", codec, *form))) == 48


class TestNoVideo:
    @pytest.mark.parametrize(
        "content",
        [b"", b"a", b"no video\n" * 99, bytes(5000), bytes(range(256)) * 9],
        ids=["nothing", "byte", "text", "zeros", "bytes"],
    )
    def test_other_things_by_that_name(self, tmp_path, content):
        (tmp_path / "a.mp4").write_bytes(content)
        frames, message = read_until_fault(tmp_path / "a.mp4")
        assert frames == []
        assert re.fullmatch(rf"{re.escape(str(tmp_path))}/a\.mp4: cannot be decoded as a video: \S.+", message)

    def test_an_image(self, tmp_path):
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        (tmp_path / "a.png").rename(tmp_path / "a.mp4")
        with pytest.raises(DataError, match=r"a\.mp4: cannot be decoded as a video: a playlist, or a video form"):
            read(tmp_path / "a.mp4")

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_sound_alone(self, tmp_path, suffix):
        ffmpeg("-f", "lavfi", "-i", "sine=d=0.3", tmp_path / f"a{suffix}")
        with pytest.raises(DataError, match=r"cannot be decoded as a video: it holds no video$"):
            read(tmp_path / f"a{suffix}")

    def test_sound_with_a_cover_picture(self, tmp_path):
        Image.fromarray(smooth()[0]).save(tmp_path / "cover.jpg")
        inputs = ["-f", "lavfi", "-i", "sine=d=0.3", "-i", tmp_path / "cover.jpg"]
        ffmpeg(*inputs, "-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic", tmp_path / "a.mp4")
        with pytest.raises(DataError, match=r"it holds no video$"):
            read(tmp_path / "a.mp4")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DataError, match=r"gone\.mp4: cannot be decoded as a video: \S"):
            read(tmp_path / "gone.mp4")

    def test_a_folder(self, tmp_path):
        (tmp_path / "a.mp4").mkdir()
        with pytest.raises(DataError, match=r"a\.mp4: cannot be decoded as a video: \S"):
            read(tmp_path / "a.mp4")

    @pytest.mark.parametrize("target", ["real.ts", "{folder}/real.ts", "file:real.ts"])
    def test_a_playlist_opens_no_other_file(self, tmp_path, target):
        encode(tmp_path / "real.ts", smooth(), "-c:v", "libx264")
        name = target.format(folder=tmp_path)
        (tmp_path / "a.mp4").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n", newline="\n"
        )
        assert read_until_fault(tmp_path / "a.mp4")[0] == []
        (tmp_path / "a.mp4").rename(tmp_path / "a.m3u8")
        frames, message = read_until_fault(tmp_path / "a.m3u8")
        assert frames == []
        assert message.endswith("a playlist, or a video format that is not supported")

    def test_a_script_opens_no_other_file(self, tmp_path):
        encode(tmp_path / "real.mkv", noise())
        (tmp_path / "a.mp4").write_text("ffconcat version 1.0\nfile real.mkv\n")
        followed = ffmpeg("-i", tmp_path / "a.mp4", "-f", "rawvideo", "-", stdout=subprocess.PIPE).stdout
        assert len(followed) > 0  # the bait works
        frames, message = read_until_fault(tmp_path / "a.mp4")
        assert frames == []
        assert message.endswith("a playlist, or a video format that is not supported")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the bytes of a file of ``TestDamage.CLIP``."""

    @functools.cache
    def get(suffix, *arguments):
        return encode(tmp_path_factory.mktemp("whole") / f"a{suffix}", TestDamage.CLIP, *arguments).read_bytes()

    return get


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "aac"), (".mkv", "aac"), (".avi", "libmp3lame"), (".mov", "aac")]
)
def test_damaged_sound_is_no_damage(tmp_path, suffix, codec):
    whole, damaged = tmp_path / f"whole{suffix}", tmp_path / f"damaged{suffix}"
    silent = encode(tmp_path / f"silent{suffix}", noise(50))
    sound = ["-f", "lavfi", "-i", "sine=d=2", "-c:a", codec]
    ffmpeg("-i", silent, *sound, "-map", 0, "-map", 1, "-c:v", "copy", whole)
    ffmpeg("-i", whole, "-map", 0, "-c", "copy", "-bsf:a", "noise=20", damaged)
    assert whole.read_bytes() != damaged.read_bytes()
    np.testing.assert_array_equal(read(damaged), read(whole))


class TestDamage:
    """Forty frames; what comes before the damage is right, and the message counts it."""

    CLIP = noise(40, 48, 64)

    @pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
    @pytest.mark.parametrize(
        ("suffix", "arguments"), [(".mp4", ["-movflags", "+faststart"]), (".avi", []), (".mkv", []), (".webm", [])]
    )
    def test_cut_off(self, tmp_path, whole, suffix, arguments, part):
        data = whole(suffix, *arguments)
        (tmp_path / f"a{suffix}").write_bytes(data[: int(len(data) * part)])
        frames, message = read_until_fault(tmp_path / f"a{suffix}")
        assert re.search(rf"/a\{suffix}: damaged after {len(frames)} frames: \S.+", message)
        assert abs(len(frames) - 40 * part) < 7
        np.testing.assert_array_equal(frames, self.CLIP[: len(frames)])

    @pytest.mark.skipif(OLD, reason="ffmpeg 4 takes a GIF that is cut off for a shorter one")
    @pytest.mark.parametrize("part", [0.3, 0.9])
    def test_a_gif_cut_off(self, tmp_path, whole, part):
        data = whole(".gif")
        (tmp_path / "a.gif").write_bytes(data[: int(len(data) * part)])
        frames, message = read_until_fault(tmp_path / "a.gif")
        assert f"a.gif: damaged after {len(frames)} frames: " in message
        assert abs(len(frames) - 40 * part) < 3

    @pytest.mark.parametrize(("suffix", "packet"), [(".ts", 188), (".m2ts", 192), (".mts", 188)])
    def test_a_transport_stream_cut_within_a_packet(self, tmp_path, whole, suffix, packet):
        data = whole(suffix, "-c:v", "mpeg2video")
        assert len(data) % packet == 0
        path = tmp_path / f"a{suffix}"
        for end in (3, 100, packet - 1):
            path.write_bytes(data[: len(data) // packet // 2 * packet + end])
            frames, message = read_until_fault(path)
            assert frames == []
            assert message.endswith(f"a video: cut short: its last packet has {end} of {packet} bytes")
        for rest in (b"", bytes(100)):  # some recorders fill their files with zeros
            path.write_bytes(data + rest)
            assert len(read(path)) == 40

    def test_cut_off_before_its_table_of_contents(self, tmp_path, whole):
        data = whole(".mp4")
        assert data.index(b"moov") > data.index(b"mdat")
        (tmp_path / "a.mp4").write_bytes(data[: len(data) * 9 // 10])
        with pytest.raises(DataError, match="cannot be decoded as a video: moov atom not found"):
            read(tmp_path / "a.mp4")

    @pytest.mark.parametrize("suffix", [".avi", ".mkv"])
    @pytest.mark.parametrize("place", [0.25, 0.5, 0.9])
    def test_one_flipped_bit(self, tmp_path, whole, suffix, place):
        data = bytearray(whole(suffix, "-level", 3, "-slicecrc", 1))
        data[int(len(data) * place)] ^= 16
        (tmp_path / f"a{suffix}").write_bytes(data)
        frames, message = read_until_fault(tmp_path / f"a{suffix}")
        assert f": damaged after {len(frames)} frames: " in message

    def test_zeros_in_the_middle(self, tmp_path, whole):
        data = bytearray(whole(".mkv", "-level", 3, "-slicecrc", 1))
        data[len(data) // 2 : len(data) // 2 + 9000] = bytes(9000)
        (tmp_path / "a.mkv").write_bytes(data)
        frames, message = read_until_fault(tmp_path / "a.mkv")
        assert f"a.mkv: damaged after {len(frames)} frames: " in message
        np.testing.assert_array_equal(frames[:18], self.CLIP[:18])

    def test_nothing_is_decoded_after_the_damage(self, tmp_path, whole):
        data = bytearray(whole(".mpg", "-c:v", "mpeg2video"))
        data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
        (tmp_path / "a.mpg").write_bytes(data)
        frames, message = read_until_fault(tmp_path / "a.mpg")
        assert f"a.mpg: damaged after {len(frames)} frames: " in message
        assert len(frames) < 30

    def test_the_whole_file_again(self, tmp_path, whole):
        for suffix in (".mp4", ".avi", ".mkv", ".webm"):
            (tmp_path / f"a{suffix}").write_bytes(whole(suffix))
            np.testing.assert_array_equal(read(tmp_path / f"a{suffix}"), self.CLIP)


class TestMessages:
    """What ffmpeg says, and what of it condemns a file."""

    @pytest.mark.parametrize(
        ("messages", "fault"),
        [
            ("", ""),
            ("\n \n", ""),
            ("  \n  second  \n", "second"),
            ("[h264 @ 0x55d0c8] mmco: unref short failure\n", ""),
            (
                "[h264 @ 0x1] co located POCs unavailable\n[h264 @ 0x1] number of reference frames (0+2) exceeds max\n",
                "",
            ),
            (
                "[h264 @ 0x1] mmco: unref short failure\n[h264 @ 0x1] error while decoding MB 3 4\n",
                "error while decoding MB 3 4",
            ),
            ("[mov,mp4,m4a @ 0x1] moov atom not found\nError opening input file a.mp4.\n", "moov atom not found"),
            ("[in#0 @ 0x1] [h264 @ 0x2]   first\nsecond\n", "first"),
            ("[in#0/hls @ 0x1] Format not on whitelist 'mov'\n", "a playlist, or a video format that is not supported"),
            ("Stream map '0:V:0' matches no streams.\n", "it holds no video"),
        ],
    )
    def test_the_first_that_means_damage(self, messages, fault):
        assert decoding._fault(messages) == fault

    def test_the_version_is_that_of_the_program(self):
        line = subprocess.run([video.ffmpeg_program(), "-version"], capture_output=True, text=True).stdout.split()
        assert decoding.version() == line[2]


FRAME = r"printf 'P6\n2 1\n255\nabcdef'; "
PIXELS = [[[97, 98, 99], [100, 101, 102]]]


class TestProcess:
    """A program in ffmpeg's place that does what ffmpeg should not."""

    @pytest.fixture
    def stand_in(self, tmp_path, monkeypatch):
        """Put a shell script first on the PATH; return a function that gives its process id, and that of ``exec``."""

        def put(script):
            folder = tmp_path / "bin"
            folder.mkdir()
            (folder / "ffmpeg").write_text(f"#!/bin/sh\necho $$ > '{tmp_path}/pid'\n{script}\n")
            (folder / "ffmpeg").chmod(0o755)
            monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
            return lambda: int((tmp_path / "pid").read_text())

        return put

    def _is_gone(self, pid):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_good_frames(self, stand_in):
        pid = stand_in(FRAME * 3)
        assert read("a.mp4").tolist() == [PIXELS] * 3
        self._is_gone(pid())

    @pytest.mark.parametrize(
        ("script", "count"),
        [
            (FRAME * 2 + "exec sleep 60", 2),
            ("exec sleep 60", 0),
            (FRAME + r"printf 'P6\n2 1\n255\nabc'; exec sleep 60", 1),  # half a frame
            (FRAME + r"printf 'P6\n2'; exec sleep 60", 1),
            (FRAME * 2 + "exec sleep 60 >&-", 2),  # an end that is none
        ],
        ids=["after two", "at once", "within a frame", "within a header", "at the end"],
    )
    def test_silence(self, stand_in, script, count):
        pid = stand_in(script)
        began = time.monotonic()
        frames, message = read_until_fault("a.mp4", patience=0.6)
        assert message == f"a.mp4: gave up: nothing came for 0.6 seconds after {count} frames"
        assert [frame.tolist() for frame in frames] == [PIXELS] * count
        assert 0.6 <= time.monotonic() - began < 10
        self._is_gone(pid())

    def test_a_slow_reader_is_no_silence(self, stand_in):
        stand_in(FRAME * 3)
        frames = []
        for frame in decoding.decode("a.mp4", patience=0.5):
            time.sleep(0.8 if len(frames) == 1 else 0)
            frames.append(frame.tolist())
        assert frames == [PIXELS] * 3

    def test_a_decoder_that_waits_for_a_slow_reader(self, stand_in):
        stand_in(
            "i=0; while [ $i -lt 9 ]; do printf 'P6\\n500 400\\n255\\n'; head -c 600000 /dev/zero; i=$((i+1)); done"
        )
        frames = decoding.decode("a.mp4", patience=0.5)
        next(frames)
        time.sleep(0.8)
        assert len(list(frames)) == 8

    def test_a_flood_of_messages_blocks_nothing(self, stand_in):
        flood = "yes '[h264 @ 0x1] mmco: unref short failure' | head -n 60000 >&2; "
        stand_in(FRAME + flood + FRAME)
        assert read("a.mp4").tolist() == [PIXELS] * 2

    def test_harmless_messages(self, stand_in):
        stand_in(FRAME + "echo '[h264 @ 0x1] co located POCs unavailable' >&2; " + FRAME)
        assert len(read("a.mp4")) == 2

    def test_a_message_condemns_though_the_code_is_0(self, stand_in):
        stand_in(FRAME * 2 + "echo '[h264 @ 0x1] concealing errors' >&2")
        assert read_until_fault("a.mp4")[1] == "a.mp4: damaged after 2 frames: concealing errors"

    @pytest.mark.parametrize(("ending", "code"), [("exit 3", 3), ("kill -9 $$", -9)])
    def test_an_end_without_a_word(self, stand_in, ending, code):
        stand_in(FRAME * 2 + ending)
        assert read_until_fault("a.mp4")[1] == f"a.mp4: damaged after 2 frames: ffmpeg ended with code {code}"

    def test_nothing_at_all(self, stand_in):
        stand_in("exit 0")
        with pytest.raises(DataError, match=r"it gives no frames; it is empty"):
            read("a.mp4")

    def test_a_reader_that_stops_leaves_no_process(self, stand_in):
        pid = stand_in(f"while :; do {FRAME} done")
        frames = decoding.decode("a.mp4")
        assert [frame.tolist() for frame in itertools.islice(frames, 3)] == [PIXELS] * 3
        os.kill(pid(), 0)  # it runs
        frames.close()
        self._is_gone(pid())

    def test_a_reader_that_fails_leaves_no_process(self, stand_in):
        pid = stand_in(f"while :; do {FRAME} done")

        def fail():
            for _ in decoding.decode("a.mp4"):
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        self._is_gone(pid())

    def test_a_reader_that_forgets_leaves_no_process(self, stand_in):
        pid = stand_in(f"while :; do {FRAME} done")
        next(decoding.decode("a.mp4"))
        self._is_gone(pid())

    @pytest.mark.parametrize(("most", "limit"), [(-1, 2 << 30), (1 << 30, 1 << 30), (5 << 30, 2 << 30)])
    def test_memory_is_limited_as_far_as_may_be(self, monkeypatch, most, limit):
        """Nobody but the superuser may go beyond what the system has said."""
        limits = []

        def prlimit(process, kind, wanted=None):
            if wanted is None:
                return (most, most)
            if wanted[1] > most != -1:
                raise PermissionError("not allowed to raise maximum limit")
            return limits.append((process, wanted))

        stand_in = SimpleNamespace(prlimit=prlimit, RLIMIT_DATA=2, RLIM_INFINITY=-1)
        monkeypatch.setattr(decoding, "resource", stand_in)
        decoding._limit_memory(77)
        assert limits == [(77, (limit, limit))]

    @pytest.mark.parametrize(("threads", "used"), [(1, 1), (3, 3), (16, 4)])
    def test_threads_are_few(self, threads, used):
        command = decoding._command(Path("a.mp4"), "", None, threads)
        assert command[command.index("-threads") + 1] == str(used)

    def test_the_real_one_ends_with_its_reader(self, tmp_path, stand_in):
        path = encode(tmp_path / "a.avi", np.zeros((60, 200, 300, 3), np.uint8), "-c:v", "rawvideo", like=".none")
        pid = stand_in(f'exec "{shutil.which("ffmpeg") or video.ffmpeg_program()}" "$@"')
        frames = decoding.decode(path)
        assert next(frames).shape == (200, 300, 3)
        os.kill(pid(), 0)
        frames.close()
        self._is_gone(pid())

    def test_without_any_ffmpeg(self, tmp_path, monkeypatch):
        def absent():
            raise RuntimeError("No ffmpeg exe could be found.")

        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(video.imageio_ffmpeg, "get_ffmpeg_exe", absent)
        with pytest.raises(OutputError, match="no ffmpeg on the PATH or in imageio-ffmpeg"):
            read("a.mp4")


class TestForeign:
    def test_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "a.mp4")
        with pytest.raises(DataError, match="not a file"):
            read(tmp_path / "a.mp4", patience=5)

    @pytest.mark.skipif(not hasattr(decoding.resource, "prlimit"), reason="the system cannot limit another process")
    def test_time_stamps_that_ask_for_frames_without_end(self, tmp_path, monkeypatch):
        encode(tmp_path / "a.mp4", smooth(), "-c:v", "libx264")
        data = bytearray((tmp_path / "a.mp4").read_bytes())
        at = data.index(b"stts") + 16  # how long each frame is shown
        data[at : at + 4] = (1 << 30).to_bytes(4, "big")
        (tmp_path / "a.mp4").write_bytes(data)
        monkeypatch.setattr(decoding, "MEMORY_BYTES", 256 << 20)
        match = (
            r"more than the 0\.25 GiB of memory that ffmpeg may use; with --fps, a time stamp far ahead of the others"
        )
        with pytest.raises(DataError, match=match):
            read(tmp_path / "a.mp4", "fps=25,scale=8:8", patience=60)

    def test_a_picture_too_large(self, tmp_path):
        head = b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0x80, 0, 0) + bytes(6)
        (tmp_path / "a.gif").write_bytes(
            head + b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\2\2\x44\1\0;"
        )
        with pytest.raises(DataError):
            read(tmp_path / "a.gif", patience=60)
