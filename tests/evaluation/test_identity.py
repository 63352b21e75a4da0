"""Whose face it is: with stand-ins for dlib and its weights everywhere, with the real ones where they are installed."""

import hashlib
import importlib.util
import sys
import tarfile
import types

import cv2
import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation.identity import LANDMARKS, MODELS, NETWORK, FaceIdentity
from mocogan_chainer.preprocessing import faces

INSTALL = r"pip install -r requirements-faces.txt"


class Dlib(types.ModuleType):
    """Describes a face by the corners of its box, and keeps the frame."""

    __version__ = "1.2.3"

    def __init__(self):
        super().__init__("dlib")
        self.paths, self.frames = [], []

    def face_recognition_model_v1(self, path):
        self.paths.append(path)

        def describe(frame, landmarks):
            self.frames.append(frame)
            return [*landmarks, *[0.0] * 124]

        return types.SimpleNamespace(compute_face_descriptor=describe)

    def shape_predictor(self, path):
        self.paths.append(path)
        return lambda frame, box: box

    def rectangle(self, *corners):
        return corners


@pytest.fixture
def dlib(monkeypatch):
    module = Dlib()
    monkeypatch.setitem(sys.modules, "dlib", module)
    return module


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A package that cannot be imported, as the real one cannot without pkg_resources."""
    models = tmp_path / MODELS / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("import no_such_module\n")
    (models / NETWORK).write_bytes(b"network")
    (models / LANDMARKS).write_bytes(b"landmarks")
    about = tmp_path / f"{MODELS}-9.8.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: face-recognition-models\nVersion: 9.8\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODELS, raising=False)
    return models


def detecting(monkeypatch, detector):
    monkeypatch.setattr(faces, "detector", lambda model: detector)


def test_files_and_versions(dlib, weights):
    found = FaceIdentity()
    assert sorted(dlib.paths) == sorted([str(weights / NETWORK), str(weights / LANDMARKS)])
    assert found.weights_sha256 == hashlib.sha256(b"network").hexdigest()
    assert found.protocol()["weights_sha256"] == found.weights_sha256
    assert found.protocol()["settings"]["landmarks_sha256"] == hashlib.sha256(b"landmarks").hexdigest()
    assert found.versions == {"dlib": "1.2.3", "face-recognition-models": "9.8"}


def test_the_largest_face_and_none(dlib, weights, monkeypatch):
    found = {0: [(5.0, 6.0, 20.0, 20.0), (40.4, 50.6, 99.7, 100.0), (1.0, 1.0, 30.0, 30.0)], 1: []}
    detecting(monkeypatch, lambda frame: found[int(frame[0, 0, 0])])
    video = np.stack([np.full((64, 64, 3), i, np.uint8) for i in (0, 1)])
    rows = FaceIdentity()(video)
    assert rows.shape == (2, 128)
    assert rows.dtype == np.float64
    assert rows[0, :4].tolist() == [40, 51, 139, 150]  # a rectangle of dlib includes its last pixel
    assert np.isnan(rows[1]).all()


@pytest.mark.parametrize(
    ("height", "width", "shape"), [(64, 64, (384, 384)), (64, 128, (384, 640)), (300, 400, (450, 550))]
)
def test_small_frames_are_enlarged_and_all_get_a_border(dlib, weights, monkeypatch, height, width, shape):
    detecting(monkeypatch, lambda frame: [(10, 10, 50, 50)])
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, -width // 4 :] = 200
    FaceIdentity()(frame[None])
    (seen,) = dlib.frames
    assert seen.shape == (*shape, 3)
    assert (seen[:, -60:] == 200).all() and (seen[:, :60] == 0).all()


def test_without_dlib(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ConfigError, match=f"face identity needs dlib, which cannot be imported .*; {INSTALL}"):
        FaceIdentity()


def test_without_the_weights(monkeypatch, dlib):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"needs the weights in face_recognition_models, .*; {INSTALL}"):
        FaceIdentity()


def test_with_a_file_missing(dlib, weights):
    (weights / LANDMARKS).unlink()
    with pytest.raises(ConfigError, match=rf"{LANDMARKS}: missing, .*; {INSTALL}"):
        FaceIdentity()


def test_with_damaged_weights(dlib, weights, monkeypatch):
    def refuse(path):
        raise RuntimeError("an error\noccurred")

    monkeypatch.setattr(dlib, "shape_predictor", refuse)
    with pytest.raises(ConfigError, match=f"dlib cannot read it: an error occurred; {INSTALL}"):
        FaceIdentity()


@pytest.fixture(scope="module")
def people(shared) -> list[np.ndarray]:
    """Three frames of each of two people at 64 x 64."""
    videos = []
    with tarfile.open(shared / "data" / "expressions.tar") as archive:
        for video in ("anger/train/img/vid_0001", "drumcheeks/train/img/vid_0005"):
            names = sorted(name for name in archive.getnames() if video in name and name.endswith(".jpg"))
            frames = []
            for name in (names[0], names[len(names) // 2], names[-1]):
                data = np.frombuffer(archive.extractfile(name).read(), np.uint8)
                frame = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
                height, width = frame.shape[:2]
                left, top = (width - min(height, width)) // 2, (height - min(height, width)) // 2
                square = frame[top : top + min(height, width), left : left + min(height, width)]
                frames.append(cv2.resize(square, (64, 64), interpolation=cv2.INTER_AREA))
            videos.append(np.stack(frames))
    return videos


@pytest.fixture(scope="module")
def describe() -> FaceIdentity:
    pytest.importorskip("dlib", reason="needs pip install -r requirements-faces.txt")
    if importlib.util.find_spec(MODELS) is None:
        pytest.skip("needs pip install -r requirements-faces.txt")
    return FaceIdentity()


def test_one_person_is_near_another_far(describe, people):
    first, second = (describe(video) for video in people)
    assert np.isfinite(first).all() and np.isfinite(second).all()
    within = [np.linalg.norm(rows[i] - rows[j]) for rows in (first, second) for i, j in ((0, 1), (0, 2), (1, 2))]
    between = np.linalg.norm(first[:, None] - second[None], axis=-1)
    assert max(within) < 0.6 < between.min()  # the bound that dlib's authors give


def test_nobody_in_an_even_frame(describe):
    assert np.isnan(describe(np.full((1, 64, 64, 3), 128, np.uint8))).all()


def test_the_weights_are_those_that_were_tried(describe):
    assert describe.weights_sha256 == "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
