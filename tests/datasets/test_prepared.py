"""Reading prepared datasets, whole and damaged."""

import hashlib
import multiprocessing
import os
import pickle
import re

import numpy as np
import pytest
import yaml

from mocogan_chainer.datasets import PreparedDataset, PreparedWriter, open_writer
from mocogan_chainer.errors import ConfigError, DataError, OutputError

SIZE = 6


def clip(length, seed):
    return np.random.default_rng(seed).integers(0, 256, (length, SIZE, SIZE, 3)).astype(np.uint8)


CLIPS = [clip(5, 1), clip(9, 2), clip(7, 3), clip(1, 4)]
MASKS = [clip(5, 5)[..., 0], clip(9, 6)[..., 1], clip(7, 7)[..., 2]]


@pytest.fixture
def folder(tmp_path):
    """Four videos in two shards, one of them without a class."""
    path = tmp_path / "data"
    path.mkdir()
    writer = PreparedWriter(path, "toy", SIZE, ["b", "a"], {"seed": 3}, shard_bytes=14 * SIZE * SIZE * 3)
    writer.add(CLIPS[0], "one", "a", "anna", "raw/one.png", filter="crop=1,scale=6")
    writer.add(CLIPS[1], "two", "b", "bert", "raw/two.png")
    writer.add(CLIPS[2], "three", "a", "anna", 'raw/th"r,ee\n.png')
    writer.add(CLIPS[3], "four")
    writer.finish()
    return path


@pytest.fixture
def masked(tmp_path):
    """Videos with masks, of 5 and 9 frames in one shard, and of 7 in another."""
    path = tmp_path / "masked"
    path.mkdir()
    writer = PreparedWriter(path, "toy", SIZE, masks=True, shard_bytes=14 * SIZE * SIZE * 3)
    for i in range(3):
        writer.add(CLIPS[i], str(i), masks=MASKS[i])
    writer.finish()
    return path


@pytest.fixture
def divided(tmp_path):
    """Six videos of i + 1 frames: two of test, three of train, one of neither."""
    with open_writer(tmp_path / "divided", "toy", SIZE, ["a", "b"]) as writer:
        for i, split in enumerate(["test", "train", "", "train", "test", "train"]):
            writer.add(clip(i + 1, i), f"v{i}", "ab"[i % 2], f"s{i}", split=split, filter=f"f{i}")
    return tmp_path / "divided"


@pytest.fixture
def earlier(tmp_path):
    """What format 1 was, written by hand: two videos in two shards."""
    path = tmp_path / "earlier"
    path.mkdir()
    arrays = {"frames-00000.npy": clip(3, 1), "frames-00001.npy": clip(2, 2)}
    for name, array in arrays.items():
        np.save(path / name, array)
    (path / "videos.csv").write_text(
        "id,class,subject,shard,first_frame,length,source\nx,a,anna,0,1,2,raw/x\ny,,,1,0,2,raw/y\n"
    )
    meta = {
        "format": 1,
        "tool": "mocogan-chainer 0.1.0",
        "name": "old",
        "size": SIZE,
        "classes": ["a"],
        "counts": {"videos": 2, "frames": 5, "skipped": 0, "videos_by_class": {"a": 1}},
        "options": {"seed": 4},
        "shards": [
            {"file": name, "frames": len(array), "sha256": hashlib.sha256((path / name).read_bytes()).hexdigest()}
            for name, array in arrays.items()
        ],
    }
    (path / "dataset.yml").write_text(yaml.safe_dump(meta))
    return path


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


