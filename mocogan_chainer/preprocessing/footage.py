"""One raw video as it comes, a file or a folder of images: looked at here and there, then read once from end to end.

Both kinds give the same frames for the same pixels: cut, then scaled by area where that shrinks and bilinear where it
grows. Memory stays at a few frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mocogan_chainer import decoding, video
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree
from mocogan_chainer.preprocessing.boxes import Box, centre

LOOK_SIDE = 480
"""Short side in pixels that frames have when they are only looked at; smaller ones stay as they are."""

Crop = Box | str
"""What is kept of the frames: a box, ``"center"`` for the middle square, ``"none"`` for all, brought to a square."""


class Footage(ABC):
    """A raw video. Subclasses say where its frames come from."""

    @abstractmethod
    def extent(self) -> tuple[int, int]:
        """Return height and width of the frames, in pixels."""

    @abstractmethod
    def look(self, count: int) -> list[np.ndarray]:
        """Return about ``count`` (up to twice as many) frames spread evenly, uint8 ``(H, W, 3)``, made small."""

    @abstractmethod
    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        """Yield every frame, cut and scaled: uint8 ``(size, size, 3)``, or with a mask as fourth channel.

        Raises:
            DataError: a frame cannot be read.
        """

    @abstractmethod
    def filter(self, crop: Crop, size: int) -> str:
        """Return what :meth:`frames` does, in ffmpeg's words."""


class VideoFile(Footage):
    """A file that ffmpeg decodes.

    Args:
        path: the file.
        fps: frames a second to take, by their time; None for every frame.
        every_nth: take each so many-th of these.
        threads: of the decoder.
        patience: seconds without a frame after which the file is given up.
    """

    def __init__(self, path: Path, fps: float | None, every_nth: int, threads: int, patience: float) -> None:
        self._path = path
        self._timing = [f"fps={fps:g}"] if fps else []
        self._timing += [f"select='not(mod(n,{every_nth}))'"] if every_nth > 1 else []
        self._how = {"threads": threads, "patience": patience}

    def extent(self) -> tuple[int, int]:
        first = next(decoding.decode(self._path, count=1, **self._how))
        return first.shape[:2]

    def look(self, count: int) -> list[np.ndarray]:
        side = f"min({LOOK_SIDE},min(iw,ih))"
        scale = f"scale='trunc(iw*{side}/min(iw,ih))':'trunc(ih*{side}/min(iw,ih))':flags=area"
        kept: list[np.ndarray] = []
        step = 1
        for i, frame in enumerate(decoding.decode(self._path, ",".join([*self._timing, scale]), **self._how)):
            if i % step == 0:
                kept.append(frame)
            if len(kept) == 2 * count:  # the length is not known beforehand: keep every second, go on half as dense
                kept, step = kept[::2], 2 * step
        return kept

    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        return decoding.decode(self._path, self.filter(crop, size), **self._how)

    def filter(self, crop: Crop, size: int) -> str:
        return ",".join([*self._timing, *_picture_filter(crop, size)])


