"""Finding the videos in a folder: files, and folders of images, with classes by folder or by name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer import decoding
from mocogan_chainer.datasets import layout
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree

GENERATED = re.compile(r"video_(?P<number>\d{1,4})(?:_(?P<category>.+))?_\d{5,}")
"""How generate_samples.py names a video whose category was asked for; phones name theirs by date and time."""
SHEET = re.compile(r"grid_\d+x\d+|interpolation|length_\d+")
"""How it names several videos side by side, and one video at several lengths."""

FORMS = ("images", ".mp4", ".gif")
"""What generate_samples.py writes of one video, the truest first: an MP4 has lost some colour, a GIF all but 256."""


@dataclass(frozen=True)
class Found:
    """A video.

    Attributes:
        name: its path below the folder that was searched, with forward slashes.
        path: a video file, or a folder of images.
        images: the folder's, a frame each, in order; empty for a file.
        category: its class's number, where its name says one, and name; None without a class.
    """

    name: str
    path: Path
    images: tuple[Path, ...] = ()
    category: tuple[int, str] | None = None

    @property
    def stem(self) -> str:
        """The name without folder and suffix."""
        return self.path.name if self.images else self.path.stem

    @property
    def form(self) -> int | None:
        """Which of :data:`FORMS` it has, None for another."""
        kind = "images" if self.images else self.path.suffix.lower()
        return FORMS.index(kind) if kind in FORMS else None


def find(root: Path) -> tuple[list[Found], list[tuple[str, str]]]:
    """Find every video below a folder, in natural order.

    Returns:
        The videos, and what was left out with the reason: grids, images beside videos, and all forms but the truest
        of a video that is there in several of :data:`FORMS` (in one folder, under one name).

    Raises:
        DataError: it cannot be searched, holds images directly, or a prepared dataset.
    """
    videos: list[Found] = []
    left_out: list[tuple[str, str]] = []
    for folder in tree.walk(root):
        if layout.is_prepared(folder):
            raise DataError(f"{folder}: a prepared dataset, which lies in {root}; name it itself")
        files = [path for path in tree.files(folder) if path.suffix.lower() in decoding.SUFFIXES]
        images = tuple(tree.images(folder))
        videos += [_found(root, path) for path in files]
        if images and (files or folder == root):
            left_out.append((tree.relative(images[0], root), f"an image beside videos, the first of {len(images)}"))
        elif images:
            videos.append(_found(root, folder, images))
    if not videos and left_out:
        raise DataError(
            f"{root}: images lie directly in it; a folder of images is one video: put each video's images into a "
            "folder of its own, and name the folder that holds these"
        )
    sheets = [video for video in videos if SHEET.fullmatch(video.stem)]
    left_out += [(video.name, "several videos side by side") for video in sheets]
    return _truest([video for video in videos if video not in sheets], left_out), left_out


def _truest(videos: Iterable[Found], left_out: list[tuple[str, str]]) -> list[Found]:
    forms: dict[tuple[str, Path], list[Found]] = defaultdict(list)
    for video in videos:
        key = ("another", video.path) if video.form is None else ("ours", video.path.parent / video.stem)
        forms[key].append(video)
    kept = []
    for found in forms.values():
        best = min(found, key=lambda video: video.form or 0)
        kept += [video for video in found if video.form == best.form]
        left_out += [
            (video.name, f"by its name {best.name} is the same video") for video in found if video.form != best.form
        ]
    return kept


def _found(root: Path, path: Path, images: tuple[Path, ...] = ()) -> Found:
    folders = path.relative_to(root).parts[:-1]
    generated = GENERATED.fullmatch(path.name if images else path.stem)
    if generated and (generated["category"] or not folders):
        category = int(generated["number"]), generated["category"] or generated["number"]
    else:
        category = (0, folders[0]) if folders else None
    return Found(tree.relative(path, root), path, images, category)