class TestWhole:
    def test_what_it_says(self, folder):
        dataset = PreparedDataset.open(folder)
        assert len(list(folder.glob("frames-*.npy"))) == 2
        assert (dataset.path, dataset.name, dataset.size, len(dataset)) == (folder, "toy", SIZE, 4)
        assert dataset.class_names == ["b", "a"]
        assert dataset.labels.tolist() == [1, 0, 1, -1]
        assert dataset.labels.dtype == np.int32
        assert dataset.lengths.tolist() == [5, 9, 7, 1]
        assert dataset.lengths.dtype == np.int64
        assert dataset.subjects == ["anna", "bert", "anna", ""]
        assert dataset.ids == ["one", "two", "three", "four"]
        assert dataset.sources == ["raw/one.png", "raw/two.png", 'raw/th"r,ee\n.png', ""]
        assert dataset.splits == ["", "", "", ""]
        assert dataset.filters == ["crop=1,scale=6", "", "", ""]
        assert dataset.split == "all"
        assert not dataset.has_masks
        assert dataset.meta == yaml.safe_load((folder / "dataset.yml").read_text())
        assert dataset.options == {"seed": 3}

    def test_counts(self, folder):
        assert PreparedDataset.open(str(folder)).describe() == {
            "name": "toy",
            "size": SIZE,
            "videos": 4,
            "frames": 22,
            "classes": {"b": 1, "a": 2},
            "subjects": 2,
            "shortest": 1,
            "longest": 9,
        }

    @pytest.mark.parametrize("places", [range(1, 5, 2), [4, 0, 0], np.array([2]), range(4, 0, -2), [], range(3, 3)])
    def test_frames(self, folder, places):
        dataset = PreparedDataset.open(folder)
        for i in range(3):
            frames = dataset.frames(i, places)
            assert frames.dtype == np.uint8
            np.testing.assert_array_equal(frames, CLIPS[i][np.asarray(places, int)])

    def test_frames_are_a_copy(self, folder):
        dataset = PreparedDataset.open(folder)
        dataset.frames(0, range(5))[:] = 0
        np.testing.assert_array_equal(dataset.frames(0, range(5)), CLIPS[0])

    def test_frames_into_an_array(self, folder):
        out = np.zeros((2, SIZE, SIZE, 3), np.uint8)
        assert PreparedDataset.open(folder).frames(2, range(0, 4, 3), out=out) is out
        np.testing.assert_array_equal(out, CLIPS[2][[0, 3]])

    @pytest.mark.parametrize("places", [[5], [-1], range(4, 6)])
    def test_frames_of_the_next_video_cannot_be_had(self, folder, places):
        with pytest.raises(IndexError, match="of video 0, which has 5 frames"):
            PreparedDataset.open(folder).frames(0, places)

    def test_it_is_an_ordinary_npy_file_with_a_true_checksum(self, folder):
        meta = yaml.safe_load((folder / "dataset.yml").read_text())
        np.testing.assert_array_equal(np.load(folder / "frames-00000.npy"), np.concatenate(CLIPS[:2]))
        for shard in meta["shards"]:
            assert hashlib.sha256((folder / shard["file"]).read_bytes()).hexdigest() == shard["sha256"]

    def test_a_pickle_holds_no_frames_and_reads_again(self, tmp_path):
        with open_writer(tmp_path / "data", "big", 64) as writer:
            writer.add(np.full((200, 64, 64, 3), 7, np.uint8), "a")
        dataset = PreparedDataset.open(tmp_path / "data")
        text = pickle.dumps(dataset)
        assert len(text) < 4000
        assert (pickle.loads(text).frames(0, [199]) == 7).all()
        assert (dataset.frames(0, [0]) == 7).all()

    def test_several_processes_read_it(self, folder):
        dataset = PreparedDataset.open(folder)
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            read = pool.starmap(dataset.frames, [(i, range(len(c))) for i, c in enumerate(CLIPS)])
        for frames, expected in zip(read, CLIPS, strict=True):
            np.testing.assert_array_equal(frames, expected)

    def test_its_checksums_hold(self, folder):
        PreparedDataset.open(folder).verify()


