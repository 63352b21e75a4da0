"""What datasets of filmed videos share: how the frames of a clip are cropped, and which frames are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocogan_chainer import decoding
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.files import sha256
from mocogan_chainer.preprocessing import boxes, faces, listing, tree
from mocogan_chainer.preprocessing.footage import Crop, Footage, ImageFiles, VideoFile
from mocogan_chainer.preprocessing.source import Item, Recording, Source, option

MARGIN = 0.1
CROPS = ("face", "center", "none")


def crop_option(default: str) -> Any:
    """Declare ``crop`` with the dataset's own default."""
    return option(default, "keep the face, the middle square, or the whole frame, squeezed to a square", choices=CROPS)


@dataclass
class Filmed(Source):
    """A dataset of filmed videos. ``Item.data`` is the path of a video file, or of a folder that holds its frames."""

    crop: str = crop_option("center")
    margin: float | None = option(
        None,
        f"what to add on each side of a face or box, as a fraction of its width (default: {MARGIN})",
        0,
        2,
        kind=float,
    )
    boxes: str | None = option(
        None, f"crop to these boxes instead of using --crop: CSV with {', '.join(boxes.COLUMNS)}", kind=str
    )
    detector: str | None = option(None, "YuNet's ONNX file, to find faces instead of OpenCV's cascade", kind=str)
    every_nth: int = option(1, "take every n-th frame", low=1)

    def __post_init__(self) -> None:
        finds_faces = self.crop == "face" and self.boxes is None
        if self.margin is not None and not (finds_faces or self.boxes):
            raise ConfigError(f"margin={self.margin}: only a face or a box takes a margin; use crop=face or boxes")
        if self.detector is not None and not finds_faces:
            raise ConfigError(f"detector={self.detector}: only crop=face finds faces")
        if finds_faces:
            faces.detector(self.detector)  # a wrong file is refused before any work
        self._boxes = boxes.read(Path(self.boxes)) if self.boxes else {}

    def load(self, item: Item) -> Recording:
        footage = self.footage(item)
        crop = self._crop(item, footage)
        return Recording(
            footage.frames(crop, self.size), footage.filter(crop, self.size), "; ".join(self.remarks(item, footage))
        )

    def remarks(self, item: Item, footage: Footage) -> list[str]:
        """Return what is worth knowing about a video that is taken."""
        missing = footage.missing if isinstance(footage, ImageFiles) else ""
        return [f"missing frame numbers: {missing}"] if missing else []

    def footage(self, item: Item) -> Footage:
        """Return the raw video of an item."""
        return ImageFiles(tree.images(item.data), self.every_nth)

    def settings(self) -> dict[str, Any]:
        named = {name: path for name in ("boxes", "detector") if (path := getattr(self, name))}
        return super().settings() | {f"{name}_sha256": sha256(path) for name, path in named.items()}

    def check(self, items: Sequence[Item]) -> None:
        super().check(items)
        unknown = sorted(set(self._boxes) - {item.source for item in items})
        if unknown:
            raise ConfigError(
                f"boxes={self.boxes}: {unknown[0]} is not one of the {len(items)} videos below {self.raw}"
            )

    def _crop(self, item: Item, footage: Footage) -> Crop:
        if self.boxes is None and self.crop != "face":
            return self.crop
        if self.boxes is None:
            parts = faces.find_face(footage.look(faces.PROBES), faces.detector(self.detector))
            height, width = footage.extent()
            x, y, side = parts[0] * width, parts[1] * height, parts[2] * width
        else:
            height, width = footage.extent()
            x, y, side = self._given(item, height, width)
        margin = MARGIN if self.margin is None else self.margin
        return boxes.square(x, y, side * (1 + 2 * margin), height, width)

    def _given(self, item: Item, height: int, width: int) -> tuple[float, float, float]:
        """Return centre x, centre y and side of the square around the box that the user gave."""
        if item.source not in self._boxes:
            raise DataError(f"no box in {Path(self.boxes).name}")
        left, top, box_width, box_height = self._boxes[item.source]
        if not (-box_width < left < width and -box_height < top < height):
            raise DataError(f"its box at {left:g}, {top:g} lies outside its frames, which are {width} x {height}")
        return left + box_width / 2, top + box_height / 2, max(box_width, box_height)


@dataclass
class FilmedFiles(Filmed):
    """A dataset whose videos are video files."""

    fps: float | None = option(
        None, "frames per second to take (default: every frame of the file)", 0.1, 1000, kind=float
    )
    timeout: float = option(60.0, "give up on a file if its decoder sends nothing for this many seconds", 1, 86400)

    def check(self, items: Sequence[Item]) -> None:
        super().check(items)
        if self.fps is None:
            return
        if images := [item for item in items if not item.fault and item.data.is_dir()]:
            raise ConfigError(
                f"fps={self.fps:g}: {images[0].source} is a folder of images, which has no frame rate; use every_nth"
            )

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        return listing.unread(self, items)

    def made_with(self) -> dict[str, str]:
        return {"ffmpeg": decoding.version()} | super().made_with()

    def footage(self, item: Item) -> Footage:
        if item.data.is_dir():
            return ImageFiles(tree.images(item.data), self.every_nth)
        return VideoFile(item.data, self.fps, self.every_nth, self.threads, self.timeout)
