"""Folders of videos as sets, against the pixels that were written."""

import re
import subprocess

import numpy as np
import pytest

from mocogan_chainer import video
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation import video_files
from mocogan_chainer.evaluation.video_files import VideoFiles


def frames(seed=0, length=5, height=16, width=24):
    """Large patches of few colours: a GIF keeps them exactly, and an MP4 nearly so."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (length, height // 8, width // 8, 3))
    return patches.repeat(8, 1).repeat(8, 2).astype(np.uint8)


def write_lossless(path, clip):
    size = f"{clip.shape[2]}x{clip.shape[1]}"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25", "-i", "pipe:"]
    command = [video.ffmpeg_program(), "-v", "error", *raw, "-c:v", "ffv1", "-pix_fmt", "bgr0", str(path)]
    subprocess.run(command, input=clip.tobytes(), check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    video.write_gif(root / "a.gif", frames(0), fps=10)
    video.write_frames(root / "b", frames(1, length=12))
    write_lossless(root / "c.mkv", frames(2, length=7, height=24))
    video.write_mp4(root / "d.mp4", frames(3), fps=10)
    return root


def test_every_frame_in_its_own_size(folder):
    videos = VideoFiles(folder)
    assert [videos.id(i) for i in range(len(videos))] == ["a.gif", "c.mkv", "d.mp4", "b"]
    np.testing.assert_array_equal(videos.read(0), frames(0))
    np.testing.assert_array_equal(videos.read(1), frames(2, length=7, height=24))
    np.testing.assert_array_equal(videos.read(3), frames(1, length=12))
    lossy = videos.read(2)
    assert lossy.shape == (5, 16, 24, 3)
    assert np.abs(lossy.astype(int) - frames(3)).mean() < 20
    assert [videos.length(i) for i in range(4)] == [5, 7, 5, 12]


@pytest.mark.parametrize("kept_bytes", [10**9, 24 * 24 * 3 * 3, 0], ids=["kept", "too many", "none fit"])
@pytest.mark.parametrize("known", [False, True], ids=["length unknown", "length known"])
def test_wanted_frames(folder, monkeypatch, kept_bytes, known):
    monkeypatch.setattr(video_files, "KEPT_BYTES", kept_bytes)
    videos = VideoFiles(folder)
    for index, expected in ((1, frames(2, length=7, height=24)), (3, frames(1, length=12))):
        if known:
            assert videos.length(index) == len(expected)
        asked = []
        wanted = videos.read(index, lambda length, asked=asked: asked.append(length) or [length - 2, 1, 1, 4])
        np.testing.assert_array_equal(wanted, expected[[len(expected) - 2, 1, 1, 4]])
        assert asked == [len(expected)]


def test_long_videos_do_not_fill_memory(folder, monkeypatch):
    monkeypatch.setattr(video_files, "KEPT_BYTES", 16 * 24 * 3 * 4)
    held = []

    def decode(path, filters="", *, count=None, threads=0):
        for i in range(count or 1000):
            held.append(np.full((16, 24, 3), i % 256, np.uint8))
            yield held[-1]
            held[-1] = None

    monkeypatch.setattr(video_files.decoding, "decode", decode)
    videos = VideoFiles(folder)
    most = []

    def which(length):
        most.append(sum(frame is not None for frame in held))
        return [300, 2]

    assert videos.read(0, which)[:, 0, 0, 0].tolist() == [300 - 256, 2]
    assert most == [0]
    assert len(held) == 1000 + 301


def test_classes_by_folder(tmp_path):
    for name in ("walk/a", "run/a", "run/b", "loose"):
        video.write_frames(tmp_path / name, frames(length=1))
    videos = VideoFiles(tmp_path)
    assert videos.class_names == ("run", "walk")
    assert {videos.id(i): videos.label(i) for i in range(4)} == {"walk/a": 1, "run/a": 0, "run/b": 0, "loose": -1}


def test_classes_by_name(tmp_path):
    """As generate_samples.py --category writes them, where a class may be missing."""
    for name in ("video_10_a_00000", "video_2_up_00000", "video_2_up_00001", "video_3_00000"):
        video.write_frames(tmp_path / name, frames(length=1))
    videos = VideoFiles(tmp_path)
    assert videos.class_names == ("up", "3", "a")
    assert [videos.label(i) for i in range(4)] == [0, 0, 1, 2]
    assert VideoFiles(tmp_path).left_out == []


def test_what_is_left_out_is_said(tmp_path):
    video.write_gif(tmp_path / "video_00000.gif", frames(), fps=10)
    video.write_gif(tmp_path / "grid_2x2.gif", frames(), fps=10)
    videos = VideoFiles(tmp_path)
    assert len(videos) == 1
    assert videos.left_out == [("grid_2x2.gif", "several videos side by side")]


class TestReference:
    def of(self, root, **clips):
        for name, clip in clips.items():
            video.write_frames(root / name, clip)
        return VideoFiles(root).reference

    def test_it_is_the_same_elsewhere(self, tmp_path):
        first = self.of(tmp_path / "x", a=frames(0), b=frames(1))
        assert first == self.of(tmp_path / "y", a=frames(0), b=frames(1))
        assert re.fullmatch("videos [0-9a-f]{16}", first)

    def test_it_knows_contents_names_and_order(self, tmp_path):
        sets = [
            {"a": frames(0), "b": frames(1)},
            {"a": frames(1), "b": frames(0)},
            {"a": frames(0), "c": frames(1)},
            {"a": frames(0)},
            {"a": frames(0)[:4], "b": frames(1)},
        ]
        assert len({self.of(tmp_path / str(i), **clips) for i, clips in enumerate(sets)}) == len(sets)

    def test_what_is_left_out_does_not_count(self, tmp_path):
        first = self.of(tmp_path, a=frames(0))
        video.write_gif(tmp_path / "grid_1x1.gif", frames(), fps=10)
        assert VideoFiles(tmp_path).reference == first


class TestUnreadable:
    @pytest.mark.parametrize("read", [lambda v: v.read(0), lambda v: v.read(0, lambda n: [0]), lambda v: v.length(0)])
    @pytest.mark.parametrize("content", [b"", b"no video", None], ids=["empty", "text", "broken link"])
    def test_a_file(self, tmp_path, content, read):
        path = tmp_path / "a.mp4"
        if content is None:
            path.symlink_to(tmp_path / "gone")
        else:
            path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.mp4: "):
            read(VideoFiles(tmp_path))
        assert re.fullmatch("videos [0-9a-f]{16}", VideoFiles(tmp_path).reference)

    def test_a_torn_file(self, tmp_path):
        video.write_mp4(tmp_path / "a.mp4", np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), np.uint8), 10)
        data = (tmp_path / "a.mp4").read_bytes()
        (tmp_path / "a.mp4").write_bytes(data[: len(data) // 2])
        videos = VideoFiles(tmp_path)
        for _ in range(2):  # a length that was counted up to the damage must not be kept
            with pytest.raises(DataError, match=r"a\.mp4: damaged after"):
                videos.read(0, lambda length: [0])

    def test_an_image(self, tmp_path):
        video.write_frames(tmp_path / "a", frames())
        (tmp_path / "a" / "0003.png").write_bytes(b"none")
        videos = VideoFiles(tmp_path)
        np.testing.assert_array_equal(videos.read(0, lambda length: [0, 4]), frames()[[0, 4]])
        with pytest.raises(DataError, match=r"0003\.png: cannot be read as an image"):
            videos.read(0)


def test_lengths_are_known_of_images_alone(tmp_path):
    video.write_frames(tmp_path / "0", frames())
    video.write_mp4(tmp_path / "1.mp4", frames(), 8)
    videos = VideoFiles(tmp_path)
    assert {videos.id(i): videos.known_length(i) for i in range(2)} == {"0": 5, "1.mp4": None}
    assert [videos.length(i) for i in range(2)] == [5, 5]
    assert {videos.known_length(i) for i in range(2)} == {5, None}  # whether it was read before changes no draw
