"""Whose face it is, as 128 numbers a frame: the features of ACD on faces.

The papers' were OpenFace's. These are those of dlib's ResNet, of which two pictures of one person are usually less than
0.6 apart. dlib and its weights are optional packages. Faces are found by OpenCV's cascade and not by dlib's own
detector: of faces that fill the frame, blurred or noisy ones that dlib's finds in half of the frames, it finds nearly
all, and a metric that leaves bad frames out flatters.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from mocogan_chainer.errors import ConfigError, one_line
from mocogan_chainer.files import sha256
from mocogan_chainer.preprocessing import faces

DIMENSIONS = 128
MODELS = "face_recognition_models"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
SHORT_SIDE = 256
"""Smaller frames are enlarged until their short side has so many pixels: detectors miss small faces."""
BORDER = 4
"""One part in so many of the short side is put around a frame: detectors miss faces that fill it."""
CHIP = 150
"""Height and width of the aligned face, in pixels."""

_INSTALL = "pip install -r requirements-faces.txt"


class FaceIdentity:
    """Describes the largest face in each frame.

    Attributes:
        weights_sha256: of the network's file.
        landmarks_sha256: of the file that finds eyes and nose, by which a face is aligned.
        versions: of the optional packages.

    Raises:
        ConfigError: a package is missing or damaged.
    """

    def __init__(self) -> None:
        self._dlib = _dlib()
        network, landmarks = (_model(name) for name in (NETWORK, LANDMARKS))
        try:
            self._network = self._dlib.face_recognition_model_v1(str(network))
            self._landmarks = self._dlib.shape_predictor(str(landmarks))
        except RuntimeError as error:
            raise ConfigError(f"{network.parent}: dlib cannot read it: {one_line(error)}; {_INSTALL}") from error
        self._detect = faces.detector(None)
        self.weights_sha256 = sha256(network)
        self.landmarks_sha256 = sha256(landmarks)
        self.versions = {
            "dlib": self._dlib.__version__,
            "face-recognition-models": importlib.metadata.version("face-recognition-models"),
        }

    def __call__(self, video: np.ndarray) -> np.ndarray:
        """Return the identity of each frame's face.

        Args:
            video: uint8 ``(T, H, W, 3)``, RGB.

        Returns:
            float64 ``(T, 128)``; NaN in frames without a face.
        """
        features = np.full((len(video), DIMENSIONS), np.nan)
        for row, frame in zip(features, video, strict=True):
            enlarged = _enlarged(frame)
            found = self._detect(enlarged)
            if found:
                row[:] = self._describe(enlarged, max(found, key=lambda face: (face[2] * face[3], face)))
        return features

    def protocol(self) -> dict[str, Any]:
        """Return the fields of a protocol that say how these features are made."""
        return {
            "network": "dlib's face recognition ResNet, 128 numbers",
            "weights_sha256": self.weights_sha256,
            "size": CHIP,
            "resize": f"bicubic-cv2 to a short side of {SHORT_SIDE} where it is shorter",
            "crop": "the largest face, aligned by 5 landmarks",
            "channel_order": "RGB",
            "pixel_values": "0 to 255",
            "settings": {
                "landmarks_sha256": self.landmarks_sha256,
                "detector": "haarcascade_frontalface_default",
                "border": f"1/{BORDER} of the short side, repeating the edge",
            },
        }

    def _describe(self, frame: np.ndarray, face: faces.Face) -> np.ndarray:
        left, top, width, height = (round(number) for number in face)
        box = self._dlib.rectangle(left, top, left + width - 1, top + height - 1)
        return np.array(self._network.compute_face_descriptor(frame, self._landmarks(frame, box)))


def _enlarged(frame: np.ndarray) -> np.ndarray:
    short = min(frame.shape[:2])
    if short < SHORT_SIDE:
        height, width = (round(n * SHORT_SIDE / short) for n in frame.shape[:2])
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    border = min(frame.shape[:2]) // BORDER
    return cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_REPLICATE)


def _dlib() -> ModuleType:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise ConfigError(
            f"face identity needs dlib, which cannot be imported ({one_line(error)}); {_INSTALL}; for shapes "
            "over black there is --features shape-colour"
        ) from error


def _model(name: str) -> Path:
    """Find a model's file without importing the package that holds it, which would want pkg_resources."""
    spec = importlib.util.find_spec(MODELS)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"face identity needs the weights in {MODELS}, which is not installed; {_INSTALL}")
    path = Path(spec.submodule_search_locations[0], "models", name)
    if not path.is_file():
        raise ConfigError(f"{path}: missing, so the installed {MODELS} is not whole; {_INSTALL}")
    return path
