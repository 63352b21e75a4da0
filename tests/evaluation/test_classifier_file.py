"""Classifiers on disk."""

import json
import pickle

import numpy as np
import pytest

from mocogan_chainer import npz_files
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.evaluation import classifier_file
from mocogan_chainer.evaluation.classifier import class_scores
from tests.evaluation.test_classifier import classifier, clips


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "classifier.npz"
    classifier_file.save(found, classifier(warnings=("a line",)))
    return found


def rewrite(path, change):
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    change(meta, arrays)
    if "meta" in arrays:
        arrays["meta"] = np.array(json.dumps(meta))
    np.savez(path, **arrays)


def test_judges_as_before(path):
    made, found = classifier(warnings=("a line",)), classifier_file.load(path)
    np.testing.assert_array_equal(class_scores(found.network, clips(3, 5)), class_scores(made.network, clips(3, 5)))
    assert found.sha256 == made.sha256
    np.testing.assert_array_equal(found.held_out, made.held_out)
    for name in ("class_names", "preparation", "reference", "split", "parts", "seed", "seconds", "warnings"):
        assert getattr(found, name) == getattr(made, name), name


def test_no_pickles_in_it(path):
    with np.load(path, allow_pickle=False) as file:
        assert len([file[name] for name in file.files]) == 22


def test_none():
    with pytest.raises(SnapshotError, match=r"nowhere.npz: no such file; evaluate.py mcs trains a classifier"):
        classifier_file.load("nowhere.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta, arrays: arrays.pop("meta"), "it does not say that it is one"),
        (lambda meta, arrays: meta.update(format="other"), "it does not say that it is one"),
        (lambda meta, arrays: meta.update(version=2), "version 2 and this program reads version 1"),
        (lambda meta, arrays: meta.pop("stride"), "stride is missing"),
        (lambda meta, arrays: meta.update(size="16"), "size is missing, or"),
        (lambda meta, arrays: meta.update(size=20), "size is missing, or"),
        (lambda meta, arrays: meta.update(frames=0), "frames is missing, or"),
        (lambda meta, arrays: meta.update(parts={"training": "many"}), "parts is missing, or"),
        (lambda meta, arrays: meta.update(class_names=[1, 2, 3]), "class_names is missing, or"),
        (lambda meta, arrays: meta.update(class_names=["a", "a", "b"]), "class_names is missing, or"),
        (lambda meta, arrays: meta.update(class_names=["a", "b"]), "held_out of shape"),
        (lambda meta, arrays: meta.update(held_out=[[0] * 3] * 3), "held_out of shape"),
        (lambda meta, arrays: meta.update(frames=3), "is missing or of another shape or type"),
        (lambda meta, arrays: arrays.pop("normalizations/0/avg_var"), "normalizations/0/avg_var is missing"),
        (lambda meta, arrays: arrays.update({"to_scores/W": np.zeros(3)}), "to_scores/W is missing or of another"),
        (lambda meta, arrays: arrays["to_scores/W"].fill(np.nan), "to_scores/W is not finite"),
    ],
)
def test_damaged(path, change, message):
    rewrite(path, change)
    with pytest.raises(SnapshotError, match=rf"classifier.npz: no classifier of evaluate.py mcs .*{message}.*anew"):
        classifier_file.load(path)


def test_cut_short(path):
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SnapshotError, match=r"no classifier of evaluate.py mcs that can be read"):
        classifier_file.load(path)


def test_it_takes_no_more_memory_than_its_size_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_files, "MORE", 1 << 20)
    np.savez_compressed(tmp_path / "classifier.npz", meta=np.array("{}"), W=np.zeros(20 << 20, np.uint8))
    with pytest.raises(SnapshotError, match=r"mcs that can be read: its arrays would take 209"):
        classifier_file.load(tmp_path / "classifier.npz")


def test_a_description_without_an_end(tmp_path):
    np.savez(tmp_path / "classifier.npz", meta=np.array("[" * 200_000))
    with pytest.raises(SnapshotError, match=r"no classifier of evaluate.py mcs that can be read: .*recursion"):
        classifier_file.load(tmp_path / "classifier.npz")


class Boom:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def test_a_pickle_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in (("a", pickle.dumps(Boom())), ("b", None)):
        path = tmp_path / name
        if data is None:
            with path.open("wb") as file:
                np.savez(file, meta=np.array(Boom(), object))
        else:
            path.write_bytes(data)
        with pytest.raises(SnapshotError, match=r"no classifier of evaluate.py mcs that can be read"):
            classifier_file.load(path)
    assert not (tmp_path / "pwned").exists()
