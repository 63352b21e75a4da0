"""Writing prepared datasets, and what is left when that fails."""

import csv
import hashlib
import tracemalloc

import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer import yaml_text
from mocogan_chainer.datasets import PreparedDataset, PreparedWriter, layout, open_writer
from mocogan_chainer.datasets.layout import HEADER_BYTES, npy_header
from mocogan_chainer.datasets.writer import check_classes
from mocogan_chainer.errors import DataError, OutputError


def clip(length=4, size=8, value=0):
    return np.full((length, size, size, 3), value, np.uint8)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def marks(length=4, size=8, value=0):
    return np.full((length, size, size), value, np.uint8)


@pytest.mark.parametrize("shape", [(64, 64, 3), (4096, 4096)])
@pytest.mark.parametrize("frames", [0, 1, 87381, 10**9])
def test_the_header_is_numpys_and_of_one_length(tmp_path, frames, shape):
    header = npy_header(frames, *shape)
    assert len(header) == HEADER_BYTES
    with (tmp_path / "a.npy").open("wb+") as file:
        file.write(header)
        file.seek(0)
        assert np.lib.format.read_magic(file) == (1, 0)
        assert np.lib.format.read_array_header_1_0(file) == ((frames, *shape), False, np.dtype(np.uint8))
        assert file.tell() == HEADER_BYTES


