"""Weizmann's films and the strips that were made of them."""

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError


def prepare(raw, out, **options):
    report = preprocessing.prepare("weizmann", raw, out, workers=0, **options)
    return report, PreparedDataset.open(out)


FILMS = {
    "bend/daria_bend.avi": ("bend", "daria"),
    "eli_pjump.avi": ("pjump", "eli"),
    "ido_jump.avi": ("jump", "ido"),
    "lena_run1.avi": ("run", "lena"),
    "lena_run2.avi": ("run", "lena"),
    "Lena_Walk1.AVI": ("walk", "lena"),
    "wave/of all ü/moshe_wave1.avi": ("wave1", "moshe"),
    "wave/of all ü/moshe_wave2.avi": ("wave2", "moshe"),
}


@pytest.fixture
def films(tmp_path, film):
    """Films as they come, flat or in folders, marked by their place in the list."""
    raw = tmp_path / "raw"
    for i, name in enumerate(FILMS):
        film(raw / name, codec="ffv1", arguments=(), mark=10 * i, frames=3 + i % 2)
    film(raw / "bg_015.avi", codec="ffv1", arguments=())
    film(raw / "ido_fly.avi", codec="ffv1", arguments=())
    film(raw / "ira_skip.avi", codec="ffv1", arguments=())
    (raw / "ira_skip.avi").write_bytes((raw / "ira_skip.avi").read_bytes()[:6000])
    (raw / "ira_jack.avi").write_text("404 Not Found")
    (raw / "classification_masks.mat").touch()
    (raw / "empty").mkdir()
    (raw / "wave" / "loop").symlink_to(raw)
    return raw


def test_films(films, tmp_path, seen, marks):
    report, dataset = prepare(films, tmp_path / "out", size=16)
    # Of each folder first its own files, sorted without regard to case, then its folders.
    names = [
        *("eli_pjump.avi", "ido_jump.avi", "lena_run1.avi", "lena_run2.avi", "Lena_Walk1.AVI", "bend/daria_bend.avi"),
        *("wave/of all ü/moshe_wave1.avi", "wave/of all ü/moshe_wave2.avi"),
    ]
    assert dataset.ids == dataset.sources == names
    assert dataset.class_names == ["bend", "jump", "pjump", "run", "walk", "wave1", "wave2"]
    for i, name in enumerate(names):
        place = list(FILMS).index(name)
        assert (dataset.class_names[dataset.labels[i]], dataset.subjects[i]) == FILMS[name]
        assert marks(dataset, i) == [10 * place + 10 * t for t in range(3 + place % 2)]
        assert seen(dataset.frames(i, [0])[0]) == [8, 0, 48, 48]
    assert report.remarks == []
    reasons = dict(report.skipped)
    assert list(reasons) == ["bg_015.avi", "ido_fly.avi", "ira_jack.avi", "ira_skip.avi"]
    assert reasons["bg_015.avi"] == reasons["ido_fly.avi"] == "its name is not SUBJECT_ACTION"
    assert reasons["ira_jack.avi"].startswith("cannot be decoded as a video")
    assert "damaged after" in reasons["ira_skip.avi"] or "cannot be decoded" in reasons["ira_skip.avi"]


def test_both_takes_of_lena_are_on_one_side(films, tmp_path):
    (films / "ira_skip.avi").unlink()
    (films / "ira_jack.avi").unlink()
    for seed in range(4):
        _, dataset = prepare(films, tmp_path / str(seed), size=4, split=0.4, seed=seed)
        people = {side: set() for side in ("train", "test")}
        for subject, side in zip(dataset.subjects, dataset.splits, strict=True):
            people[side].add(subject)
        assert people["train"] | people["test"] == {"daria", "eli", "ido", "lena", "moshe"}
        assert len(people["test"]) == 2
        assert not people["train"] & people["test"]


