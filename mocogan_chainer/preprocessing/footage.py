"""One raw video, a file or a folder of images: first sampled at a few places, then read once from end to end.

Both kinds give the same frames for the same pixels: cropped, then scaled by area where that shrinks them and
bilinearly where it enlarges them. Only a few frames are in memory at a time.
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
"""Short side, in pixels, of frames that are only searched for faces; smaller ones stay as they are."""

Crop = Box | str
"""What is kept of the frames: a box, ``"center"`` for the middle square, ``"none"`` for all, squeezed to a square."""


class Footage(ABC):
    """A raw video. Subclasses say where its frames come from."""

    @abstractmethod
    def extent(self) -> tuple[int, int]:
        """Return height and width of the frames, in pixels."""

    @abstractmethod
    def look(self, count: int) -> list[np.ndarray]:
        """Return about ``count`` (up to twice as many) evenly spread frames, uint8 ``(H, W, 3)``, made small."""

    @abstractmethod
    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        """Yield every frame, cropped and scaled: uint8 ``(size, size, 3)``, or with a mask as the fourth channel.

        Raises:
            DataError: a frame cannot be read.
        """

    @abstractmethod
    def filter(self, crop: Crop, size: int) -> str:
        """Return what :meth:`frames` does, as an ffmpeg filter."""


class VideoFile(Footage):
    """A file that ffmpeg decodes.

    Args:
        path: the file.
        fps: frames per second to take, by their time stamps; None for every frame.
        every_nth: take every n-th of these.
        threads: number of the decoder's threads.
        patience: seconds without a frame after which to give up on the file.
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
            if len(kept) == 2 * count:  # the length is not known yet: keep every second one, double the step
                kept, step = kept[::2], 2 * step
        return kept

    def frames(self, crop: Crop, size: int) -> Iterator[np.ndarray]:
        return decoding.decode(self._path, self.filter(crop, size), **self._how)

    def filter(self, crop: Crop, size: int) -> str:
        return ",".join([*self._timing, *_picture_filter(crop, size)])


class ImageFiles(Footage):
    """Image files, one per frame, in order.

    Args:
        paths: the files.
        every_nth: take every n-th.
        mask_of: returns the file of a frame's mask, given the frame's file; None for a frame without one. Omit it
            where there are no masks: frames then have three channels.

    Attributes:
        missing: the numbers missing from the files' numbering, as in ``3, 7 to 9``; "" for none.
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
        every_nth: take every n-th frame.
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
    # In RGB, not in the file's colour planes. Where the picture is enlarged, area means bilinear. Without
    # full_chroma_inp, shrinking to half or less ignores every other pixel's colour.
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
