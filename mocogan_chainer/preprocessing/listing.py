"""Making the items of sets whose videos are files in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mocogan_chainer import decoding
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree
from mocogan_chainer.preprocessing.source import Item, Source


def is_video(path: Path) -> bool:
    """Tell whether a file has the suffix of a video, in any case."""
    return path.suffix.lower() in decoding.SUFFIXES


def videos(raw: Path) -> list[Path]:
    """Return every video file below ``raw``.

    Raises:
        DataError: ``raw`` is no folder.
    """
    return [path for folder in tree.walk(tree.require_folder(raw)) for path in tree.files(folder) if is_video(path)]


def item(source: Source, path: Path, class_name: str = "", subject: str = "", **known: Any) -> Item:
    """Return the item of a video file or of a folder of images, named by its path below the raw data."""
    name = tree.relative(path, source.raw)
    if not path.is_file() and not path.is_dir():
        known["fault"] = "a broken link, or no file"
    return Item(name, name, class_name, subject, path, **known)


def require(source: Source, items: list[Item]) -> list[Item]:
    """Return ``items``, of which one at least must be usable.

    Raises:
        DataError: none is.
    """
    if all(item.fault for item in items):
        first = f" (the first of {len(items)}, {items[0].source}: {items[0].fault})" if items else ""
        raise DataError(f"{source.raw}: no video that fits{first}; {source.NAME} reads {source.HELP}")
    return items
