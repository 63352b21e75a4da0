"""What is said and shown of a prepared dataset."""

import errno
import itertools
import re

import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer.datasets import PreparedDataset, PreparedWriter, open_writer, overview
from mocogan_chainer.errors import OutputError

LABEL = 16
GREY = 64
GREEN = (0, 255, 0)


def clip(length, size=4, value=0):
    return np.full((length, size, size, 3), value, np.uint8)


def counting(length, size=4):
    """Frame i is of the grey i."""
    return np.broadcast_to(np.arange(length, dtype=np.uint8)[:, None, None, None], (length, size, size, 3))


def lines_of(text, name):
    """Return the lines of one fact: its own and those without a name that follow."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}:"))
    more = itertools.takewhile(lambda line: line.startswith(" "), lines[start + 1 :])
    return [lines[start].removeprefix(f"{name}:").strip(), *map(str.strip, more)]


def described(folder, lengths=(3,), size=2, **facts):
    """Describe a dataset of videos of these lengths; facts are a list each, of what ``add`` takes."""
    with open_writer(folder, "toy", size, sorted(set(facts.get("class_name", [])) - {""})) as writer:
        for i, length in enumerate(lengths):
            writer.add(clip(length, size), str(i), **{name: values[i] for name, values in facts.items()})
    return overview.describe(PreparedDataset.open(folder))


class TestDescribe:
    def test_the_whole_of_it(self, tmp_path):
        record = {"made_with": {"ffmpeg": "7.1", "numpy": "2.2.0"}}
        options = {"size": 4, "fps": None, "crop": "face", "limit": 1000}
        tmp_path = tmp_path / "d"
        tmp_path.mkdir()
        writer = PreparedWriter(tmp_path, "toy", 4, ["sad", "Größe"], options, record, shard_bytes=100 * 4 * 4 * 3)
        videos = [
            (10, "sad", "anna", "train"),
            (16, "Größe", "bert", "train"),
            (30, "sad", "anna", "test"),
            (31, "Größe", "", "test"),
            (40, "Größe", "carl", "train"),
            (45, "", "carl", ""),
        ]
        for i, (length, class_name, subject, split) in enumerate(videos):
            crop = f"crop={20 + i}:{20 + i}:0:7,scale=4:4" if i else "scale=4:4"
            writer.add(clip(length), f"v{i}", class_name, subject, split=split, filter=crop)
        writer.skip("a/7", "7 frames, fewer than min_frames=10")
        writer.skip("b/1", "cannot be read as an image: cut short")
        writer.skip("a/8", "8 frames, fewer than min_frames=10")
        writer.remark("v1", "missing frame numbers: 3, 7 to 9")
        writer.finish()
        text = overview.describe(PreparedDataset.open(tmp_path))
        size = sum(path.stat().st_size for path in tmp_path.iterdir()) / 2**20
        text = text.replace(f"{size:.1f} MiB", "SIZE")
        assert re.sub(r"mocogan-chainer [^,]*", "mocogan-chainer VERSION", text) == (
            "toy: 6 videos, 4 x 4 pixels, 172 frames in 2 shards, SIZE on disk\n"
            "made by:  mocogan-chainer VERSION, ffmpeg 7.1, numpy 2.2.0\n"
            "options:  size=4, crop=face, limit=1000\n"
            "filter:   crop=N:N:0:7,scale=4:4 (5 of 6 videos)\n"
            "masks:    none\n"
            "classes:  2: sad (2), Größe (3), without a class (1)\n"
            "subjects: 3\n"
            "split:    train 3 videos of 3 subjects, test 2 videos of 1 subject, in neither 1 video of 1 subject; "
            "1 subject\n"
            "          in both\n"
            "lengths:  shortest 10, median 30.5, longest 45 frames\n"
            "          10 to 14        1  ####################\n"
            "          15 to 19        1  ####################\n"
            "          20 to 24        0\n"
            "          25 to 29        0\n"
            "          30 to 34        2  ########################################\n"
            "          35 to 39        0\n"
            "          40 to 44        1  ####################\n"
            "          45 to 49        1  ####################\n"
            "clips:    long enough for 16 frames: 5 videos at stride 1 (16 frames), 3 videos at stride 2 "
            "(31 frames)\n"
            "left out: 3, listed in skipped.csv\n"
            "               2  N frames, fewer than min_frames=10\n"
            "               1  cannot be read as an image\n"
            "remarks:  1, listed in remarks.csv\n"
            "               1  missing frame numbers"
        )

    def test_the_least_there_can_be(self, tmp_path):
        text = described(tmp_path / "d", [1])
        assert text.startswith("toy: 1 video, 2 x 2 pixels, 1 frame in 1 shard, 0.0 MiB on disk\n")
        said = {name: lines_of(text, name) for name in re.findall(r"^([a-z ]+):(?= )", text, re.M) if name != "toy"}
        assert said.pop("made by")[0].startswith("mocogan-chainer ")
        assert said == {
            "masks": ["none"],
            "classes": ["none"],
            "subjects": ["0"],
            "split": ["none"],
            "lengths": ["shortest 1, median 1, longest 1 frame", "1 to 1        1  " + "#" * 40],
            "clips": ["long enough for 16 frames: 0 videos at stride 1 (16 frames), 0 videos at stride 2 (31 frames)"],
            "left out": ["none"],
            "remarks": ["none"],
        }

    def test_format_1(self, tmp_path):
        np.save(tmp_path / "frames-00000.npy", clip(20))
        rows = "id,class,subject,shard,first_frame,length,source\nx,a,,0,0,20,x\n"
        (tmp_path / "videos.csv").write_text(rows)
        meta = {
            "format": 1,
            "name": "old",
            "size": 4,
            "classes": ["a"],
            "counts": {"videos": 1},
            "options": {"seed": 4},
        }
        shards = [{"file": "frames-00000.npy", "frames": 20, "sha256": ""}]
        (tmp_path / "dataset.yml").write_text(yaml.safe_dump(meta | {"shards": shards}))
        text = overview.describe(PreparedDataset.open(tmp_path))
        assert lines_of(text, "made by") == ["an unknown tool"]
        assert lines_of(text, "options") == ["seed=4"]
        assert lines_of(text, "split") == ["none"]
        assert "filter:" not in text

    def test_masks(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 4, masks=True) as writer:
            writer.add(clip(3), "a", masks=clip(3)[..., 0])
        (line,) = lines_of(overview.describe(PreparedDataset.open(tmp_path / "d")), "masks")
        assert line.startswith("for every frame")

    def test_subjects_apart(self, tmp_path):
        text = described(tmp_path / "d", [1] * 3, split=["train", "train", "test"], subject=["a", "b", ""])
        assert lines_of(text, "split") == ["train 2 videos of 2 subjects, test 1 video"]

    def test_long_lists_are_wrapped(self, tmp_path):
        names = [f"class-{i:03d}" for i in range(60)]
        text = described(tmp_path / "d", [1] * 60, class_name=names)
        assert all(len(line) <= 110 for line in text.splitlines())
        assert " ".join(lines_of(text, "classes")) == "60: " + ", ".join(f"{name} (1)" for name in names)

    @pytest.mark.parametrize(
        "lengths",
        [
            [1],
            [9, 10],
            [5, 14],
            [5, 15],
            [1, 20],
            [36, 178, 92, 92, 41],
            [1, 5000],
            list(range(1, 300, 7)),
            [99, 101, 999],
        ],
    )
    def test_the_histogram_counts_each_video_once(self, tmp_path, lengths):
        text = described(tmp_path / "d", lengths, size=1)
        found = [re.fullmatch(r"(\d+) to +(\d+) +(\d+) *(#*)", line).groups() for line in lines_of(text, "lengths")[1:]]
        bins = [(int(low), int(high), int(count), len(bar)) for low, high, count, bar in found]
        assert 1 <= len(bins) <= 10
        assert [count for _, _, count, _ in bins] == [
            sum(low <= n <= high for n in lengths) for low, high, _, _ in bins
        ]
        assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(bins))
        assert len({high - low for low, high, _, _ in bins}) == 1
        assert bins[0][2] and bins[-1][2]
        assert max(bar for *_, bar in bins) == 40
        assert all((bar > 0) == (count > 0) for _, _, count, bar in bins)

    @pytest.mark.parametrize(
        ("reasons", "shown"),
        [
            (["2 frames, fewer than 9", "31 frames, fewer than 9"], ["2  N frames, fewer than 9"]),
            (["a face in 2 of 9", "a face in 3 of 11"], ["2  a face in N of N"]),
            (["a box at 1.5, 2", "a box at 12.25, 2"], ["2  a box at N, 2"]),
            (["a/b 1/003.jpg: 4 x 3, but", "/x y/7.jpg: 5 x 3, but"], ["2  N x 3, but"]),
            (["C:\\raw\\1.avi: cut short", "clip.avi: cut short"], ["2  cut short"]),
            (["cut short: after 3", "cut short: at the end"], ["2  cut short"]),
            (["KeyError: 'a'", "ValueError: b"], ["1  KeyError: 'a'", "1  ValueError: b"]),
            (["b", "a", "a"], ["2  a", "1  b"]),
            (["two\nlines"], ["1  two lines"]),
            ([""], ["1"]),
            ([*"aabbccddeefgh"], ["2  a", "2  b", "2  c", "2  d", "2  e", "3  other"]),
            (["w" * 20 + " word" * 100], ["1  " + "w" * 20 + " word" * 17 + "..."]),
        ],
    )
    def test_reasons_are_grouped(self, tmp_path, reasons, shown):
        with open_writer(tmp_path / "d", "toy", 4) as writer:
            writer.add(clip(3), "a")
            for i, reason in enumerate(reasons):
                writer.skip(f"{i}.avi", reason)
                writer.remark(f"{i}.avi", reason)
        text = overview.describe(PreparedDataset.open(tmp_path / "d"))
        assert lines_of(text, "left out") == [f"{len(reasons)}, listed in skipped.csv", *shown]
        assert lines_of(text, "remarks") == [f"{len(reasons)}, listed in remarks.csv", *shown]

    def test_filters_with_the_same_numbers_keep_them(self, tmp_path):
        text = described(tmp_path / "d", [1, 1], filter=["fps=12.5,scale=64:64", "fps=12.5,scale=64:64"])
        assert lines_of(text, "filter") == ["fps=12.5,scale=64:64 (every video)"]


class TestSpread:
    @pytest.mark.parametrize(
        ("labels", "count", "chosen"),
        [
            ([0, 0, 0, 0, 0], 3, [0, 2, 4]),
            ([0, 1, 0, 1, 0, 1], 2, [0, 1]),
            ([1, 1, 1, 1, 1, 0], 4, [5, 0, 4]),  # the class of one video gives what it has
            ([-1, 0, -1], 12, [0, 2, 1]),
        ],
    )
    def test_by_hand(self, labels, count, chosen):
        assert overview.spread(np.array(labels), count) == chosen

    @pytest.mark.parametrize("classes", [1, 2, 5, 12, 13, 101])
    def test_never_too_many_and_classes_alike(self, classes):
        labels = np.arange(40 * classes) % classes
        chosen = overview.spread(labels, 12)
        assert len(chosen) == len(set(chosen)) == 12
        counts = np.bincount(labels[chosen], minlength=classes)
        assert counts.max() - counts.min() <= 1


def sheet_of(folder, videos, size=4, masks=None, **options):
    """Make a dataset of ``(frames, what else add takes)`` and draw it."""
    names = sorted({facts.get("class_name", "") for _, facts in videos} - {""})
    with open_writer(folder, "toy", size, names, masks=masks is not None, force=True) as writer:
        for i, (frames, facts) in enumerate(videos):
            more = {} if masks is None else {"masks": masks[i]}
            writer.add(frames, **({"id": str(i)} | facts | more))
    return overview.contact_sheet(PreparedDataset.open(folder), **options)


class TestContactSheet:
    def test_frames_spread_from_the_first_to_the_last(self, tmp_path):
        sheet = sheet_of(tmp_path / "d", [(counting(10), {}), (counting(200), {})], columns=4)
        assert sheet.dtype == np.uint8
        assert sheet.shape == (2 * (LABEL + 4), 400, 3)
        for row, places in enumerate(([0, 3, 6, 9], [0, 66, 133, 199])):
            band = sheet[row * 20 + LABEL : row * 20 + 20]
            for column, place in enumerate(places):
                assert (band[:, column * 6 : column * 6 + 4] == place).all()
                assert (band[:, column * 6 + 4 : column * 6 + 6] == GREY).all()

    def test_a_short_video_shows_each_frame_once(self, tmp_path):
        band = sheet_of(tmp_path / "d", [(clip(1, value=200), {}), (counting(3), {})])[LABEL:20]
        assert (band[:, :4] == 200).all()
        assert (band[:, 4:] == GREY).all()

    def test_its_width_is_that_of_eight_frames(self, tmp_path):
        assert sheet_of(tmp_path / "d", [(clip(9, 64), {})], 64).shape == (LABEL + 64, 8 * 66 - 2, 3)

    def test_large_frames_are_shrunk(self, tmp_path):
        frames = clip(2, 192)
        frames[:, :, 96:] = 250
        sheet = sheet_of(tmp_path / "d", [(frames, {})], 192, columns=2)
        assert sheet.shape == (LABEL + 96, 400, 3)
        assert (sheet[LABEL:, 0:48] == 0).all()
        assert (sheet[LABEL:, 48:96] == 250).all()
        assert (sheet[LABEL:, 96:98] == GREY).all()

    def test_twelve_rows_spread_over_the_classes(self, tmp_path):
        videos = [(clip(1, value=10 * (i % 3) + 100), {"class_name": "abc"[i % 3]}) for i in range(60)]
        sheet = sheet_of(tmp_path / "d", videos)
        assert len(sheet) == 12 * 20
        assert sheet[LABEL::20, 0, 0].tolist() == [100] * 4 + [110] * 4 + [120] * 4
        assert len(sheet_of(tmp_path / "d", videos, rows=3)) == 3 * 20

    def test_the_label_says_class_split_id_and_length(self, tmp_path):
        base = {"class_name": "smile", "split": "train", "id": "take-1"}
        changes = [{"class_name": "smirk"}, {"split": "test"}, {"split": ""}, {"id": "take-2"}, {"class_name": ""}, {}]
        labels = []
        for i, change in enumerate(changes):
            label = sheet_of(tmp_path / str(i), [(clip(5 if change else 6), base | change)])[:LABEL]
            assert label.min() == 0
            assert label.max() > 200
            labels.append(label.tobytes())
        labels.append(sheet_of(tmp_path / "d", [(clip(5), base)])[:LABEL].tobytes())
        assert len(set(labels)) == len(labels)
        assert sheet_of(tmp_path / "e", [(clip(5), base)])[:LABEL].tobytes() == labels[-1]

    @pytest.mark.parametrize("columns", [1, 8])
    def test_a_long_id_leaves_room_for_the_length(self, tmp_path, columns):
        """It keeps its end, which is what tells takes apart."""
        labels = []
        for i, (length, end) in enumerate([(5, "1"), (7, "1"), (5, "2")]):
            facts = {"class_name": "c" * 300, "id": "very/long/" * 60 + end, "split": "test"}
            label = sheet_of(tmp_path / str(i), [(clip(length), facts)], columns=columns)[:LABEL]
            assert (label[:, -2:] == 0).all()
            assert label[:, -60:].any()
            labels.append(label.tobytes())
        assert len(set(labels)) == 3

    @pytest.mark.parametrize(
        "name",
        ["größe", "大きい", "שלום", "Ж", "🙂", "e\u0301", "a\nb\tc", "\x1b[31m", "caf\udce9", " ", "\u202e", "\x7f"],
    )
    def test_any_name(self, tmp_path, name):
        label = sheet_of(tmp_path / "d", [(clip(5), {"class_name": name, "id": name, "source": name})])[:LABEL]
        assert label.max() > 200

    def test_names_that_the_font_lacks_are_told_apart(self, tmp_path):
        labels = {
            name: sheet_of(tmp_path / str(i), [(clip(5), {"id": name})])[:LABEL].tobytes()
            for i, name in enumerate(["大", "小", "o", "Ж"])
        }
        assert len(set(labels.values())) == 4
        assert sheet_of(tmp_path / "d", [(clip(5), {"id": "ö"})])[:LABEL].tobytes() == labels["o"]

    def test_masks_are_outlined(self, tmp_path):
        rng = np.random.default_rng(0)
        frames = rng.integers(0, 200, (3, 20, 20, 3)).astype(np.uint8)
        marks = np.zeros((3, 20, 20), np.uint8)
        marks[0, 4:12, 5:16] = 255
        marks[1, 3, 3] = marks[1, 10:12, 10:18] = 128
        marks[1, 15:18, 2:7] = 127
        sheet = sheet_of(tmp_path / "d", [(frames, {})], 20, masks=[marks], columns=3)
        for i in range(3):
            tile = sheet[LABEL:, i * 22 : i * 22 + 20]
            for y, x in itertools.product(range(20), repeat=2):
                marked = marks[i, y, x] >= 128
                around = marks[i, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                expected = GREEN if marked and (around < 128).any() else frames[i, y, x]
                np.testing.assert_array_equal(tile[y, x], expected)

    def test_masks_are_shrunk_with_their_frames(self, tmp_path):
        marks = np.zeros((1, 192, 192), np.uint8)
        marks[:, :, 96:] = 255
        tile = sheet_of(tmp_path / "d", [(clip(1, 192), {})], 192, masks=[marks])[LABEL:, :96]
        assert (tile[:, 48] == GREEN).all()
        assert (np.delete(tile, 48, axis=1) == 0).all()


class TestWritten:
    @pytest.fixture
    def dataset(self, tmp_path):
        with open_writer(tmp_path / "d", "toy", 32) as writer:
            writer.add(np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3)).astype(np.uint8), "a")
        return PreparedDataset.open(tmp_path / "d")

    def test_as_a_png(self, dataset, tmp_path):
        overview.write_contact_sheet(dataset, tmp_path / "new" / "sheet")
        with Image.open(tmp_path / "new" / "sheet") as image:
            assert image.format == "PNG"
            np.testing.assert_array_equal(np.array(image), overview.contact_sheet(dataset))

    def test_in_the_dataset_it_does_not_stand_in_the_way(self, dataset):
        overview.write_contact_sheet(dataset, dataset.path / "contact_sheet.png")
        PreparedDataset.open(dataset.path).verify()
        with open_writer(dataset.path, "other", 4, force=True) as writer:
            writer.add(clip(3), "a")
        assert not (dataset.path / "contact_sheet.png").exists()

    def test_a_full_disk_leaves_what_was_there(self, dataset, tmp_path, monkeypatch):
        def fail(self, file, format, pnginfo):
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        path = tmp_path / "sheets" / "sheet.png"
        path.parent.mkdir()
        path.write_bytes(b"before")
        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(OutputError, match=r"sheet\.png: cannot be written: the disk is full"):
            overview.write_contact_sheet(dataset, path)
        assert path.read_bytes() == b"before"
        assert list(path.parent.iterdir()) == [path]
