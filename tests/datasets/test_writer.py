"""Writing prepared datasets, and what is left when that fails."""

import csv
import tracemalloc

import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer.datasets import PreparedDataset, PreparedWriter, open_writer
from mocogan_chainer.datasets.layout import HEADER_BYTES, npy_header
from mocogan_chainer.errors import DataError, OutputError


def clip(length=4, size=8, value=0):
    return np.full((length, size, size, 3), value, np.uint8)


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("frames", [0, 1, 87381, 10**9])
def test_the_header_is_numpys_and_of_one_length(tmp_path, frames):
    header = npy_header(frames, 64)
    assert len(header) == HEADER_BYTES
    with (tmp_path / "a.npy").open("wb+") as file:
        file.write(header)
        file.seek(0)
        assert np.lib.format.read_magic(file) == (1, 0)
        assert np.lib.format.read_array_header_1_0(file) == ((frames, 64, 64, 3), False, np.dtype(np.uint8))
        assert file.tell() == HEADER_BYTES


class TestContent:
    def test_what_dataset_yml_says(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8, ["x", "never", "y"], {"seed": 1, "limit": None}) as writer:
            writer.add(clip(), "1", "y")
            writer.add(clip(6), "2", "x")
            writer.add(clip(), "3", "x")
            writer.skip("bad.png", "not an image")
        meta = yaml.safe_load((tmp_path / "d" / "dataset.yml").read_text())
        assert len(meta["shards"][0].pop("sha256")) == 64
        assert meta.pop("tool").startswith("mocogan-chainer ")
        assert meta == {
            "format": 1,
            "name": "toy",
            "size": 8,
            "classes": ["x", "y"],
            "counts": {"videos": 3, "frames": 14, "skipped": 1, "videos_by_class": {"x": 2, "y": 1}},
            "options": {"seed": 1, "limit": None},
            "shards": [{"file": "frames-00000.npy", "frames": 14}],
        }
        assert PreparedDataset.open(tmp_path / "d").labels.tolist() == [1, 0, 0]

    def test_skipped_csv_is_there_when_something_was(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8) as writer:
            writer.add(clip(), "1")
            writer.skip('a, "b".png', "reason")
        with (tmp_path / "d" / "skipped.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [["source", "reason"], ['a, "b".png', "reason"]]
        with open_writer(tmp_path / "e", "toy", 8) as writer:
            writer.add(clip(), "1")
        assert tree(tmp_path / "e") == ["dataset.yml", "frames-00000.npy", "preview.gif", "videos.csv"]

    def test_names_of_all_kinds_come_back(self, tmp_path):
        classes = ["größe 大", "yes", "1", "- a: b", "#", "caf\udce9"]  # the last is a file name that is no UTF-8
        with open_writer(tmp_path / "d", "toy", 8, classes) as writer:
            for name in classes:
                writer.add(clip(), name, name, source=name)
        dataset = PreparedDataset.open(tmp_path / "d")
        assert dataset.class_names == [*classes[:-1], "caf\\udce9"]
        assert dataset.ids == dataset.sources == dataset.class_names
        assert dataset.labels.tolist() == list(range(6))

    def test_a_video_stays_in_one_shard_of_bounded_size(self, tmp_path):
        frame = 8 * 8 * 3
        writer = PreparedWriter(tmp_path, "toy", 8, shard_bytes=10 * frame)
        lengths = [4, 4, 4, 10, 25, 1]
        for i, length in enumerate(lengths):
            writer.add(clip(length, value=i), str(i))
        writer.finish()
        shards = [len(np.load(p)) for p in sorted(tmp_path.glob("frames-*.npy"))]
        assert shards == [8, 4, 10, 25, 1]  # a longer video than a shard may be has one of its own
        dataset = PreparedDataset.open(tmp_path)
        for i, length in enumerate(lengths):
            assert (dataset.frames(i, range(length)) == i).all()

    def test_memory_stays_at_one_video(self, tmp_path):
        video = clip(50, 64)
        tracemalloc.start()
        with open_writer(tmp_path / "d", "toy", 64) as writer:
            for i in range(40):
                writer.add(video, str(i))
            peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < video.nbytes

    def test_a_slice_of_a_larger_array(self, tmp_path):
        wide = np.random.default_rng(0).integers(0, 256, (4, 8, 16, 3)).astype(np.uint8)
        with open_writer(tmp_path / "d", "toy", 8) as writer:
            writer.add(wide[:, :, ::2], "1")
        np.testing.assert_array_equal(PreparedDataset.open(tmp_path / "d").frames(0, range(4)), wide[:, :, ::2])


class TestPreview:
    def frames(self, folder):
        with Image.open(folder / "preview.gif") as image:
            return [np.array((image.seek(i), image.convert("RGB"))[1]) for i in range(image.n_frames)]

    def test_each_class_is_seen(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8, ["many", "few"]) as writer:
            for i in range(100):
                writer.add(clip(value=100), str(i), "many")
            writer.add(clip(value=200), "last", "few")
        first = self.frames(tmp_path / "d")[0]
        assert (first == 200).all(-1).sum() == 64
        assert (first == 100).all(-1).sum() == 8 * 64

    def test_ten_classes_are_all_seen_and_of_a_hundred_sixteen(self, tmp_path):
        for count, shown in ((10, 10), (100, 16)):
            classes = [str(i) for i in range(count)]
            with open_writer(tmp_path / str(count), "toy", 8, classes) as writer:
                for i in range(3 * count):
                    writer.add(clip(1, value=100 + i % count), str(i), classes[i % count])
            first = self.frames(tmp_path / str(count))[0]
            assert len(np.unique(first[first >= 100])) == shown

    def test_a_short_video_waits_at_its_end(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8) as writer:
            writer.add(clip(2, value=50), "short")
            writer.add(clip(50, value=90), "long")
        frames = self.frames(tmp_path / "d")
        assert len(frames) == 32
        assert (frames[31] == 50).all(-1).sum() == 64

    def test_large_frames_are_shrunk(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 256) as writer:
            writer.add(clip(1, 256), "a")
        assert self.frames(tmp_path / "d")[0].shape == (96, 96, 3)


class TestMisuse:
    @pytest.mark.parametrize(
        "frames", [clip(size=9), clip().astype(np.float32), clip()[0], clip(0), np.zeros((4, 8, 8, 1), np.uint8)]
    )
    def test_frames_of_another_form(self, tmp_path, frames):
        with pytest.raises(ValueError, match=r"v: .* instead of uint8 \(T, 8, 8, 3\)"):
            PreparedWriter(tmp_path, "toy", 8).add(frames, "v")

    def test_an_id_twice(self, tmp_path):
        with (
            pytest.raises(ValueError, match="same: two videos have this id"),
            open_writer(tmp_path / "d", "toy", 8) as w,
        ):
            w.add(clip(), "same")
            w.add(clip(), "same")

    def test_a_class_nobody_announced(self, tmp_path):
        with (
            pytest.raises(ValueError, match="v: the class z is not one of x"),
            open_writer(tmp_path / "d", "toy", 8, ["x"]) as w,
        ):
            w.add(clip(), "v", "z")


class TestWhereItIsWritten:
    def write(self, out, force=False, value=0):
        with open_writer(out, "toy", 8, force=force) as writer:
            writer.add(clip(value=value), "1")

    def test_a_failure_leaves_nothing(self, tmp_path):
        with pytest.raises(RuntimeError), open_writer(tmp_path / "d", "toy", 8) as writer:
            writer.add(clip(), "1")
            raise RuntimeError
        assert tree(tmp_path) == []

    def test_a_failure_leaves_the_old_dataset(self, tmp_path):
        self.write(tmp_path / "d", value=5)
        before = tree(tmp_path)
        with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "d", "toy", 8, force=True) as writer:
            writer.add(clip(), "1")
            raise KeyboardInterrupt
        assert tree(tmp_path) == before
        assert (PreparedDataset.open(tmp_path / "d").frames(0, [0]) == 5).all()

    def test_no_videos(self, tmp_path):
        with pytest.raises(DataError, match=r"toy: no usable video$"), open_writer(tmp_path / "d", "toy", 8):
            pass
        with (
            pytest.raises(DataError, match=r"no usable video: 2 left out, the first, a\.png: not an image$"),
            open_writer(tmp_path / "d", "toy", 8) as writer,
        ):
            writer.skip("a.png", "not an image")
            writer.skip("b.png", "cut short")
        assert tree(tmp_path) == []

    def test_an_existing_dataset_needs_force(self, tmp_path):
        self.write(tmp_path / "d")
        with pytest.raises(OutputError, match="d: it holds a prepared dataset already; use --force to replace it"):
            self.write(tmp_path / "d")
        self.write(tmp_path / "d", force=True, value=9)
        assert (PreparedDataset.open(tmp_path / "d").frames(0, [0]) == 9).all()
        assert tree(tmp_path / "d") == ["dataset.yml", "frames-00000.npy", "preview.gif", "videos.csv"]
        assert [p.name for p in tmp_path.iterdir()] == ["d"]

    def test_an_empty_folder_will_do(self, tmp_path):
        (tmp_path / "d").mkdir()
        self.write(tmp_path / "d")
        assert len(PreparedDataset.open(tmp_path / "d")) == 1

    @pytest.mark.parametrize("force", [False, True])
    @pytest.mark.parametrize("also_a_dataset", [False, True])
    def test_other_things_are_never_deleted(self, tmp_path, force, also_a_dataset):
        if also_a_dataset:
            self.write(tmp_path / "d")
        (tmp_path / "d" / "thesis").mkdir(parents=True)
        with pytest.raises(OutputError, match=r"d: it holds things that are no prepared dataset \(thesis\), so it is"):
            self.write(tmp_path / "d", force)
        assert (tmp_path / "d" / "thesis").is_dir()

    def test_frames_without_their_description_are_left_alone(self, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "frames-00000.npy").touch()
        with pytest.raises(OutputError, match=r"no prepared dataset \(frames-00000.npy\)"):
            self.write(tmp_path / "d", force=True)

    def test_a_file_stays(self, tmp_path):
        (tmp_path / "d").write_text("mine")
        with pytest.raises(OutputError, match="d: it is a file; choose a folder"):
            self.write(tmp_path / "d", force=True)
        assert (tmp_path / "d").read_text() == "mine"

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        self.write(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert len(PreparedDataset.open(tmp_path / "real")) == 1
