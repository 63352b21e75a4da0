"""What holds for every set: options, limits, places, records, and the finding of sets."""

import csv
import hashlib
import re
import sys

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer import __version__, preprocessing
from mocogan_chainer.datasets import PreparedDataset, layout
from mocogan_chainer.errors import ConfigError, DataError, OutputError
from mocogan_chainer.preprocessing import partial
from tests.preprocessing.toys import toy
from tests.preprocessing.toys.use import SHARD_BYTES, toys


@pytest.fixture
def raw(tmp_path):
    """Twelve strips in three classes, video i with i % 4 + 1 frames."""
    for i in range(12):
        path = tmp_path / "raw" / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (8, 8 * (i % 4 + 1), 3)).astype(np.uint8)
        Image.fromarray(noise).save(path)
    return tmp_path / "raw"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_more_classes_than_could_be_read_again(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "MOST_CLASSES", 2)
    with pytest.raises(DataError, match=r"^3 classes \(a, b, \.\.\.\), but a dataset has at most 2; if"):
        preprocessing.prepare("strips", raw, tmp_path / "out", size=8, workers=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_every_set_says_what_it_is():
    sets = preprocessing.sets()
    assert list(sets) == sorted(sets)
    assert {"expressions", "folder", "mnist", "mug", "shapes", "strips"} <= {*sets}
    assert {"ucf101", "uva-nemo", "voxceleb", "weizmann"} <= {*sets}
    for name, kind in sets.items():
        assert name == kind.NAME
        assert kind.HELP
        assert {"size", "seed"} <= {field.name for field in kind.options()}
        assert all(field.metadata["help"] for field in kind.options())


def test_a_new_set_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text(
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "from mocogan_chainer.preprocessing import Item, Recording, Source, option\n"
        "@dataclass\n"
        "class Plain(Source):\n"
        "    NAME, HELP, NEEDS_RAW, WORKERS = 'plain', 'grey videos', False, 0\n"
        "    grey: int = option(7, 'brightness', low=0, high=255)\n"
        "    def items(self):\n"
        "        return [Item('one', 'one')]\n"
        "    def load(self, item):\n"
        "        return Recording(np.full((2, self.size, self.size, 3), self.grey, np.uint8))\n"
    )
    monkeypatch.setattr(preprocessing, "__path__", [*preprocessing.__path__, str(tmp_path)])
    try:
        preprocessing.prepare("plain", None, tmp_path / "out", grey=9)
    finally:
        sys.modules.pop("mocogan_chainer.preprocessing.plain", None)
    assert PreparedDataset.open(tmp_path / "out").frames(0, [1]).max() == 9


class TestToys:
    @pytest.fixture(autouse=True)
    def _toys(self, monkeypatch):
        toys(monkeypatch.setattr)

    def test_the_result_does_not_depend_on_the_workers(self, tmp_path):
        """Every byte of every file, with videos that overtake each other, mishaps, remarks and several shards."""
        raw = toy.mixed(tmp_path / "raw", 24)
        toy.write(raw, a_000="good 1 0.1", b_x="raises KeyError x", c_y="float 2")
        (raw / "masks").mkdir()
        made = []
        for workers in (0, 1, 2, 3):
            preprocessing.prepare("toy", raw, tmp_path / f"out{workers}", workers=workers)
            made.append(content(tmp_path / f"out{workers}"))
        assert made[0] == made[1] == made[2] == made[3]
        assert {"frames-00003.npy", "masks-00003.npy", "skipped.csv", "remarks.csv"} < set(made[0])

    @pytest.mark.parametrize("masks", [False, True])
    def test_every_frame_is_where_the_list_says(self, tmp_path, masks):
        raw = toy.mixed(tmp_path / "raw", 24)
        if masks:
            (raw / "masks").mkdir()
        preprocessing.prepare("toy", raw, tmp_path / "out", workers=2)
        shards = {path.name: np.load(path) for path in (tmp_path / "out").glob("*.npy")}
        with (tmp_path / "out" / "videos.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({row["shard"] for row in rows}) > 3
        for row in rows:
            length, first, shard = int(row["length"]), int(row["first_frame"]), int(row["shard"])
            made = toy.pixels(row["id"], 1 + int(row["id"][-3:]) % 4, 8, 3 + masks)
            assert length == len(made)
            frames = shards[f"frames-{shard:05d}.npy"]
            assert len(frames) <= SHARD_BYTES // frames[0].nbytes
            np.testing.assert_array_equal(frames[first : first + length], made[..., :3])
            if masks:
                found = shards[f"masks-{shard:05d}.npy"][first : first + length]
                np.testing.assert_array_equal(found, made[..., 3])
            assert row["filter"] == f"by {row['id']}"
        assert sum(map(len, shards.values())) == (1 + masks) * sum(int(row["length"]) for row in rows)

    def test_what_is_left_out_and_remarked_on_is_listed_in_the_order_of_the_work(self, tmp_path):
        raw = toy.write(
            tmp_path / "raw",
            a_1="good 1",
            a_2="float 1",
            a_fault3="killed",  # not even loaded
            b_4="refused",
            b_5="killed",
            b_6="good 2",
            b_fault7="good 1",
            b_remark8="good 3",
            c_9="raises ZeroDivisionError by zero",
            c_remark9="refused",
        )
        report = preprocessing.prepare("toy", raw, tmp_path / "out", workers=2, min_frames=2)
        few = "1 frames, fewer than min_frames=2"
        skipped = [
            ("a/1.toy", few),
            ("a/2.toy", "ValueError: a frame is float32 (8, 8, 3) instead of uint8 (8, 8, 3)"),
            ("a/fault3.toy", "known before"),
            ("b/4.toy", "a reason"),
            ("b/5.toy", "its worker process died (a crash in a decoder, or out of memory)"),
            ("b/fault7.toy", "known before"),
            ("c/9.toy", "ZeroDivisionError: by zero"),
            ("c/remark9.toy", "a reason"),
        ]
        assert report.skipped == skipped
        assert report.remarks == [("b/remark8.toy", "remarkable")]
        for path, rows in ((report.skipped_list, skipped), (report.remarks_list, report.remarks)):
            with path.open(newline="") as file:
                assert [tuple(row) for row in csv.reader(file)][1:] == rows
        assert report.classes == {"b": 2}
        assert (report.videos, report.frames, report.recovered) == (2, 5, 0)

    def test_what_is_half_made_does_not_pile_up(self, tmp_path, monkeypatch):
        """Files of videos that turned out damaged or short go as they are met."""
        raw = toy.write(tmp_path / "raw", a_1="late 3", a_2="good 1", a_3="good 2", a_4="late 9", a_5="good 3")
        seen = []
        note = partial.Partial.note

        def watched(self, *known):
            note(self, *known)
            seen.append(sorted(path.name for path in self.parts.iterdir()))

        monkeypatch.setattr(partial.Partial, "note", watched)
        preprocessing.prepare("toy", raw, tmp_path / "out", workers=0, min_frames=2)
        assert seen == [[f"{i:08d}"] for i in range(5)]

    def test_everything_that_matters_is_recorded(self, tmp_path):
        raw = toy.mixed(tmp_path / "raw", 24)
        (raw / "masks").mkdir()
        out = tmp_path / "out"
        options = {"size": 9, "seed": 5, "split": 0.25, "limit": 20, "min_frames": 2}
        report = preprocessing.prepare("toy", raw, out, workers=0, **options)
        meta = yaml.safe_load((out / "dataset.yml").read_text())
        with (out / "videos.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert meta["tool"] == f"mocogan-chainer {__version__}"
        assert meta["made_with"] == {"opencv": cv2.__version__, "numpy": np.__version__}
        assert meta["options"] == options | {"raw": str(raw)}
        subjects = {path.stem[-1] for path in raw.glob("*/*.toy")}
        counts = {"videos": 24, "subjects": len(subjects), "by_class": {"a": 8, "b": 8, "c": 8}}
        assert meta["found"] == counts
        faults = [source for source, reason in report.skipped if reason == "known before"]
        assert len(faults) == len(list(raw.glob("*/fault*"))) == 3  # listed whatever the limit
        assert meta["taken"]["videos"] == 20 == sum(meta["taken"]["by_class"].values())
        assert meta["counts"]["videos"] == len(rows) == 20 + len(faults) - meta["counts"]["skipped"]
        for split in ("train", "test"):
            chosen = [row for row in rows if row["split"] == split]
            known = {"videos": len(chosen), "subjects": len({row["subject"] for row in chosen})}
            assert meta["counts"]["splits"][split] == known
            assert chosen
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
        assert meta["checksums"] == {"videos.csv": sums["videos.csv"]}
        for shard in meta["shards"]:
            assert shard["sha256"] == sums[shard["file"]]
            assert shard["masks_sha256"] == sums[shard["file"].replace("frames", "masks")]
        assert len(meta["shards"]) == len(list(out.glob("frames-*.npy"))) > 3

    def test_the_report(self, tmp_path):
        raw = toy.write(tmp_path / "raw", a_1="good 1", b_2="good 2", b_3="good 3", c_4="refused")
        report = preprocessing.prepare("toy", raw, tmp_path / "out", workers=0)
        assert (report.out, report.name, report.size) == (tmp_path / "out", "toy", 8)
        assert (report.videos, report.frames, report.classes) == (3, 6, {"a": 1, "b": 2})
        assert (report.splits, report.remarks, report.recovered) == ({}, [], 0)
        assert report.preview.is_file()
        assert report.skipped_list.is_file()
        assert not report.remarks_list.exists()


def test_a_limit_draws_at_random_under_the_seed(raw, tmp_path):
    drawn = []
    for i, (seed, workers) in enumerate([(0, 0), (0, 2), (1, 0)]):
        preprocessing.prepare("strips", raw, tmp_path / str(i), workers=workers, limit=5, seed=seed, size=8)
        drawn.append(PreparedDataset.open(tmp_path / str(i)).ids)
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(ids) == 5 and ids == sorted(ids, key=lambda s: (s[0], int(s[2:-4]))) for ids in drawn)
    preprocessing.prepare("strips", raw, tmp_path / "all", workers=0, limit=100, size=8)
    assert len(PreparedDataset.open(tmp_path / "all")) == 12


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sise": 32}, r"sise: strips has no such option; it has size, split, seed \(did you mean size\?\)"),
            ({"size": 0}, "size=0: it must be between 1 and 4096"),
            ({"size": "64"}, "size=64: it must be of type int"),
            ({"size": None}, "size=None: it must be of type int"),
            ({"seed": -1}, "seed=-1: it must be at least 0"),
            ({"workers": -1}, "workers=-1: it must be at least 0"),
            ({"limit": 0}, "limit=0: it must be at least 1"),
            ({"min_frames": 0}, "min_frames=0: it must be at least 1"),
        ],
    )
    def test_options(self, raw, tmp_path, options, message):
        with pytest.raises(ConfigError, match=message):
            preprocessing.prepare("strips", raw, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()

    def test_an_unknown_set(self, tmp_path):
        with pytest.raises(
            ConfigError, match=r"shape: no such dataset; it must be one of .*, shapes, .* \(did you mean shapes\?\)"
        ):
            preprocessing.prepare("shape", None, tmp_path / "out")

    def test_raw_data_where_none_is_wanted_and_the_reverse(self, tmp_path):
        with pytest.raises(ConfigError, match=r"raw: shapes makes its own videos and takes no raw data; omit it"):
            preprocessing.prepare("shapes", "raw", tmp_path / "out")
        with pytest.raises(ConfigError, match=r"strips needs raw data: CLASS/VIDEO\.png"):
            preprocessing.prepare("strips", None, tmp_path / "out")

    def test_no_raw_data_there(self, tmp_path):
        with pytest.raises(DataError, match=r"gone: no such file or folder; mug reads SUBJECT/EMOTION/TAKE"):
            preprocessing.prepare("mug", tmp_path / "gone", tmp_path / "out")

    @pytest.mark.parametrize("out", ["raw", "raw/out", ".", "link"])
    def test_out_over_in_or_around_the_raw_data(self, raw, tmp_path, out):
        (tmp_path / "link").symlink_to(raw)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(OutputError, match=re.escape(str(tmp_path / out))):
            preprocessing.prepare("strips", raw, tmp_path / out, force=True)
        assert sorted(tmp_path.rglob("*")) == before

    def test_raw_data_within_a_prepared_dataset_is_not_replaced(self, tmp_path, raw):
        preprocessing.prepare("shapes", None, tmp_path / "data", num=1)
        with pytest.raises(OutputError, match="data: it must be separate from the raw data"):
            preprocessing.prepare("mnist", tmp_path / "data" / "frames-00000.npy", tmp_path / "data", force=True)

    def test_an_existing_dataset_is_refused_before_the_work(self, raw, tmp_path, monkeypatch):
        preprocessing.prepare("shapes", None, tmp_path / "data", num=1)
        monkeypatch.setattr(preprocessing.find("strips"), "items", lambda self: pytest.fail("it began"))
        with pytest.raises(OutputError, match="use --force to replace it"):
            preprocessing.prepare("strips", raw, tmp_path / "data")
