"""Walking the folders of raw data, in an order that does not depend on the file system."""

from __future__ import annotations

import re
from pathlib import Path

from mocogan_chainer.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def natural_key(name: str) -> tuple:
    """Return a sort key under which ``frame10`` comes after ``frame9``."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name


def folders(parent: Path) -> list[Path]:
    """Return the folders in ``parent``, in natural order, without hidden ones."""
    return [path for path in _entries(parent) if path.is_dir()]


def files(folder: Path) -> list[Path]:
    """Return the files in ``folder``, in natural order, without hidden ones."""
    return [path for path in _entries(folder) if path.is_file()]


def images(folder: Path) -> list[Path]:
    """Return those of :func:`files` with the suffix of an image, in any case."""
    return [path for path in files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def relative(path: Path, root: Path) -> str:
    """Return ``path`` below ``root`` as text with forward slashes."""
    return path.relative_to(root).as_posix()


def require_folder(path: Path) -> Path:
    """Return ``path`` when it is a folder.

    Raises:
        DataError: it is missing or a file.
    """
    if not path.is_dir():
        raise DataError(f"{path}: {'a file, and a folder is needed' if path.exists() else 'no such folder'}")
    return path


def _entries(parent: Path) -> list[Path]:
    try:
        paths = [path for path in parent.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{parent}: cannot be listed: {error.strerror}") from error
    return sorted(paths, key=lambda path: natural_key(path.name))