class TestMasks:
    @pytest.mark.parametrize("places", [range(1, 5, 2), [4, 0, 0], np.array([2]), range(4, 0, -2), []])
    def test_they_go_with_the_frames(self, masked, places):
        dataset = PreparedDataset.open(masked)
        assert dataset.has_masks
        for i in range(3):
            masks = dataset.masks(i, places)
            assert masks.dtype == np.uint8
            np.testing.assert_array_equal(masks, MASKS[i][np.asarray(places, int)])
            np.testing.assert_array_equal(dataset.frames(i, places), CLIPS[i][np.asarray(places, int)])

    def test_into_an_array_and_after_a_pickle(self, masked):
        dataset = pickle.loads(pickle.dumps(PreparedDataset.open(masked)))
        out = np.zeros((2, SIZE, SIZE), np.uint8)
        assert dataset.masks(2, range(0, 4, 3), out=out) is out
        np.testing.assert_array_equal(out, MASKS[2][[0, 3]])

    def test_those_of_the_next_video_cannot_be_had(self, masked):
        with pytest.raises(IndexError, match="of video 0, which has 5 frames"):
            PreparedDataset.open(masked).masks(0, [5])

    def test_a_dataset_without_any(self, folder):
        with pytest.raises(DataError, match=r"data: this dataset has no masks; preprocess\.py expressions"):
            PreparedDataset.open(folder).masks(0, [0])

    def test_the_fingerprint_knows_them(self, masked):
        before = PreparedDataset.open(masked).fingerprint()
        meta = yaml.safe_load((masked / "dataset.yml").read_text())
        edit(masked / "dataset.yml", meta["shards"][1]["masks_sha256"], "f" * 64)
        assert PreparedDataset.open(masked).fingerprint() != before

    def test_checksums(self, masked):
        names = ["videos.csv", "frames-00000.npy", "masks-00000.npy", "frames-00001.npy", "masks-00001.npy"]
        expected = {name: hashlib.sha256((masked / name).read_bytes()).hexdigest() for name in names}
        dataset = PreparedDataset.open(masked)
        assert dataset.checksums() == expected
        dataset.verify()


