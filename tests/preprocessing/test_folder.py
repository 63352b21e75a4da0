"""One's own videos, in whatever folders."""

import os
import re
import shutil
import sys

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.preprocessing import partial


def prepare(raw, out, **options):
    report = preprocessing.prepare("folder", raw, out, workers=0, **{"size": 16, **options})
    return report, PreparedDataset.open(out)


def write_gif(path, levels, width=48):
    """Write a GIF whose frame i is all of the grey levels[i]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.new("L", (width, 48), level) for level in levels]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)


class TestClasses:
    @pytest.fixture
    def raw(self, tmp_path, film, stills):
        raw = tmp_path / "my videos ü"
        film(raw / "10" / "a b.mp4", mark=10, frames=2)
        film(raw / "9" / "Ünal.MOV", mark=20)
        film(raw / "9" / "deep" / "deeper" / "x.mkv", mark=30)
        film(raw / "9" / "deep" / "x.AVI", codec="ffv1", arguments=(), mark=40)
        stills(raw / "wave" / "video10", (1, 2, 10), ".JPG", mark=50)
        stills(raw / "wave" / "video9", (8, 9, 10, 11), mark=60)
        write_gif(raw / "wave" / "moving.GIF", [0, 100, 200])
        write_gif(raw / "wave" / "still.gif", [150])
        return raw

    IDS = (
        *("9/Ünal.MOV", "9/deep/x.AVI", "9/deep/deeper/x.mkv", "10/a b.mp4", "wave/moving.GIF", "wave/still.gif"),
        *("wave/video9", "wave/video10"),
    )

    def test_all_of_it(self, raw, tmp_path, seen, marks):
        report, dataset = prepare(raw, tmp_path / "out")
        assert dataset.ids == dataset.sources == list(self.IDS)
        assert dataset.class_names == ["9", "10", "wave"]
        assert dataset.labels.tolist() == [0, 0, 0, 1, 2, 2, 2, 2]
        assert dataset.subjects == [""] * 8
        assert dataset.lengths.tolist() == [3, 3, 3, 2, 3, 1, 4, 3]
        assert [marks(dataset, i)[0] for i in (0, 1, 2, 3, 6, 7)] == [20, 40, 30, 10, 60, 50]
        assert marks(dataset, 6) == [60, 70, 80, 90]
        for i in (0, 1, 2, 3, 6, 7):
            assert seen(dataset.frames(i, [0])[0]) == [8, 0, 48, 48]
        np.testing.assert_allclose(dataset.frames(4, range(3)).mean((1, 2, 3)), [0, 100, 200], atol=2)
        assert report.classes == {"9": 3, "10": 1, "wave": 4}
        assert report.skipped == []
        assert report.remarks == [("wave/video10", "missing frame numbers: 3 to 9")]

    def test_what_cannot_be_used(self, raw, tmp_path, film, stills):
        whole = (raw / "9" / "Ünal.MOV").read_bytes()
        (raw / "9" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
        (raw / "9" / "text.mp4").write_text("text")
        (raw / "9" / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n")
        (raw / "9" / "empty.avi").touch()
        (raw / "9" / "nothing" / "in it").mkdir(parents=True)
        stills(raw / "9" / "deep", (1, 2))  # beside x.AVI
        stills(raw / "wave" / "text", (1, 2), ".jpg")
        (raw / "wave" / "text" / "0002.jpg").write_text("text")
        stills(raw / "wave" / "two sizes", (1, 2))
        Image.new("RGB", (48, 64)).save(raw / "wave" / "two sizes" / "0002.png")
        for name in ("notes.txt", "labels.CSV", "sound.wav", "README", "a.mxf", "b.MXF", "clip", "x.zip"):
            (raw / "wave" / name).touch()
        (raw / "wave" / "._moving.gif").write_bytes(b"of a Mac")
        (raw / "wave" / ".hidden").mkdir()
        (raw / "9" / "loop").symlink_to(raw)
        report, dataset = prepare(raw, tmp_path / "out")
        assert dataset.ids == list(self.IDS)
        reasons = dict(report.skipped)
        assert set(reasons) == {
            *("9/cut.mp4", "9/text.mp4", "9/list.mp4", "9/empty.avi", "9/nothing", "9/nothing/in it", "9/deep"),
            *("wave/text", "wave/two sizes", "wave/a.mxf", "wave/clip", "wave/x.zip"),
        }
        assert reasons["wave/a.mxf"] == "folder does not read .mxf files; 2 such files in its folder"
        assert reasons["wave/clip"] == "it has no suffix, and folder recognizes videos by theirs"
        assert reasons["wave/x.zip"] == "folder does not read .zip files"
        assert reasons["9/deep"] == "images next to videos are not used"
        assert reasons["9/nothing"] == reasons["9/nothing/in it"] == "no videos or images in this folder"
        assert "0002.jpg: cannot be read as an image: not an image" in reasons["wave/text"]
        assert "0002.png: 48 x 64, but the video's first frame is 64 x 48" in reasons["wave/two sizes"]
        for name in ("cut.mp4", "text.mp4", "list.mp4", "empty.avi"):
            assert reasons[f"9/{name}"].startswith(("cannot be decoded as a video", "damaged after"))

    def test_resumed_beside_new_files_that_are_no_videos(self, raw, tmp_path, monkeypatch):
        note = partial.Partial.note

        def stop(self, *known):
            note(self, *known)
            if self.kept == 3:
                raise KeyboardInterrupt

        (raw / "9" / "a.mxf").touch()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="3 of 8 videos are done"):
            patch.setattr(partial.Partial, "note", stop)
            prepare(raw, tmp_path / "out")
        (raw / "new").mkdir()
        for name in ("new/x.foo", "9/b.foo", "9/a a.mxf"):
            (raw / name).touch()
        report, dataset = prepare(raw, tmp_path / "out", resume=True)
        assert (report.recovered, dataset.ids) == (3, list(self.IDS))
        assert [source for source, _ in report.skipped] == ["new", "9/a a.mxf", "9/b.foo", "new/x.foo"]
        prepare(raw, tmp_path / "whole")
        for path in (tmp_path / "whole").iterdir():
            assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()

    def test_only_videos_are_counted(self, raw, tmp_path):
        shutil.rmtree(raw / "wave" / "video9")
        (raw / "new").mkdir()
        (raw / "9" / "a.mxf").touch()
        (raw / "9" / "cut.mp4").write_bytes(b"no video")
        report, _ = prepare(raw, tmp_path / "out", limit=1000)
        meta = yaml.safe_load((tmp_path / "out" / "dataset.yml").read_text())
        assert (meta["found"]["videos"], meta["taken"]["videos"], report.videos) == (8, 8, 7)
        assert [source for source, _ in report.skipped] == ["9/cut.mp4", "new", "9/a.mxf"]
        (tmp_path / "boxes.csv").write_text("source,left,top,width,height\nabsent.mp4,0,0,9,9\n")
        with pytest.raises(ConfigError, match=r"absent\.mp4 is not one of the 8 videos below"):
            prepare(raw, tmp_path / "another", boxes=str(tmp_path / "boxes.csv"))

    def test_what_a_limit_leaves_is_not_taken_for_unread(self, raw, tmp_path):
        (raw / "9" / "a.mxf").touch()
        report, _ = prepare(raw, tmp_path / "out", limit=2)
        assert report.skipped == [("9/a.mxf", "folder does not read .mxf files")]

    def test_divided_by_class(self, tmp_path, film):
        for i in range(10):
            film(tmp_path / "raw" / "many" / f"{i}.mp4")
        film(tmp_path / "raw" / "one" / "1.mp4")
        report, dataset = prepare(tmp_path / "raw", tmp_path / "out", split=0.3, size=4)
        assert dataset.splits[:10].count("test") == 3
        assert dataset.splits[10] == "train"
        assert {side: counts["videos"] for side, counts in report.splits.items()} == {"train": 8, "test": 3}
        assert len(PreparedDataset.open(tmp_path / "out", "test")) == 3
        assert PreparedDataset.open(tmp_path / "out", "train").class_names == ["many", "one"]

    def test_boxes_for_files_and_folders(self, raw, tmp_path, seen):
        (tmp_path / "boxes.csv").write_text(
            "source,left,top,width,height\n9/Ünal.MOV,20,10,16,16\nwave/video9,2,4,16,16\n", encoding="utf-8"
        )
        report, dataset = prepare(raw, tmp_path / "out", boxes=str(tmp_path / "boxes.csv"), margin=0)
        assert dataset.ids == ["9/Ünal.MOV", "wave/video9"]
        assert seen(dataset.frames(0, [0])[0]) == [20, 10, 16, 16]
        assert seen(dataset.frames(1, [0])[0]) == [2, 4, 16, 16]
        assert {reason for _, reason in report.skipped} == {"no box in boxes.csv"}

    def test_a_frame_rate_for_images(self, raw, tmp_path, film):
        with pytest.raises(
            ConfigError, match=r"fps=5: wave/video9 is a folder of images, which has no frame rate; use"
        ):
            prepare(raw, tmp_path / "out", fps=5.0)
        for name in ("video9", "video10"):
            shutil.rmtree(raw / "wave" / name)
        (raw / "wave" / "empty").mkdir()
        _, dataset = prepare(raw, tmp_path / "out", fps=12.5)
        assert dataset.lengths.max() == 2


class TestNoClasses:
    def test_nothing_but_suffixes_that_are_not_read(self, tmp_path):
        (tmp_path / "raw").mkdir()
        for name in ("a.mxf", "b.mxf"):
            (tmp_path / "raw" / name).touch()
        match = r"no usable video \(the first of 1, a\.mxf: folder does not read \.mxf files; 2 such files"
        with pytest.raises(DataError, match=match):
            prepare(tmp_path / "raw", tmp_path / "out")

    def test_stacks_are_no_frames(self, tmp_path, film):
        film(tmp_path / "raw" / "a.mov")
        (tmp_path / "raw" / "cells").mkdir()
        pages = [Image.new("L", (48, 48), 10 * i) for i in range(3)]
        for i in range(2):
            pages[0].save(tmp_path / "raw" / "cells" / f"{i}.tif", save_all=True, append_images=pages[1:])
        report, dataset = prepare(tmp_path / "raw", tmp_path / "out")
        assert dataset.ids == ["a.mov"]
        ((source, reason),) = report.skipped
        assert source == "cells"
        assert "0.tif: it holds several pictures; save it as a video or" in reason

    def test_files_and_folders_side_by_side(self, tmp_path, film, stills, marks):
        film(tmp_path / "raw" / "b.mp4", mark=10)
        film(tmp_path / "raw" / "a.mov", mark=20)
        stills(tmp_path / "raw" / "c", mark=30)
        report, dataset = prepare(tmp_path / "raw", tmp_path / "out")
        assert dataset.ids == ["a.mov", "b.mp4", "c"]
        assert [marks(dataset, i)[0] for i in range(3)] == [20, 10, 30]
        assert dataset.class_names == []
        assert dataset.labels.tolist() == [-1, -1, -1]
        assert report.classes == {}

    def test_divided_all_the_same(self, tmp_path, film):
        for i in range(5):
            film(tmp_path / "raw" / f"{i}.mp4")
        _, dataset = prepare(tmp_path / "raw", tmp_path / "out", split=0.4, size=4)
        assert sorted(dataset.splits) == ["test", "test", "train", "train", "train"]

    def test_one_video_cannot_be_divided(self, tmp_path, film):
        film(tmp_path / "raw" / "1.mp4")
        with pytest.raises(ConfigError, match=r"split=0\.4: it takes two videos of a class to divide"):
            prepare(tmp_path / "raw", tmp_path / "out", split=0.4)


@pytest.mark.parametrize("loose", ["a.mp4", "frames"])
def test_some_with_a_class_and_some_without(tmp_path, film, stills, loose):
    film(tmp_path / "raw" / "wave" / "b.mp4")
    film(tmp_path / "raw" / loose) if loose == "a.mp4" else stills(tmp_path / "raw" / loose)
    with pytest.raises(DataError, match=rf"raw: {loose} has no class, but wave/b\.mp4 has one: put every video in"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_images_directly_in_raw(tmp_path, stills):
    stills(tmp_path / "raw")
    with pytest.raises(DataError, match=r"raw: it holds images directly, such as 0001\.png; a folder of images is one"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_nothing_there(tmp_path):
    (tmp_path / "raw" / "wave").mkdir(parents=True)
    (tmp_path / "raw" / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no usable video \(the first of 1, wave: no videos or images in this fold"):
        prepare(tmp_path / "raw", tmp_path / "out")
    with pytest.raises(DataError, match=r"notes\.txt: a file, but a folder is needed"):
        prepare(tmp_path / "raw" / "notes.txt", tmp_path / "out")


def test_links_are_followed(tmp_path, film):
    film(tmp_path / "disk" / "videos" / "1.mp4")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "wave").symlink_to(tmp_path / "disk" / "videos")
    (tmp_path / "raw" / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "raw" / "circle").symlink_to(tmp_path / "raw" / "circle")
    assert prepare(tmp_path / "raw", tmp_path / "out")[1].ids == ["wave/1.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_a_name_that_is_no_text(tmp_path, stills, marks):
    stills(tmp_path / "raw" / "1", mark=30)
    os.rename(tmp_path / "raw" / "1", os.fsencode(tmp_path / "raw") + b"/caf\xe9")  # noqa: PTH104
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out")
    assert dataset.ids == ["caf\\udce9"]
    assert marks(dataset, 0) == [30, 40, 50]


@pytest.mark.parametrize("name", ["-i.mp4", "file:x.mp4", "%03d.mp4", "a,b.mp4", "a'b [1].mp4", "concat:a|b.mp4"])
def test_names_that_mean_something_to_programs(tmp_path, film, marks, name):
    film(tmp_path / "plain.mp4", mark=70)
    (tmp_path / "raw").mkdir()
    (tmp_path / "plain.mp4").rename(tmp_path / "raw" / name)
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out")
    assert dataset.ids == [name]
    assert marks(dataset, 0) == [70, 80, 90]


def test_many_folders_do_not_take_the_square_of_their_number(tmp_path, monkeypatch):
    for i in range(1500):
        (tmp_path / "raw" / "wave" / f"{i}").mkdir(parents=True)
        (tmp_path / "raw" / "wave" / f"{i}" / "1.png").touch()
    source = preprocessing.find("folder").create(tmp_path / "raw", {})
    equal, compared = type(tmp_path).__eq__, []
    monkeypatch.setattr(type(tmp_path), "__eq__", lambda self, other: compared.append(1) or equal(self, other))
    assert len(source.items()) == 1500
    assert len(compared) < 50_000


class TestRealVideos:
    def test_their_frames(self, real_videos, tmp_path):
        """Beside another reader of the same files."""
        raw = tmp_path / "raw"
        for label, name in (("street", "bikes"), ("talk", "carphone_pristine")):
            (raw / label).mkdir(parents=True)
            shutil.copy(real_videos[name], raw / label)
        report, dataset = prepare(raw, tmp_path / "out", every_nth=25, size=64)
        assert dataset.ids == ["street/bikes.mp4", "talk/carphone_pristine.mp4"]
        assert dataset.lengths.tolist() == [10, 5]
        assert report.skipped == []
        for i, (name, left, side) in enumerate([("bikes", 184, 272), ("carphone_pristine", 16, 144)]):
            reader = cv2.VideoCapture(str(real_videos[name]))
            for t in range(51):
                _, frame = reader.read()
                if t % 25 == 0:
                    square = frame[:side, left : left + side, ::-1]
                    expected = cv2.resize(square, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
                    assert np.abs(dataset.frames(i, [t // 25])[0] - expected).mean() < 2

    def test_the_face(self, real_videos, tmp_path):
        (tmp_path / "raw").mkdir()
        shutil.copy(real_videos["carphone_pristine"], tmp_path / "raw")
        _, dataset = prepare(tmp_path / "raw", tmp_path / "out", crop="face", every_nth=12)
        width, height, left, top = map(int, re.search(r"crop=(\d+):(\d+):(\d+):(\d+)", dataset.filters[0]).groups())
        assert width == height
        assert 50 < width < 110
        assert abs(left + width / 2 - 85) < 15
        assert abs(top + width / 2 - 60) < 20
