"""VoxCeleb's folders."""

import shutil

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, **options):
    report = preprocessing.prepare("voxceleb", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


TRACKS = [
    "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
    "dev/mp4/id00012/21Uxsk56VDQ/00010.mp4",
    "dev/mp4/id00012/21uxsk56vdq/00001.mp4",
    "dev/mp4/id00012/-21Uxsk56VDQ/00001.mp4",
    "dev/mp4/id00015/_YimahVgI1A/00002.mp4",
    "mp4/id00017/01dfn2spqyE/00001.MP4",
    "Zoë Saldaña/1zcIwhmdeo4/00001.mp4",
]


@pytest.fixture
def raw(tmp_path, film):
    """Tracks marked by their place in the list, and what else may be there."""
    raw = tmp_path / "vox 2"
    for i, name in enumerate(TRACKS):
        film(raw / name, mark=10 * i, frames=2 + i % 3, width=48)
    film(raw / "loose.mp4", width=48)
    film(raw / "id00099" / "00001.mp4", width=48)
    whole = (raw / TRACKS[2]).read_bytes()
    (raw / "dev/mp4/id00015/_YimahVgI1A/00003.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    Image.new("RGB", (48, 48)).save(raw / "dev/mp4/id00015/_YimahVgI1A/00004.mp4", format="PNG")
    (raw / "dev/mp4/id00016/gone").mkdir(parents=True)
    for name in ("dev/aac/id00012/21Uxsk56VDQ/00001.m4a", "txt/id00012/21Uxsk56VDQ/00001.txt", "vox2_meta.csv"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).touch()
    (raw / "dev/mp4/id00012/21Uxsk56VDQ/00011.mp4.part").touch()
    (raw / "dev/mp4/id00012/loop").symlink_to(raw / "dev")
    return raw


def test_all_of_it(raw, tmp_path, seen, marks):
    report, dataset = prepare(raw, tmp_path / "out", size=16)
    assert dataset.ids == TRACKS
    assert dataset.class_names == []
    assert dataset.labels.tolist() == [-1] * 7
    assert dataset.subjects == ["id00012"] * 4 + ["id00015", "id00017", "Zoë Saldaña"]
    for i in range(7):
        assert marks(dataset, i) == [10 * i + 10 * t for t in range(2 + i % 3)]
        assert seen(dataset.frames(i, [0])[0]) == [0, 0, 48, 48]
    assert report.remarks == []
    reasons = dict(report.skipped)
    folder = "dev/mp4/id00015/_YimahVgI1A"
    unread = "dev/mp4/id00012/21Uxsk56VDQ/00011.mp4.part"
    assert list(reasons) == ["loose.mp4", f"{folder}/00003.mp4", f"{folder}/00004.mp4", "id00099/00001.mp4", unread]
    assert reasons[unread] == "voxceleb does not read .part files"
    assert reasons["loose.mp4"] == reasons["id00099/00001.mp4"] == "not in two folders, ID/VIDEO"
    assert "decoded" in reasons[f"{folder}/00003.mp4"] or "damaged" in reasons[f"{folder}/00003.mp4"]
    assert "cannot be decoded as a video" in reasons[f"{folder}/00004.mp4"]


def test_a_speaker_is_on_one_side(raw, tmp_path):
    report, dataset = prepare(raw, tmp_path / "out", size=4, split=0.25)
    speakers = {
        side: {s for s, k in zip(dataset.subjects, dataset.splits, strict=True) if k == side}
        for side in ("train", "test")
    }
    assert len(speakers["test"]) == 1
    assert len(speakers["train"]) == 3
    assert not speakers["train"] & speakers["test"]
    assert {side: counts["subjects"] for side, counts in report.splits.items()} == {"train": 3, "test": 1}
    assert PreparedDataset.open(tmp_path / "out", "test").subjects == [
        s for s in dataset.subjects if s in speakers["test"]
    ]


def test_frames_that_are_not_square_are_squeezed_unless_cut(tmp_path, film, seen):
    film(tmp_path / "raw" / "id1" / "v" / "1.mp4")
    _, dataset = prepare(tmp_path / "raw", tmp_path / "all", size=16)
    assert seen(dataset.frames(0, [0])[0]) == [0, 0, 64, 48]
    _, dataset = prepare(tmp_path / "raw", tmp_path / "middle", size=16, crop="center")
    assert seen(dataset.frames(0, [0])[0]) == [8, 0, 48, 48]


@pytest.mark.parametrize("size", [48, 96])
def test_same_size_and_larger(tmp_path, film, picture, size):
    film(tmp_path / "raw" / "id1" / "v" / "1.mp4", width=48)
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=size)
    made = dataset.frames(0, range(3)).astype(int)
    # Pixel j of the larger frame lies at (j + 0.5) * 48 / size - 0.5 of the raw one, held at its margins.
    place = np.clip((np.arange(size) + 0.5) * 48 / size - 0.5, 0, 47)
    assert np.abs(made[..., 0] - 2 * place).max() <= 1
    assert np.abs(made[..., 1] - 2 * place[:, None]).max() <= 1


def test_boxes(raw, tmp_path, seen):
    (tmp_path / "boxes.csv").write_text(
        f"source,left,top,width,height\n{TRACKS[6]},10,20,16,16\n{TRACKS[0]},0,0,90,90\n", encoding="utf-8"
    )
    report, dataset = prepare(raw, tmp_path / "out", size=8, boxes=str(tmp_path / "boxes.csv"), margin=0)
    assert dataset.ids == [TRACKS[0], TRACKS[6]]
    assert seen(dataset.frames(0, [0])[0]) == [0, 0, 48, 48]
    assert seen(dataset.frames(1, [0])[0]) == [10, 20, 16, 16]
    assert dict(report.skipped)[TRACKS[1]] == "no box in boxes.csv"
    (tmp_path / "boxes.csv").write_text("source,left,top,width,height\n../boxes.csv,0,0,9,9\n")
    with pytest.raises(ConfigError, match=r"\.\./boxes\.csv is not one of the \d+ videos below"):
        prepare(raw, tmp_path / "out", boxes=str(tmp_path / "boxes.csv"), force=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.1}, r"margin=0\.1: only a face or a box takes a margin"),
        ({"detector": "x.onnx"}, r"detector=x\.onnx: only crop=face finds faces"),
        ({"fps": 0.0}, r"fps=0\.0: it must be between 0\.1 and 1000"),
        ({"timeout": 0.5}, r"timeout=0\.5: it must be between 1 and 86400"),
    ],
)
def test_options_that_do_not_go(raw, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        prepare(raw, tmp_path / "out", **options)


def test_real_videos(real_videos, tmp_path):
    for speaker, name in (("id10001", "carphone_pristine"), ("id10002", "bikes")):
        folder = tmp_path / "raw" / "mp4" / speaker / "abc"
        folder.mkdir(parents=True)
        shutil.copy(real_videos[name], folder / "00001.mp4")
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", every_nth=10)
    assert dataset.subjects == ["id10001", "id10002"]
    assert dataset.lengths.tolist() == [12, 25]
    assert report.skipped == []


def test_nothing_there(tmp_path, film):
    film(tmp_path / "raw" / "id1" / "1.mp4")
    with pytest.raises(DataError, match=r"no usable video \(the first of 1, id1/1\.mp4: not in two folders, ID/VID"):
        prepare(tmp_path / "raw", tmp_path / "out")