class TestSplit:
    @pytest.mark.parametrize(("split", "chosen"), [("train", [1, 3, 5]), ("test", [0, 4]), ("all", [0, 1, 2, 3, 4, 5])])
    def test_the_videos_of_one(self, divided, split, chosen):
        dataset = PreparedDataset.open(divided, split=split)
        assert (len(dataset), dataset.split) == (len(chosen), split)
        assert dataset.ids == [f"v{i}" for i in chosen]
        assert dataset.subjects == [f"s{i}" for i in chosen]
        assert dataset.filters == [f"f{i}" for i in chosen]
        assert dataset.labels.tolist() == [i % 2 for i in chosen]
        assert dataset.lengths.tolist() == [i + 1 for i in chosen]
        assert dataset.class_names == ["a", "b"]
        for place, i in enumerate(chosen):
            np.testing.assert_array_equal(dataset.frames(place, range(i + 1)), clip(i + 1, i))
        dataset.verify()

    def test_all_is_what_is_opened(self, divided):
        assert PreparedDataset.open(divided).splits == ["test", "train", "", "train", "test", "train"]

    def test_what_was_not_split_is_train(self, folder):
        assert len(PreparedDataset.open(folder, split="train")) == 4
        with pytest.raises(DataError, match=r"data: no video is marked test: it was prepared without --split; use spl"):
            PreparedDataset.open(folder, split="test")

    def test_no_video_of_that_split(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", SIZE) as writer:
            writer.add(CLIPS[0], "one", split="test")
            writer.add(CLIPS[1], "two")
        with pytest.raises(DataError, match=r"d: no video is marked train: its videos are marked test; use split=all"):
            PreparedDataset.open(tmp_path / "d", split="train")

    def test_another_name(self, folder):
        with pytest.raises(ConfigError, match=r"split=tain: it must be one of train, test, all \(did you mean train"):
            PreparedDataset.open(folder, split="tain")


class TestFormat1:
    def test_it_opens(self, earlier):
        dataset = PreparedDataset.open(earlier)
        assert (dataset.name, dataset.ids, dataset.class_names) == ("old", ["x", "y"], ["a"])
        assert (dataset.splits, dataset.filters, dataset.has_masks) == (["", ""], ["", ""], False)
        np.testing.assert_array_equal(dataset.frames(0, range(2)), clip(3, 1)[1:])
        np.testing.assert_array_equal(dataset.frames(1, range(2)), clip(2, 2))
        assert sorted(dataset.checksums()) == ["frames-00000.npy", "frames-00001.npy"]
        assert (dataset.skipped(), dataset.remarks()) == ([], [])
        dataset.verify()

    def test_it_is_all_train(self, earlier):
        assert len(PreparedDataset.open(earlier, split="train")) == 2
        with pytest.raises(DataError, match="no video is marked test: it was prepared without --split"):
            PreparedDataset.open(earlier, split="test")

    def test_its_fingerprint_is_what_snapshots_have(self, earlier):
        parts = [hashlib.sha256((earlier / "videos.csv").read_bytes()).hexdigest(), "a"]
        parts += [hashlib.sha256((earlier / f"frames-0000{i}.npy").read_bytes()).hexdigest() for i in range(2)]
        expected = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        assert PreparedDataset.open(earlier).fingerprint() == expected

    def test_the_columns_of_another_format(self, earlier):
        edit(earlier / "dataset.yml", "format: 1", "format: 2\nmasks: false\nchecksums: {videos.csv: ''}")
        assert "videos.csv: damaged: its columns must be id, class, subject, split, shard" in refusal(earlier)


def refusal(folder):
    with pytest.raises(DataError) as info:
        PreparedDataset.open(folder)
    message = str(info.value)
    assert "\n" not in message
    return message


class TestDamaged:
    def test_a_missing_folder(self, tmp_path):
        assert re.search(
            r"gone: no such folder; make a dataset first: python preprocess\.py shapes \S*gone$",
            refusal(tmp_path / "gone"),
        )

    def test_a_file(self, tmp_path):
        (tmp_path / "a.npy").touch()
        assert "a.npy: not a folder" in refusal(tmp_path / "a.npy")

    def test_a_folder_of_something_else(self, tmp_path):
        assert "not a prepared dataset, it has no dataset.yml" in refusal(tmp_path)

    def test_another_format(self, folder):
        edit(folder / "dataset.yml", "format: 2", "format: 3")
        assert "dataset.yml: format 3, but this version reads 1, 2; prepare the data again" in refusal(folder)

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("format: 2", "form: 2", "it does not say its format"),
            ("name: toy", "nam: toy", "name is missing or not a str"),
            ("size: 6", "size: big", "size is missing or not a int"),
            ("size: 6", "size: 0", "must be at least 1"),
            ("videos: 4", "videos: many", "must be at least 1"),
            ("masks: false", "masks: 1", "masks is missing or not a bool"),
            ("masks: false\n", "", "masks is missing or not a bool"),
            ("masks: false", "masks: true", "shard 0 needs file, frames, sha256, masks_sha256"),
            ("checksums:", "sums:", "checksums is missing or not a dict"),
            ("  videos.csv: ", "  passwd: ", "checksums must hold the sha256 of videos.csv, and nothing else"),
            ("  videos.csv: ", "  x: y\n  videos.csv: ", "checksums must hold the sha256 of videos.csv, and nothing"),
            ("  videos.csv: ", "  videos.csv: 7 #", "checksums must hold the sha256 of videos.csv"),
            ("- b\n", "- a\n", "classes must be names, all different"),
            ("- b\n", "- 7\n", "classes must be names"),
            ("file: frames-00000.npy", "file: ../frames-00000.npy", "shard 0 must be the file frames-00000.npy"),
            ("file: frames-00001.npy", "file: /etc/passwd", "shard 1 must be the file frames-00001.npy"),
            ("frames: 14", "frames: all", "shard 0 needs file, frames, sha256"),
            ("format: 2", "format: [2", "while parsing"),
            ("name: toy", "name: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ],
    )
    def test_dataset_yml(self, folder, old, new, reason):
        edit(folder / "dataset.yml", old, new)
        message = refusal(folder)
        assert "dataset.yml: damaged: " in message
        assert reason in message

    def test_dataset_yml_that_is_no_text(self, folder):
        (folder / "dataset.yml").write_bytes(b"\xff\xfe\x00\x01")
        assert "dataset.yml: damaged" in refusal(folder)

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("one,a,anna,,0,0,5", "one,a,anna,,2,0,5", r"video one \(shard 2, frames 0 to 0 \+ 5\) lies outside"),
            ("one,a,anna,,0,0,5", "one,a,anna,,-1,0,5", "lies outside"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,5,10", "lies outside"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,-1,9", "lies outside"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,5,0", "lies outside"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,9223372036854775807,9", "lies outside"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,five,9", "must be whole numbers"),
            ("two,b,bert,,0,5,9", "two,b,bert,,0,99999999999999999999,9", "must be whole numbers"),
            ("four,,,,1,7,1,,\n", "", "lists 3 videos instead of 4"),
            ("four,,,,1,7,1,,", "four,,,,1,7,1,", "row 5 does not have 9 fields"),
            ("four,,,,1,7,1,,", "four,,,,1,7,1,,,x", "row 5 does not have 9 fields"),
            ("id,class", "name,class", "its columns must be id, class"),
            ("subject,split", "split,subject", "its columns must be id, class, subject, split"),
            ("four,,,,1", "four,,,val,1", "the split val is not one of train, test"),
        ],
    )
    def test_videos_csv(self, folder, old, new, reason):
        edit(folder / "videos.csv", old, new)
        assert re.search(rf"videos\.csv: damaged: .*{reason}.*; prepare the data again", refusal(folder))

    def test_an_unknown_class(self, folder):
        edit(folder / "videos.csv", "one,a,", "one,c,")
        assert "video one has the class c, which is not one of dataset.yml's: b, a" in refusal(folder)

    def test_no_videos_csv(self, folder):
        (folder / "videos.csv").unlink()
        assert "videos.csv: damaged: it is missing" in refusal(folder)

    def test_a_missing_shard(self, folder):
        (folder / "frames-00001.npy").unlink()
        assert "frames-00001.npy: damaged: it is missing" in refusal(folder)

    @pytest.mark.parametrize("left", [0, 50, 500])
    def test_a_cut_off_shard(self, folder, left):
        path = folder / "frames-00000.npy"
        path.write_bytes(path.read_bytes()[:left])
        assert "frames-00000.npy: damaged: it is cut short or not an array" in refusal(folder)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((13, SIZE, SIZE, 3), np.uint8),
            np.zeros((14, SIZE, SIZE), np.uint8),
            np.zeros((14, SIZE, SIZE, 3), np.float32),
        ],
    )
    def test_a_shard_of_another_shape(self, folder, array):
        np.save(folder / "frames-00000.npy", array)
        assert re.search(r"holds \w+ \(.*\), not uint8 \(14, 6, 6, 3\)", refusal(folder))

    def test_a_shard_in_fortran_order(self, folder):
        np.save(folder / "frames-00000.npy", np.zeros((14, SIZE, SIZE, 3), np.uint8, order="F"))
        assert "Fortran order" in refusal(folder)

    def test_a_shard_that_would_run_code(self, folder):
        np.save(folder / "frames-00000.npy", np.array([{}], object), allow_pickle=True)
        assert "cut short or not an array" in refusal(folder)

    def test_an_archive_for_a_shard(self, folder):
        with (folder / "frames-00000.npy").open("wb") as file:
            np.savez(file, np.zeros(3))
        assert "it is cut short or not an array (the magic string" in refusal(folder)

    @pytest.mark.parametrize("name", ["frames-00000.npy", "frames-00001.npy", "masks-00001.npy"])
    def test_one_changed_pixel(self, masked, name):
        path = masked / name
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        dataset = PreparedDataset.open(masked)
        with pytest.raises(DataError, match=rf"{name}: damaged: its content does not match its checksum"):
            dataset.verify()

    def test_a_changed_list_of_videos(self, folder):
        edit(folder / "videos.csv", "one,a,anna", "one,b,anna")
        dataset = PreparedDataset.open(folder)
        with pytest.raises(DataError, match=r"videos\.csv: damaged: its content does not match its checksum"):
            dataset.verify()

    @pytest.mark.parametrize("shape", [(15, SIZE, SIZE), (14, SIZE, SIZE, 1)])
    def test_masks_out_of_step(self, masked, shape):
        np.save(masked / "masks-00000.npy", np.zeros(shape, np.uint8))
        assert "masks-00000.npy: damaged: it holds uint8" in refusal(masked)

    def test_missing_masks(self, masked):
        (masked / "masks-00001.npy").unlink()
        assert "masks-00001.npy: damaged: it is missing" in refusal(masked)

    def test_a_list_of_what_was_left_out(self, folder):
        (folder / "skipped.csv").write_text("source,reason\na.png\n")
        with pytest.raises(DataError, match=r"skipped\.csv: damaged: row 2 does not have 2 fields"):
            PreparedDataset.open(folder).skipped()


