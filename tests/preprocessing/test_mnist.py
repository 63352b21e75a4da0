"""Moving MNIST from the published form and from digits."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.preprocessing import mnist


def prepare(raw, out, **options):
    report = preprocessing.prepare("mnist", raw, out, workers=0, **options)
    dataset = PreparedDataset.open(out)
    return report, dataset, [dataset.frames(i, range(n)) for i, n in enumerate(dataset.lengths)]


def blob(value):
    """A digit whose lit pixels fill all of its 28 x 28."""
    return np.full((28, 28), value, np.uint8)


def write_idx(path, array, compress=False):
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if compress else data)


@pytest.fixture
def pictures(tmp_path):
    """Digits 0 to 2, told apart by their brightness."""
    for label in range(3):
        folder = tmp_path / "raw" / str(label)
        folder.mkdir(parents=True)
        for i in range(2):
            Image.fromarray(blob(80 + 70 * label)).save(folder / f"{i}.PNG")
    return tmp_path / "raw"


class TestFinished:
    def test_time_comes_first_in_the_published_file(self, tmp_path):
        videos = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
        np.save(tmp_path / "mnist_test_seq.npy", videos)
        report, dataset, made = prepare(tmp_path / "mnist_test_seq.npy", tmp_path / "out")
        assert report.videos == 3
        assert dataset.class_names == []
        for i in range(3):
            for channel in range(3):
                np.testing.assert_array_equal(made[i][..., channel], videos[:, i])

    def test_some_of_it_divided_and_scaled(self, tmp_path):
        videos = np.random.default_rng(0).integers(0, 256, (20, 10, 64, 64)).astype(np.uint8)
        np.save(tmp_path / "mnist_test_seq.npy", videos)
        report, dataset, made = prepare(tmp_path / "mnist_test_seq.npy", tmp_path / "out", limit=5, split=0.4, size=32)
        assert sorted(dataset.splits) == ["test", "test", "train", "train", "train"]
        assert report.splits["test"] == {"videos": 2, "subjects": 0}
        for id, source, frames in zip(dataset.ids, dataset.sources, made, strict=True):
            assert source == f"mnist_test_seq.npy[:, {int(id)}]"
            halved = videos[:, int(id)].reshape(20, 32, 2, 32, 2).mean((2, 4))
            assert np.abs(frames[..., 0] - halved).max() <= 0.5

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((3, 20, 64, 64), np.uint8),
            np.zeros((20, 3, 32, 32), np.uint8),
            np.zeros((20, 3, 64, 64), np.float32),
            np.zeros((20, 64, 64), np.uint8),
        ],
    )
    def test_other_arrays(self, tmp_path, array):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(DataError, match=r"a\.npy: \w+ \(.*\), but the published file is uint8 \(20, N, 64, 64\)"):
            prepare(tmp_path / "a.npy", tmp_path / "out")

    def test_a_file_cut_short(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((20, 3, 64, 64), np.uint8))
        (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:5000])
        with pytest.raises(DataError, match=r"a\.npy: not a whole \.npy file"):
            prepare(tmp_path / "a.npy", tmp_path / "out")

    def test_options_for_digits_are_refused_rather_than_ignored(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros((20, 3, 64, 64), np.uint8))
        with pytest.raises(ConfigError, match=r"digits=1: .*a\.npy holds finished videos"):
            prepare(tmp_path / "a.npy", tmp_path / "out", digits=1)


class TestDigits:
    def test_one_digit_names_the_class(self, pictures, tmp_path):
        report, dataset, made = prepare(pictures, tmp_path / "out", num=30, digits=1)
        assert dataset.class_names == ["0", "1", "2"]
        assert sum(report.classes.values()) == 30
        for frames, label, source in zip(made, dataset.labels, dataset.sources, strict=True):
            assert frames.shape == (20, 64, 64, 3)
            assert set(np.unique(frames)) == {0, 80 + 70 * label}
            assert source in (f"{label}/0.PNG", f"{label}/1.PNG")

    @pytest.mark.parametrize("digits", [2, 3])
    def test_more_digits_have_no_class(self, pictures, tmp_path, digits):
        _, dataset, made = prepare(pictures, tmp_path / "out", num=10, digits=digits)
        assert dataset.class_names == []
        assert all(source.count(" + ") == digits - 1 for source in dataset.sources)
        areas = [(frames[0].max(-1) > 0).sum() for frames in made]
        assert max(areas) > 28 * 28
        assert max(areas) <= digits * 28 * 28

    def test_where_digits_overlap_the_brighter_shows(self, pictures, tmp_path):
        _, dataset, made = prepare(pictures, tmp_path / "out", num=30, digits=2)
        for frames, source in zip(made, dataset.sources, strict=True):
            brightest = max(80 + 70 * int(part[0]) for part in source.split(" + "))
            assert ((frames == brightest).all(-1).sum(axis=(1, 2)) >= 28 * 28).all()

    def test_a_digit_flies_straight_and_bounces(self, pictures, tmp_path):
        _, _, made = prepare(pictures, tmp_path / "out", num=20, digits=1, length=60)
        for frames in made:
            lit = [np.argwhere(frame.any(-1)) for frame in frames]
            assert all(len(pixels) == 28 * 28 for pixels in lit)  # never cut by a margin
            corner = np.array([pixels.min(0) for pixels in lit])
            steps = np.abs(np.diff(corner, axis=0))
            assert (np.linalg.norm(steps, axis=1) < 3.6 + 1.5).all()
            assert np.ptp(corner, axis=0).max() >= 30  # it crosses the canvas in 60 frames, whatever its direction
            for axis in (0, 1):  # away from the margins, the speed of an axis is the same throughout
                inside = (corner[:-1, axis] > 4) & (corner[:-1, axis] < 32)
                assert set(np.diff(np.unique(steps[inside, axis]))) <= {1}
                assert len(np.unique(steps[inside, axis])) <= 2

    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize("sep", ["-", "."])
    def test_idx_files(self, tmp_path, compress, sep):
        raw = tmp_path / "raw"
        raw.mkdir()
        end = ".gz" if compress else ""
        images = np.stack([blob(v) for v in (50, 90, 130, 170)])
        write_idx(raw / f"train-images{sep}idx3-ubyte{end}", images, compress)
        write_idx(raw / f"train-labels{sep}idx1-ubyte{end}", np.array([7, 3, 7, 5], np.uint8), compress)
        write_idx(raw / f"t10k-images{sep}idx3-ubyte{end}", images[:0], compress)
        _, dataset, made = prepare(raw, tmp_path / "out", num=40, digits=1)
        assert dataset.class_names == ["3", "5", "7"]
        for frames, label in zip(made, dataset.labels, strict=True):
            assert frames.max() in {"3": (90,), "5": (170,), "7": (50, 130)}[dataset.class_names[label]]

    def test_idx_files_that_do_not_go_together(self, tmp_path):
        write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((4, 28, 28), np.uint8))
        with pytest.raises(DataError, match="train-labels-idx1-ubyte: cannot be read"):
            prepare(tmp_path, tmp_path.parent / "out")
        write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(5, np.uint8))
        with pytest.raises(DataError, match=r"labels of shape \(5,\) do not match the images \(4, 28, 28\)"):
            prepare(tmp_path, tmp_path.parent / "out")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"hello world", "not an idx file"),
            (b"\x00\x00\x08\x03\x00", "cut short"),
            (b"\x00\x00\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(100), "cut short: 100 bytes"),
            (gzip.compress(bytes(1000), mtime=0)[:-20], "cannot be read"),
        ],
    )
    def test_damaged_idx_files(self, tmp_path, data, reason):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
        with pytest.raises(DataError, match=f"train-images-idx3-ubyte: {reason}"):
            prepare(tmp_path, tmp_path.parent / "out")

    def test_a_bad_picture_costs_the_videos_that_show_it(self, pictures, tmp_path):
        (pictures / "1" / "0.PNG").write_text("text")
        report, dataset, _ = prepare(pictures, tmp_path / "out", num=20, digits=1)
        assert {source for source, _ in report.skipped} == {"1/0.PNG"}
        assert report.videos + len(report.skipped) == 20
        assert "1/0.PNG" not in dataset.sources

    def test_pictures_of_another_size_and_another_frame_size(self, tmp_path):
        (tmp_path / "raw" / "4").mkdir(parents=True)
        Image.new("L", (56, 100), 200).save(tmp_path / "raw" / "4" / "a.png")
        _, _, made = prepare(tmp_path / "raw", tmp_path / "out", num=2, digits=1, size=32)
        assert made[0].shape == (20, 32, 32, 3)
        assert (made[0][0] > 100).all(-1).sum() == pytest.approx(14 * 14, abs=30)

    def test_nothing_there(self, tmp_path):
        (tmp_path / "raw").mkdir()
        with pytest.raises(DataError, match="no digits found; mnist reads"):
            prepare(tmp_path / "raw", tmp_path / "out")

    def test_too_many_digits(self, pictures, tmp_path):
        with pytest.raises(ConfigError, match="digits=4: it must be between 1 and 3"):
            prepare(pictures, tmp_path / "out", digits=4)

    def test_a_class_of_one_picture_is_for_training(self, pictures, tmp_path):
        (pictures / "2" / "1.PNG").unlink()
        _, dataset, _ = prepare(pictures, tmp_path / "out", num=30, digits=1, length=1, split=0.5)
        of = {name: set() for name in dataset.class_names}
        for side, label in zip(dataset.splits, dataset.labels, strict=True):
            of[dataset.class_names[label]].add(side)
        assert of == {"0": {"train", "test"}, "1": {"train", "test"}, "2": {"train"}}


class TestRealDigits:
    """MNIST's own pictures, of which each is a digit's name and a picture."""

    @pytest.fixture
    def some(self, real_digits):
        images, labels = real_digits
        chosen = np.concatenate([np.flatnonzero(labels == digit)[:4] for digit in range(10)])
        return images[chosen], labels[chosen]

    @pytest.fixture(params=["pictures", "idx", "idx.gz"])
    def raw(self, request, tmp_path, some):
        """A folder of them in one of the forms, and the pictures by the name that their source has."""
        raw = tmp_path / "raw"
        named = {}
        raw.mkdir()
        for i, (image, label) in enumerate(zip(*some, strict=True)):
            if request.param == "pictures":
                (raw / str(label)).mkdir(exist_ok=True)
                Image.fromarray(image).save(raw / str(label) / f"{i}.png")
                named[f"{label}/{i}.png"] = image, str(label)
            else:
                named[f"train-images-{request.param.replace('idx', 'idx3-ubyte')}[{i}]"] = image, str(label)
        if request.param != "pictures":
            end = request.param.removeprefix("idx")
            write_idx(raw / f"train-images-idx3-ubyte{end}", some[0], bool(end))
            write_idx(raw / f"train-labels-idx1-ubyte{end}", some[1], bool(end))
        return raw, named

    @staticmethod
    def explained(frame, picture):
        """Draw the picture wherever it can lie in the frame."""
        windows = np.lib.stride_tricks.sliding_window_view(frame, (28, 28))
        drawn = np.zeros_like(frame)
        for top, left in np.argwhere((windows >= picture).all((2, 3))):
            window = drawn[top : top + 28, left : left + 28]
            np.maximum(window, picture, out=window)
        return drawn

    def test_one_digit(self, raw, tmp_path):
        raw, named = raw
        report, dataset, made = prepare(raw, tmp_path / "out", num=60, digits=1, length=3)
        assert report.skipped == []
        assert dataset.class_names == [str(digit) for digit in range(10)]
        for frames, label, source in zip(made, dataset.labels, dataset.sources, strict=True):
            picture, digit = named[source]
            assert dataset.class_names[label] == digit
            assert (frames == frames[..., :1]).all()
            for frame in frames[..., 0]:
                np.testing.assert_array_equal(self.explained(frame, picture), frame)
                assert frame.sum() == picture.sum()

    @pytest.mark.parametrize("digits", [2, 3])
    def test_more_digits(self, raw, tmp_path, digits):
        raw, named = raw
        _, dataset, made = prepare(raw, tmp_path / "out", num=10, digits=digits, length=3)
        assert dataset.class_names == []
        for frames, source in zip(made, dataset.sources, strict=True):
            pictures = [named[part][0] for part in source.split(" + ")]
            assert len(pictures) == digits
            for frame in frames[..., 0]:
                drawn = [self.explained(frame, picture) for picture in pictures]
                assert all(d.any() for d in drawn)
                np.testing.assert_array_equal(np.max(drawn, axis=0), frame)

    def test_the_digits_are_divided_by_class(self, raw, tmp_path):
        report, dataset, _ = prepare(raw[0], tmp_path / "out", num=100, digits=1, length=1, split=0.2)
        for digit in range(10):
            sides = [side for side, label in zip(dataset.splits, dataset.labels, strict=True) if label == digit]
            assert sides.count("test") == max(1, round(0.2 * len(sides)))
        assert set(report.splits) == {"train", "test"}

    @pytest.mark.parametrize("digits", [1, 2])
    def test_no_picture_is_on_both_sides(self, raw, tmp_path, digits):
        raw, named = raw
        _, dataset, _ = prepare(raw, tmp_path / "out", num=200, digits=digits, length=1, split=0.25)
        shown = {"train": set(), "test": set()}
        for side, source in zip(dataset.splits, dataset.sources, strict=True):
            shown[side].update(source.split(" + "))
        assert not shown["train"] & shown["test"]
        assert {named[source][1] for source in shown["test"]} == {str(digit) for digit in range(10)}
        assert len(shown["test"]) == 10  # a fourth of the four of each


def test_the_seed_decides(pictures, tmp_path):
    made = [prepare(pictures, tmp_path / str(i), num=5, seed=seed)[2] for i, seed in enumerate([1, 1, 2])]
    np.testing.assert_array_equal(made[0], made[1])
    assert (np.array(made[0]) != np.array(made[2])).any()


def test_other_pictures_are_no_digits(tmp_path):
    (tmp_path / "raw" / "3").mkdir(parents=True)
    Image.new("RGB", (2048, 64)).save(tmp_path / "raw" / "3" / "strip.png")
    with pytest.raises(DataError, match="2048 x 64: not a picture of a digit"):
        prepare(tmp_path / "raw", tmp_path / "out", num=3)


class TestForeign:
    def digits(self, folder, images, packed=False):
        name = "train-images-idx3-ubyte" + ".gz" * packed
        (folder / name).write_bytes(gzip.compress(images, mtime=0) if packed else images)
        (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x05")
        return folder

    def test_a_bomb(self, tmp_path, monkeypatch):
        monkeypatch.setattr(mnist, "MORE", 1 << 10)
        with pytest.raises(DataError, match=r"more than \d+ bytes when unpacked"):
            mnist.Mnist(raw=self.digits(tmp_path, bytes(1 << 20), packed=True)).items()

    @pytest.mark.parametrize("start", [b"\0\0\x08", b"\0\0\x08\xc8" + b"\0\0\0\1" * 200 + b"x"])
    def test_axes(self, tmp_path, start):
        with pytest.raises(DataError, match=r"axes|cut short"):
            mnist.Mnist(raw=self.digits(tmp_path, start)).items()