class TestManyClasses:
    def test_too_many(self, tmp_path):
        names = [f"id{i}" for i in range(layout.MOST_CLASSES + 1)]
        match = r"20,001 classes \(id0, id1, \.\.\.\), but a dataset has at most 20,000; if the first folder"
        with pytest.raises(DataError, match=match), open_writer(tmp_path / "d", "toy", 8, names):
            raise AssertionError("some work was done")
        assert tree(tmp_path) == []

    def test_names_too_long(self, monkeypatch):
        monkeypatch.setattr(yaml_text, "MOST_LETTERS", 1 << 16)
        check_classes([f"{i:0100d}" for i in range(100)])
        match = r"^100 classes whose names have 2\d,\d+ letters, but at most 14,336 are allowed; use shorter names"
        with pytest.raises(DataError, match=match):
            check_classes([f"{i:0200d}" for i in range(100)])

    @pytest.mark.parametrize(
        "name", ["id{}", "a: b #{} " + "ü" * 40, "{} " + "x y " * 40], ids=["short", "quoted", "long"]
    )
    def test_as_many_as_may_be_can_be_read_again(self, tmp_path, monkeypatch, name):
        monkeypatch.setattr(layout, "MOST_CLASSES", layout.MOST_CLASSES // 100)  # both limits, a hundred times smaller
        monkeypatch.setattr(yaml_text, "MOST_VALUES", yaml_text.MOST_VALUES // 100)
        monkeypatch.setattr(yaml_text, "MOST_LETTERS", yaml_text.MOST_LETTERS // 100)
        names = [name.format(i) for i in range(layout.MOST_CLASSES)]
        while True:
            try:
                check_classes(names)
                break
            except DataError:
                del names[-10:]
        by_class = {"by_class": dict.fromkeys(names, 10**6)}
        with open_writer(tmp_path / "d", "toy", 8, names) as writer:
            writer._record |= {"found": by_class, "taken": by_class}
            for i, class_name in enumerate(names):
                writer.add(clip(1), str(i), class_name)
        assert PreparedDataset.open(tmp_path / "d").class_names == names


class TestContent:
    def test_what_dataset_yml_says(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8, ["x", "never", "y"], {"seed": 1, "limit": None}) as writer:
            writer.add(clip(), "1", "y")
            writer.add(clip(6), "2", "x")
            writer.add(clip(), "3", "x")
            writer.skip("bad.png", "not an image")
        meta = yaml.safe_load((tmp_path / "d" / "dataset.yml").read_text())
        assert meta["shards"][0].pop("sha256") == sha256(tmp_path / "d" / "frames-00000.npy")
        assert meta.pop("tool").startswith("mocogan-chainer ")
        assert meta == {
            "format": 2,
            "name": "toy",
            "size": 8,
            "masks": False,
            "classes": ["x", "y"],
            "counts": {
                "videos": 3,
                "frames": 14,
                "skipped": 1,
                "remarks": 0,
                "videos_by_class": {"x": 2, "y": 1},
                "splits": {},
            },
            "options": {"seed": 1, "limit": None},
            "checksums": {"videos.csv": sha256(tmp_path / "d" / "videos.csv")},
            "shards": [{"file": "frames-00000.npy", "frames": 14}],
        }
        assert PreparedDataset.open(tmp_path / "d").labels.tolist() == [1, 0, 0]

    def test_what_videos_csv_says(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8, ["x"]) as writer:
            writer.add(clip(), "1", "x", "anna", "raw/1.avi", split="test", filter="crop=8:8:0:0,scale=8:8")
            writer.add(clip(5), "2")
        assert (tmp_path / "d" / "videos.csv").read_text() == (
            "id,class,subject,split,shard,first_frame,length,source,filter\n"
            '1,x,anna,test,0,0,4,raw/1.avi,"crop=8:8:0:0,scale=8:8"\n'
            "2,,,,0,4,5,,\n"
        )

    def test_splits_are_counted(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8) as writer:
            for i, (split, subject) in enumerate(
                [("test", "a"), ("train", "b"), ("train", "b"), ("train", ""), ("", "c")]
            ):
                writer.add(clip(), str(i), subject=subject, split=split)
        meta = yaml.safe_load((tmp_path / "d" / "dataset.yml").read_text())
        assert meta["counts"]["splits"] == {
            "train": {"videos": 3, "subjects": 1},
            "test": {"videos": 1, "subjects": 1},
        }

    def test_what_else_is_to_be_recorded(self, tmp_path):
        writer = PreparedWriter(tmp_path, "toy", 8, options={"seed": 1}, record={"made_with": {"ffmpeg": "7.0"}})
        writer.add(clip(), "1")
        writer.finish()
        meta = yaml.safe_load((tmp_path / "dataset.yml").read_text())
        assert (meta["options"], meta["made_with"]) == ({"seed": 1}, {"ffmpeg": "7.0"})

    def test_masks_are_a_file_beside_each_shard(self, tmp_path):
        writer = PreparedWriter(tmp_path, "toy", 8, masks=True, shard_bytes=6 * 8 * 8 * 3)
        writer.add(clip(4), "1", masks=marks(4, value=1))
        writer.add(clip(5), "2", masks=marks(5, value=2))
        writer.finish()
        np.testing.assert_array_equal(np.load(tmp_path / "masks-00000.npy"), marks(4, value=1))
        np.testing.assert_array_equal(np.load(tmp_path / "masks-00001.npy"), marks(5, value=2))
        meta = yaml.safe_load((tmp_path / "dataset.yml").read_text())
        assert meta["masks"] is True
        assert [list(shard) for shard in meta["shards"]] == [["file", "frames", "sha256", "masks_sha256"]] * 2
        assert meta["shards"][1]["masks_sha256"] == sha256(tmp_path / "masks-00001.npy")

    def test_remarks_csv_is_there_when_something_was(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 8) as writer:
            writer.add(clip(), "1")
            writer.remark("a.png", "odd")
        assert (tmp_path / "d" / "remarks.csv").read_text() == "source,remark\na.png,odd\n"
        assert "remarks.csv" in tree(tmp_path / "d")
        assert yaml.safe_load((tmp_path / "d" / "dataset.yml").read_text())["counts"]["remarks"] == 1
        with open_writer(tmp_path / "d", "toy", 8, force=True) as writer:  # remarks.csv does not stand in the way
            writer.add(clip(), "1")
        assert "remarks.csv" not in tree(tmp_path / "d")

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
        # The last are file names that are no UTF-8, and that end in a line's end, as a Mac's "Icon\r" does.
        classes = ["größe 大", "yes", "1", "- a: b", "#", 'a,"b"\nc', "caf\udce9", "Icon\r", "nul\0"]
        with open_writer(tmp_path / "d", "toy", 8, classes) as writer:
            for name in classes:
                writer.add(clip(), name, name, name, name, filter=name)
                writer.skip(name, name)
                writer.remark(name, name)
        dataset = PreparedDataset.open(tmp_path / "d")
        assert dataset.class_names == [*classes[:-3], "caf\\udce9", "Icon\\r", "nul\\0"]
        assert dataset.ids == dataset.subjects == dataset.sources == dataset.filters == dataset.class_names
        assert dataset.skipped() == dataset.remarks() == [(name, name) for name in dataset.class_names]
        assert dataset.labels.tolist() == list(range(len(classes)))

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
        "frames", [clip(size=9), clip().astype(np.float32), clip()[0], np.zeros((4, 8, 8, 1), np.uint8)]
    )
    def test_frames_of_another_form(self, tmp_path, frames):
        with pytest.raises(ValueError, match=r"v: frames .* instead of uint8 \([48], 8, 8, 3\)"):
            PreparedWriter(tmp_path, "toy", 8).add(frames, "v")

    def test_no_frames(self, tmp_path):
        with pytest.raises(ValueError, match="v: a video needs at least one frame"):
            PreparedWriter(tmp_path, "toy", 8).add(clip(0), "v")

    @pytest.mark.parametrize("masks", [marks(3), marks(size=7), clip(), marks().astype(bool)])
    def test_masks_of_another_form(self, tmp_path, masks):
        with pytest.raises(ValueError, match=r"v: masks .* instead of uint8 \(4, 8, 8\)"):
            PreparedWriter(tmp_path, "toy", 8, masks=True).add(clip(), "v", masks=masks)

    def test_masks_missing_or_unasked_for(self, tmp_path):
        with pytest.raises(ValueError, match="v: frames given, frames and masks needed"):
            PreparedWriter(tmp_path, "toy", 8, masks=True).add(clip(), "v")
        with pytest.raises(ValueError, match="v: frames and masks given, frames needed"):
            PreparedWriter(tmp_path, "toy", 8).add(clip(), "v", masks=marks())
        assert tree(tmp_path) == []

    def test_a_split_of_another_name(self, tmp_path):
        with pytest.raises(ValueError, match="v: the split val is not one of train, test"):
            PreparedWriter(tmp_path, "toy", 8).add(clip(), "v", split="val")

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
            pytest.raises(DataError, match=r"no usable video: 2 left out; the first was a\.png: not an image$"),
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
        with pytest.raises(OutputError, match=r"d: it holds things that are not a prepared dataset \(thesis\), so it"):
            self.write(tmp_path / "d", force)
        assert (tmp_path / "d" / "thesis").is_dir()

    def test_frames_without_their_description_are_left_alone(self, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "frames-00000.npy").touch()
        with pytest.raises(OutputError, match=r"not a prepared dataset \(frames-00000.npy\)"):
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