def test_a_folder_of_datasets_names_them(tmp_path):
    for name in ("one", "two"):
        with open_writer(tmp_path / name, name, 8) as writer:
            writer.add(np.zeros((3, 8, 8, 3), np.uint8), "v")
    with pytest.raises(DataError, match=r"not a prepared dataset itself; it holds \S*one, \S*two: name one of them"):
        PreparedDataset.open(tmp_path)
    with (
        pytest.raises(OutputError, match=r"it lies in \S*one, which is a prepared dataset"),
        open_writer(tmp_path / "one" / "in", "in", 8),
    ):
        pass


def test_a_folder_with_a_dataset_yml_of_another_program(tmp_path):
    (tmp_path / "dataset.yml").write_text("train: images/train\nnames: [cat, dog]\n")
    with open_writer(tmp_path / "in", "in", 8) as writer:
        writer.add(np.zeros((3, 8, 8, 3), np.uint8), "v")
    assert len(PreparedDataset.open(tmp_path / "in")) == 1


class TestForeign:
    """Folders that somebody else made."""

    @pytest.mark.parametrize("name", ["dataset.yml", "videos.csv", "skipped.csv", "frames-00000.npy"])
    @pytest.mark.parametrize("kind", ["pipe", "device"])
    def test_what_would_keep_us_waiting(self, folder, name, kind):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name) if kind == "pipe" else (folder / name).symlink_to("/dev/zero")
        with pytest.raises(DataError):
            PreparedDataset.open(folder).skipped()

    @pytest.mark.parametrize("name", ["../frames-00000.npy", "/etc/passwd", "frames-00000.npy/../../x", "frames-1.npy"])
    def test_names_that_lead_out(self, folder, name):
        path = folder / "dataset.yml"
        path.write_text(path.read_text().replace("file: frames-00000.npy", f"file: {name}"))
        assert "shard 0 must be the file frames-00000.npy" in refusal(folder)

    @pytest.mark.parametrize("frames", ["-1", "0x7fffffffffffffff", "9" * 30, "281474976710656"])
    def test_frames_that_no_shard_has(self, folder, frames):
        path = folder / "dataset.yml"
        path.write_text(re.sub("frames: 14", f"frames: {frames}", path.read_text()))
        assert "shard 0 cannot have" in refusal(folder)

    def test_an_empty_list(self, folder):
        (folder / "videos.csv").write_bytes(b"")
        assert "its columns must be id, class" in refusal(folder)

    def test_options_that_unfold(self, folder):
        path = folder / "dataset.yml"
        bomb = ["  a0: &a0 [x]"] + [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
        path.write_text(path.read_text().replace("options:\n", "options:\n" + "\n".join(bomb) + "\n"))
        assert "values, those counted each time that names stand for" in refusal(folder)
