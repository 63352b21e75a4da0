"""Photos of any kind, cropped and scaled like the frames of a dataset."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, DataError, one_line, require_one_of, require_range
from mocogan_chainer.preprocessing import boxes, faces, tree
from mocogan_chainer.preprocessing.filmed import CROPS, MARGIN
from mocogan_chainer.preprocessing.footage import small

LONGEST_NAME = 48
"""Characters kept of a name: even at four bytes each, 255 bytes leave room for what is added."""

RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])", re.IGNORECASE)
"""Names that Windows reserves for devices, whatever the suffix."""

NOT_READ = {".heic": "HEIC", ".heif": "HEIF"}


@dataclass(frozen=True)
class Framing:
    """How photos are cropped and scaled.

    Args:
        crop: ``face``; ``center``, the middle square; or ``none``, the whole photo squeezed to a square.
        margin: what to add on each side of a face, as a fraction of its width, 0 to 2; None for a tenth.
        detector: YuNet's ONNX file, to find faces instead of OpenCV's cascade.

    Raises:
        ConfigError: they do not go together, or the detector's file is not YuNet's.
    """

    crop: str = "center"
    margin: float | None = None
    detector: str | None = None

    def __post_init__(self) -> None:
        require_one_of("--crop", self.crop, CROPS)
        for name in ("margin", "detector"):
            if getattr(self, name) is not None and self.crop != "face":
                raise ConfigError(f"--{name} {getattr(self, name)}: it needs --crop face")
        if self.margin is not None:
            require_range("--margin", self.margin, 0, 2)
        if self.crop == "face":
            faces.detector(self.detector)  # a wrong file is refused before any work

    def load(self, path: Path, size: int) -> np.ndarray:
        """Read a photo, crop it and scale it.

        Returns:
            uint8 ``(size, size, 3)``.

        Raises:
            DataError: it cannot be read, or shows no face although ``crop`` is ``face``.
        """
        pixels = read(path)
        height, width = pixels.shape[:2]
        if self.crop == "face":
            pixels = self._face(path, pixels).cut(pixels)
        elif self.crop == "center":
            pixels = boxes.centre(height, width).cut(pixels)
        return video.resize(pixels[None], size)[0]

    def _face(self, path: Path, pixels: np.ndarray) -> boxes.Box:
        height, width = pixels.shape[:2]
        try:
            x, y, side = faces.find_face([small(pixels)], faces.detector(self.detector))
        except DataError as error:
            raise DataError(f"{path}: no face found; --crop center takes the middle") from error
        margin = MARGIN if self.margin is None else self.margin
        return boxes.square(x * width, y * height, side * width * (1 + 2 * margin), height, width)


def find(place: Path) -> list[Path]:
    """Return the photo's path, or those of all that a folder holds, files first, each kind in natural order.

    Entries that are not photos are included: :func:`read` reports them, so that nothing is left out silently.

    Raises:
        DataError: there is nothing at ``place``, or the folder is empty.
    """
    if not place.is_dir():
        if not os.path.lexists(place):
            raise DataError(f"{place}: no such photo or folder")
        return [place]
    found = [*tree.files(place), *tree.folders(place)]
    if not found:
        raise DataError(f"{place}: an empty folder; put photos into it")
    return found


def read(path: Path) -> np.ndarray:
    """Read a photo as RGB, turned as its EXIF says, on white where it is transparent.

    Of 16 bits per channel the upper 8 are kept; of several pictures in a file, the first.

    Returns:
        uint8 ``(H, W, 3)``.

    Raises:
        DataError: it is missing, not an image, damaged, too large, or holds floating point numbers.
    """
    if path.is_dir():
        raise DataError(f"{path}: a folder; photos are read from the folder that you name, not from folders in it")
    if not path.is_file():
        raise DataError(f"{path}: {'not a file' if os.path.lexists(path) else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with video.opened_image(path, 2 * Image.MAX_IMAGE_PIXELS) as image:
                return _rgb(image)
    except Exception as error:  # decoders raise anything, SyntaxError and struct.error among them
        raise DataError(f"{path}: cannot be read as an image: {_reason(path, error)}") from error


def unique_name(path: Path, taken: set[str]) -> str:
    """Return a name for files on any system, made from a photo's: letters, digits, ``_`` and ``-``.

    Args:
        path: the photo.
        taken: the names used so far, without regard to case; the new one is added.
    """
    name = re.sub(r"[^\w-]+", "_", path.stem).lstrip("-")[:LONGEST_NAME] or "photo"
    if RESERVED.fullmatch(name):
        name += "_"
    unique, number = name, 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique.casefold())
    return unique


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("F"):
        raise DataError("it holds floating point numbers; save it with 8 or 16 bits per channel")
    if image.mode.startswith("I"):
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() >= 1 << 16:
            raise DataError("it holds more than 16 bits per channel; save it with 8 or 16")
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)
    return np.array(video.on_white(image).convert("RGB"))


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        kind = NOT_READ.get(path.suffix.lower())
        return f"{kind} is not supported; save it as JPEG or PNG" if kind else "not an image"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller"
    return one_line(error)
