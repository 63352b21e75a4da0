"""Expressions with and without masks of the mouth."""

import io

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, **options):
    report = preprocessing.prepare("expressions", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


def write_masks(folder, numbers, suffix=".jpg", box=(20, 28, 44, 40), size=(64, 48)):
    """White in the box (left, top, right, bottom), black elsewhere."""
    folder.mkdir(parents=True)
    for number in numbers:
        mask = np.zeros(size[::-1], np.uint8)
        mask[box[1] : box[3], box[0] : box[2]] = 255
        image = Image.fromarray(mask)
        image.save(folder / f"{number:04d}{suffix}", **({} if suffix == ".png" else {"quality": 100}))


@pytest.fixture
def raw(tmp_path, stills):
    """Three classes: with masks, without, and with masks of another kind of file."""
    raw = tmp_path / "expressions ü"
    stills(raw / "happy/train/img/vid_0001", (435, 436, 437), ".jpg", mark=0)
    write_masks(raw / "happy/train/patch/vid_0001", (435, 436, 437))
    stills(raw / "happy/train/img/vid_0010", (310, 311, 333, 335, 336), ".png", mark=10)
    write_masks(raw / "happy/train/patch/vid_0010", (310, 311, 333, 335, 336), ".png")
    stills(raw / "happy/test/img/vid_0055", (340,), ".JPG", mark=20)
    stills(raw / "drumcheeks/train/img/vid_0005.1", (1, 2), ".jpg", mark=30)
    stills(raw / "drumcheeks/test/img/vid_0060", (1,), ".jpg", mark=40)
    return raw


IDS = [
    *("drumcheeks/train/img/vid_0005.1", "drumcheeks/test/img/vid_0060"),
    *("happy/train/img/vid_0001", "happy/train/img/vid_0010", "happy/test/img/vid_0055"),
]


def test_all_of_it(raw, tmp_path, seen, marks):
    report, dataset = prepare(raw, tmp_path / "out", size=24)
    assert dataset.ids == IDS
    assert dataset.class_names == ["drumcheeks", "happy"]
    assert dataset.labels.tolist() == [0, 0, 1, 1, 1]
    assert dataset.splits == ["train", "test", "train", "train", "test"]
    assert dataset.subjects == [""] * 5
    assert dataset.lengths.tolist() == [2, 1, 3, 5, 1]
    assert report.splits["train"]["videos"] == 3
    assert report.splits["test"]["videos"] == 2
    assert report.skipped == []
    assert dict(report.remarks) == {
        IDS[0]: "without masks",
        IDS[3]: "missing frame numbers: 312 to 332, 334",
    }
    assert marks(dataset, 0) == [30, 40]
    assert marks(dataset, 3) == [10, 20, 30, 40, 50]
    for i in range(5):
        assert seen(dataset.frames(i, [0])[0]) == [8, 0, 48, 48]


def test_masks_are_cut_as_their_frames(raw, tmp_path):
    _, dataset = prepare(raw, tmp_path / "out", size=24)
    assert dataset.has_masks
    expected = np.zeros((24, 24))
    expected[14:20, 6:18] = 255  # (20, 28) to (44, 40), less the 8 on the left, halved
    for i in (2, 3):
        masks = dataset.masks(i, range(dataset.lengths[i]))
        assert masks.shape == (dataset.lengths[i], 24, 24)
        np.testing.assert_allclose(masks, np.broadcast_to(expected, masks.shape), atol=8 if i == 2 else 0)
    for i in (0, 1, 4):
        assert not dataset.masks(i, range(dataset.lengths[i])).any()


def area(left, top, right, bottom):
    """Return a mask (24, 24), white in this part, grey where an edge falls inside a pixel."""
    x = np.arange(24)
    across, down = (
        np.clip(np.minimum(x + 1, high) - np.maximum(x, low), 0, 1) for low, high in ((left, right), (top, bottom))
    )
    return 255 * down[:, None] * across


def test_masks_are_squeezed_as_their_frames(raw, tmp_path, seen):
    _, dataset = prepare(raw, tmp_path / "out", size=24, crop="none")
    assert seen(dataset.frames(3, [0])[0]) == [0, 0, 64, 48]
    np.testing.assert_allclose(dataset.masks(3, [0])[0], area(7.5, 14, 16.5, 20), atol=1)


def test_boxes_cut_masks_too(raw, tmp_path, seen):
    lines = [f"{id},16,16,24,24" for id in IDS]
    (tmp_path / "boxes.csv").write_text("\n".join(["source,left,top,width,height", *lines]))
    _, dataset = prepare(raw, tmp_path / "out", size=24, boxes=str(tmp_path / "boxes.csv"), margin=0)
    assert seen(dataset.frames(3, [0])[0]) == [16, 16, 24, 24]
    np.testing.assert_array_equal(dataset.masks(3, [0])[0], area(4, 12, 24, 24))


def test_without_any_masks(raw, tmp_path):
    report, dataset = prepare(raw / "drumcheeks", tmp_path / "out", size=8)
    assert not dataset.has_masks
    assert dataset.class_names == ["drumcheeks"]
    assert dataset.ids == ["train/img/vid_0005.1", "test/img/vid_0060"]
    assert report.remarks == []
    assert not list((tmp_path / "out").glob("masks*"))


def test_every_nth_frame_with_its_mask(raw, tmp_path, marks):
    write_masks(raw / "drumcheeks/train/patch/vid_0005.1", (1,), box=(0, 0, 64, 48))
    write_masks(raw / "drumcheeks/train/patch/other", (1,))
    _, dataset = prepare(raw, tmp_path / "out", size=8, every_nth=2)
    assert dataset.lengths.tolist() == [1, 1, 2, 3, 1]
    assert marks(dataset, 3) == [10, 30, 50]
    assert dataset.masks(0, [0]).min() > 250


def test_the_class_where_raw_is_the_class_itself(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(raw / "happy")
    _, dataset = prepare(".", tmp_path / "out", size=8)
    assert dataset.class_names == ["happy"]
    assert dataset.ids == ["train/img/vid_0001", "train/img/vid_0010", "test/img/vid_0055"]


def test_what_cannot_be_used(raw, tmp_path, stills):
    train = raw / "happy" / "train"
    (train / "img" / "empty").mkdir()
    stills(train / "img" / "text", (1, 2), ".jpg")
    (train / "img" / "text" / "0002.jpg").write_text("text")
    stills(train / "img" / "two sizes", (1, 2), ".jpg")
    Image.new("RGB", (720, 480)).save(train / "img" / "two sizes" / "0002.jpg")
    stills(train / "img" / "mask gone", (1, 2, 3), ".jpg")
    write_masks(train / "patch" / "mask gone", (1, 3))
    stills(train / "img" / "mask small", (1, 2), ".jpg")
    write_masks(train / "patch" / "mask small", (1, 2), size=(32, 24))
    stills(train / "img" / "mask text", (1,), ".jpg")
    write_masks(train / "patch" / "mask text", (1,))
    (train / "patch" / "mask text" / "0001.jpg").write_text("text")
    (train / "img" / "loop").symlink_to(train)
    (train / "img" / "list.txt").touch()
    stills(raw / "sad" / "vid_0001")  # no class: neither train nor test
    report, dataset = prepare(raw, tmp_path / "out", size=8)
    assert dataset.ids == IDS
    reasons = dict(report.skipped)
    folder = "happy/train/img/"
    assert list(reasons) == [
        *(folder + name for name in ("empty", "mask gone", "mask small", "mask text", "text", "two sizes")),
        "sad/vid_0001/0001.png",
    ]
    where = "it is not where expressions looks for videos; 3 such files in its folder"
    assert reasons["sad/vid_0001/0001.png"] == where
    assert reasons[folder + "empty"] == "no images in this folder"
    assert reasons[folder + "mask gone"].endswith("mask gone/0002.jpg: it has no mask in train/patch/mask gone")
    assert reasons[folder + "mask small"].endswith("0001.jpg: 32 x 24, but its frame is 64 x 48")
    assert reasons[folder + "mask text"].endswith("patch/mask text/0001.jpg: cannot be read as an image: not an image")
    assert reasons[folder + "text"].endswith("img/text/0002.jpg: cannot be read as an image: not an image")
    assert "0002.jpg: 720 x 480, but the video's first frame is 64 x 48" in reasons[folder + "two sizes"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_side_alone(tmp_path, stills, split):
    stills(tmp_path / "raw" / "happy" / split / "img" / "1")
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=8)
    assert dataset.splits == [split]
    assert list(report.splits) == [split]


def test_the_folders_say_what_is_train_and_test(raw, tmp_path):
    with pytest.raises(ConfigError, match="split: expressions has no such option"):
        prepare(raw, tmp_path / "out", split=0.5)


def test_the_default_size(raw, tmp_path):
    assert prepare(raw / "drumcheeks", tmp_path / "out")[1].size == 256


def test_another_tree(tmp_path, stills):
    stills(tmp_path / "raw" / "happy" / "vid_0001")
    with pytest.raises(
        DataError, match=r"raw: no usable video \(.*\); expressions reads CLASS/\{train,test\}/img/VIDEO"
    ):
        prepare(tmp_path / "raw", tmp_path / "out")


@pytest.fixture
def real(tmp_path, real_images):
    """A few frames of every real video: {id: {file name: bytes}}, and the folder that holds them and their masks."""
    videos = {
        "anger/test/img/vid_0041": 1,
        "anger/train/img/vid_0001": 4,
        "drumcheeks/train/img/vid_0026": 4,
        "drumcheeks/test/img/vid_0060": 1,
        "happy/train/img/vid_0002": 4,
        "happy/test/img/vid_0067": 1,
    }
    found = {}
    for video, count in videos.items():
        places = [video] + [video.replace("img", "patch")] * (video[:5] in ("anger", "happy") and "train" in video)
        for place in places:
            found[place] = real_images("expressions.tar", f"{place}/", count)
            for name, data in found[place].items():
                path = tmp_path / "real" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    return tmp_path / "real", {name: list(files.values()) for name, files in found.items()}


def middle(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size)
    left, top = ((length - side) // 4 * 2 for length in image.size)
    return np.asarray(image.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BOX))


def test_real_ones(real, tmp_path):
    raw, videos = real
    report, dataset = prepare(raw, tmp_path / "out", size=64)
    assert sorted(dataset.ids) == sorted(name for name in videos if "patch" not in name)
    assert dataset.class_names == ["anger", "drumcheeks", "happy"]
    assert report.skipped == []
    assert report.remarks == [("drumcheeks/train/img/vid_0026", "without masks")]
    for i, (id, split) in enumerate(zip(dataset.ids, dataset.splits, strict=True)):
        assert split == id.split("/")[1]
        everything = range(dataset.lengths[i])
        frames = dataset.frames(i, everything).astype(int)
        expected = np.array([middle(data) for data in videos[id]], int)
        assert np.abs(frames - expected).mean() < 0.7  # another program's scaling
        masks = dataset.masks(i, everything)
        patch = videos.get(id.replace("img", "patch"))
        if patch is None:
            assert not masks.any()
            continue
        # The mouth: a patch in the lower half, about the middle, of each frame.
        assert np.abs(masks.astype(int) - [middle(data)[..., 0] for data in patch]).mean() < 0.7
        rows, columns = np.nonzero(masks.max(0) > 127)
        assert 0.4 < rows.min() / 64 < rows.max() / 64 < 0.95
        assert 0.25 < columns.mean() / 64 < 0.75
        assert 0.005 < (masks > 127).mean() < 0.15