class ImageFiles(Footage):
    """Image files, a frame each, in order.

    Args:
        paths: the files.
        every_nth: take each so many-th.
        mask_of: the file of a frame's mask, given the frame's; None for a frame without. Leave it away where there
            are no masks: then frames have three channels.

    Attributes:
        missing: which numbers the files' numbering leaves out, as in ``3, 7 to 9``; "" for none.
    """

    def __init__(
        self, paths: Sequence[Path], every_nth: int = 1, mask_of: Callable[[Path], Path | None] | None = None
    ) -> None:
        if not paths:
            raise DataError("no images in this folder")
        self.missing = tree.gaps([path.stem for path in paths])
        self._paths = paths[::every_nth]
        self._every_nth = every_nth
        self._mask_of = mask_of

    def extent(self) -> tuple[int, int]:
        return video.read_image(self._paths[0]).shape[:2]

    def look(self, count: int) -> list[np.ndarray]:
        return [small(video.read_image(self._paths[i])) for i in _spread(len(self._paths), count)]

    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        first = None
        for path in self._paths:
            frame = video.read_image(path)
            first = first or frame.shape
            if frame.shape != first:
                raise DataError(
                    f"{path}: {frame.shape[1]} x {frame.shape[0]}, but the video's first frame is "
                    f"{first[1]} x {first[0]}; all frames of a video must have one size"
                )
            if self._mask_of is not None:
                frame = np.dstack([frame, self._mask(path, frame.shape[:2])])
            yield video.resize(_box(crop, *first[:2]).cut(frame)[None], size)[0]

    def filter(self, crop: Crop, size: int) -> str:
        return _still_filter(self._every_nth, crop, size)

    def _mask(self, path: Path, extent: tuple[int, int]) -> np.ndarray:
        mask_path = self._mask_of(path)
        if mask_path is None:
            return np.zeros(extent, np.uint8)
        mask = video.read_image(mask_path).max(-1)
        if mask.shape != extent:
            raise DataError(
                f"{mask_path}: {mask.shape[1]} x {mask.shape[0]}, but its frame is {extent[1]} x {extent[0]}"
            )
        return mask


class StripFile(Footage):
    """An image that holds square frames side by side.

    Args:
        path: the file.
        every_nth: take each so many-th frame.
    """

    def __init__(self, path: Path, every_nth: int = 1) -> None:
        self._video = video.read_strip(path)[::every_nth]
        self._every_nth = every_nth

    def extent(self) -> tuple[int, int]:
        return self._video.shape[1:3]

    def look(self, count: int) -> list[np.ndarray]:
        return [small(self._video[i]) for i in _spread(len(self._video), count)]

    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        box = _box(crop, *self.extent())
        return (video.resize(box.cut(frame)[None], size)[0] for frame in self._video)

    def filter(self, crop: Crop, size: int) -> str:
        return _still_filter(self._every_nth, crop, size)


def _box(crop: Crop, height: int, width: int) -> Box:
    if isinstance(crop, Box):
        return crop
    return centre(height, width) if crop == "center" else Box(0, 0, width, height)


def _crop_filter(crop: Crop) -> list[str]:
    if isinstance(crop, Box):
        return [f"crop={crop.width}:{crop.height}:{crop.left}:{crop.top}"]
    # The same square as boxes.centre, for any extent.
    middle = "crop='min(iw,ih)':'min(iw,ih)':'floor((iw-ow)/4)*2':'floor((ih-oh)/4)*2'"
    return [middle] if crop == "center" else []


def _picture_filter(crop: Crop, size: int) -> list[str]:
    """Return the filters that cut and scale as :func:`video.resize` does, to within 1 of 255."""
    # In RGB, not in the file's colour planes. Area means bilinear where it grows. Without full_chroma_inp, shrinking to
    # half or less leaves out every other pixel's colour.
    scale = f"scale={size}:{size}:flags=area+accurate_rnd+full_chroma_inp"
    return ["format=rgb24", *_crop_filter(crop), scale]


def _still_filter(every_nth: int, crop: Crop, size: int) -> str:
    step = [f"select='not(mod(n,{every_nth}))'"] if every_nth > 1 else []
    return ",".join([*step, *_picture_filter(crop, size)])


def _spread(length: int, count: int) -> np.ndarray:
    """Return up to ``count`` places in ``length``, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, count).astype(int))


def small(frame: np.ndarray) -> np.ndarray:
    """Return uint8 (H, W, 3) with its shorter side at :data:`LOOK_SIDE` at most: enough to find a face in."""
    height, width = frame.shape[:2]
    scale = LOOK_SIDE / min(height, width)
    if scale >= 1:
        return frame
    return video.resize(frame[None], int(height * scale), int(width * scale))[0]
