"""Finding the face of a clip: by the Haar cascade that comes with OpenCV, or by YuNet if its file is given."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mocogan_chainer.errors import ConfigError, DataError, one_line

PROBES = 9
"""Frames of a clip that are searched; a third of them must show a face."""

SCORE = 0.7
"""The lowest score at which a face found by YuNet counts."""

Face = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


class Detector(Protocol):
    """Finds faces in one frame."""

    def __call__(self, frame: np.ndarray) -> list[Face]:
        """Return the faces in uint8 ``(H, W, 3)``."""


def find_face(frames: Sequence[np.ndarray], detector: Detector) -> tuple[float, float, float]:
    """Return centre x, centre y and side of the face of a clip: the median of the largest face in each frame.

    Args:
        frames: some frames of the clip, uint8 ``(H, W, 3)``, all of one size.
        detector: finds the faces.

    Returns:
        As fractions of the frames' width, height and width.

    Raises:
        DataError: fewer than a third of the frames show a face.
    """
    largest = [max(faces, key=lambda face: (face[2] * face[3], face)) for f in frames if (faces := detector(f))]
    if 3 * len(largest) < len(frames):
        shown = f"only {len(largest)}" if largest else "none"
        raise DataError(
            f"no face: found in {shown} of {len(frames)} frames searched; at least a third of them must show one"
        )
    height, width = frames[0].shape[:2]
    centres = [(x + w / 2, y + h / 2, max(w, h)) for x, y, w, h in largest]
    centre_x, centre_y, side = np.median(centres, axis=0)
    return centre_x / width, centre_y / height, side / width


def detector(model: str | None) -> Detector:
    """Return YuNet from its ONNX file, or the cascade if ``model`` is None.

    Raises:
        ConfigError: the file is missing or is not YuNet's.
    """
    if model is None:
        return _cascade_faces
    return functools.partial(_yunet_faces, _yunet(model))


def _cascade_faces(frame: np.ndarray) -> list[Face]:
    grey = cv2.equalizeHist(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    least = max(min(grey.shape) // 8, 24)
    found = _cascade().detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
    return [tuple(map(float, face)) for face in found]


@functools.cache
def _cascade() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, "haarcascade_frontalface_default.xml")))


def _yunet_faces(network: cv2.FaceDetectorYN, frame: np.ndarray) -> list[Face]:
    height, width = frame.shape[:2]
    network.setInputSize((width, height))
    _, found = network.detect(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return [] if found is None else [tuple(map(float, row[:4])) for row in found]


@functools.cache
def _yunet(model: str) -> cv2.FaceDetectorYN:
    if not Path(model).is_file():
        raise ConfigError(f"detector={model}: no such file; name YuNet's ONNX file, or omit it to use the cascade")
    try:
        network = cv2.FaceDetectorYN.create(model, "", (320, 320), SCORE)
        _yunet_faces(network, np.zeros((320, 320, 3), np.uint8))
    except cv2.error as error:
        raise ConfigError(f"detector={model}: not a YuNet ONNX file: {one_line(error.err)}") from error
    return network