def strip(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    alpha = np.full((*frames.shape[:3], 1), 255, np.uint8)
    Image.fromarray(np.hstack(list(np.concatenate([frames, alpha], -1)))).save(path, format="PNG")


@pytest.fixture
def strips(tmp_path, picture):
    """The form published with MoCoGAN: PNG with alpha, called .jpg, in folders of which one is missing."""
    raw = tmp_path / "strips"
    for label in (0, 1, 3, 4, 10):
        for i in range(2):
            strip(raw / str(label) / f"{i:08d}.jpg", picture(10 * label, 5 + i, 48, 48))
    (raw / "3" / "00000099.jpg").write_text("text")
    Image.new("RGB", (100, 48)).save(raw / "4" / "00000098.jpg")
    return raw


def test_strips(strips, tmp_path, seen, marks):
    report, dataset = prepare(strips, tmp_path / "out", size=16, every_nth=2)
    assert dataset.class_names == ["0", "1", "3", "4", "10"]
    assert dataset.ids == [f"{label}/{i:08d}.jpg" for label in (0, 1, 3, 4, 10) for i in range(2)]
    assert dataset.subjects == ["performer 0"] * 10
    assert dataset.lengths.tolist() == [3, 3] * 5
    assert marks(dataset, 5) == [30, 50, 70]
    assert seen(dataset.frames(5, [0])[0]) == [0, 0, 48, 48]
    reasons = dict(report.skipped)
    assert list(reasons) == ["3/00000099.jpg", "4/00000098.jpg"]
    assert "not an image" in reasons["3/00000099.jpg"]
    assert "100 x 48: a strip holds square frames" in reasons["4/00000098.jpg"]


def test_mirror_images_of_a_strip_stay_together(tmp_path, picture):
    for number in range(24):  # as published: the numbers run through the classes, eight in a row for a performer
        strip(tmp_path / "raw" / "1034"[number // 2 % 4] / f"{number:08d}.jpg", picture(number, 2, 8, 8))
    report, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=4, split=0.3)
    sides = {}
    for id, split in zip(dataset.ids, dataset.splits, strict=True):
        sides.setdefault(int(id[2:10]) // 8, set()).add(split)
    assert sorted(map(list, sides.values())) == [["test"], ["train"], ["train"]]
    assert report.splits == {"train": {"videos": 16, "subjects": 2}, "test": {"videos": 8, "subjects": 1}}


def test_strips_of_other_names_have_no_subject(tmp_path, picture):
    for label in "ab":
        for name in ("anna", "bert"):
            strip(tmp_path / "raw" / label / f"{name}.jpg", picture(0, 2, 8, 8))
    _, dataset = prepare(tmp_path / "raw", tmp_path / "out", size=4, split=0.5)
    assert dataset.subjects == [""] * 4
    assert [sorted(dataset.splits[i : i + 2]) for i in (0, 2)] == [["test", "train"]] * 2


def test_a_box_in_a_strip(strips, tmp_path, seen):
    (tmp_path / "boxes.csv").write_text("source,left,top,width,height\n10/00000001.jpg,20,10,12,12\n")
    report, dataset = prepare(strips, tmp_path / "out", size=6, boxes=str(tmp_path / "boxes.csv"), margin=0)
    assert dataset.ids == ["10/00000001.jpg"]
    assert seen(dataset.frames(0, [0])[0]) == [20, 10, 12, 12]
    assert len(report.skipped) == 11


def test_pictures_beside_films_are_no_strips(films, tmp_path):
    Image.new("RGB", (48, 48)).save(films / "bend" / "thumbnail.png")
    Image.new("RGB", (48, 48)).save(films / "poster.png")
    report, dataset = prepare(films, tmp_path / "out", size=4)
    assert "bend/thumbnail.png" not in dataset.ids
    assert dict(report.skipped)["poster.png"] == "it is not where weizmann looks for videos"
    assert dict(report.skipped)["bend/thumbnail.png"] == "images next to videos are not used"
    assert dataset.subjects.count("") == 0


def test_strips_have_no_frame_rate(strips, films, tmp_path):
    with pytest.raises(ConfigError, match="fps=5: strips have no frame rate; use every_nth"):
        prepare(strips, tmp_path / "out", fps=5.0)
    _, dataset = prepare(films, tmp_path / "films", fps=12.5, size=4)
    assert dataset.lengths.max() == 2


def test_nothing_there(tmp_path):
    (tmp_path / "raw" / "bend").mkdir(parents=True)
    with pytest.raises(DataError, match=r"raw: no usable video; weizmann reads SUBJECT_ACTION\.avi in any folders"):
        prepare(tmp_path / "raw", tmp_path / "out")
    (tmp_path / "raw" / "bend" / "daria.avi").touch()
    with pytest.raises(DataError, match=r"no usable video \(the first of 1, bend/daria\.avi: its name is not SUBJ"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_real_strips(tmp_path, real_images, as_video):
    expected = {}
    for label in "0134":
        for name, data in real_images("actions.tar", f"actions/{label}/", 2).items():
            path = tmp_path / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            expected[name.removeprefix("actions/")] = as_video(data)
    report, dataset = prepare(tmp_path / "raw" / "actions", tmp_path / "out")
    assert report.skipped == []
    assert dataset.ids == list(expected)
    assert dataset.class_names == ["0", "1", "3", "4"]
    for i, frames in enumerate(expected.values()):
        np.testing.assert_array_equal(dataset.frames(i, range(dataset.lengths[i])), frames)
