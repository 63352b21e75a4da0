"""Walks the folders of raw data, in an order that does not depend on the file system."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from mocogan_chainer.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
SHOWN_GAPS = 5


def natural_key(name: str) -> tuple:
    """Return a sort key under which ``frame10`` comes after ``frame9``."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name


def folders(parent: Path) -> list[Path]:
    """Return the folders in ``parent``, in natural order, without hidden ones and links to a folder that they lie in.

    Raises:
        DataError: ``parent`` cannot be listed.
    """
    return [path for path, is_folder in _entries(parent) if is_folder and not is_loop(path)]


def files(folder: Path) -> list[Path]:
    """Return everything in ``folder`` that is not a folder, in natural order, without hidden files.

    Broken links and the like are included: whoever reads them reports it, so that nothing is left out silently.

    Raises:
        DataError: ``folder`` cannot be listed.
    """
    return [path for path, is_folder in _entries(folder) if not is_folder]


def images(folder: Path) -> list[Path]:
    """Return those of :func:`files` with the suffix of an image, in any case."""
    return [path for path in files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def walk(root: Path) -> Iterator[Path]:
    """Yield ``root`` and every folder below it, each before its content; links are followed, but never in a circle."""
    yield from _walk(root, frozenset())


def is_loop(path: Path) -> bool:
    """Tell whether ``path`` is a link to a folder that it lies in."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    return target == path.parent.resolve() or target in path.parent.resolve().parents


def relative(path: Path, root: Path) -> str:
    """Return ``path`` below ``root`` as text with forward slashes."""
    return path.relative_to(root).as_posix()


def require_folder(path: Path) -> Path:
    """Return ``path`` if it is a folder.

    Raises:
        DataError: it is missing or a file.
    """
    if not path.is_dir():
        raise DataError(f"{path}: {'a file, but a folder is needed' if path.exists() else 'no such folder'}")
    return path


def gaps(names: list[str]) -> str:
    """Return the numbers missing from a numbering, for example ``3, 7 to 9``; "" if none, or if names have no number.

    The last number in each name counts; the numbers may go in steps.
    """
    found = [re.findall(r"[0-9]+", name) for name in names]
    numbers = sorted({int(digits[-1]) for digits in found if digits})
    if len(numbers) < 3 or len(numbers) < len(names):
        return ""
    step = min(b - a for a, b in itertools.pairwise(numbers))
    holes = [(a + step, b - step) for a, b in itertools.pairwise(numbers) if b - a > step]
    text = [str(first) if first == last else f"{first} to {last}" for first, last in holes[:SHOWN_GAPS]]
    return ", ".join(text + ["..."] * (len(holes) > SHOWN_GAPS))


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
    except OSError as error:
        raise DataError(f"{folder}: cannot be entered: {error.strerror}") from error
    here = (status.st_dev, status.st_ino)
    if here not in above:
        yield folder
        for inner in folders(folder):
            yield from _walk(inner, above | {here})


def _entries(parent: Path) -> list[tuple[Path, bool]]:
    """Return what is in a folder, and for each whether it is a folder or a link to one."""
    try:
        with os.scandir(parent) as entries:
            found = [(parent / entry.name, _is_folder(entry)) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{parent}: cannot be listed: {error.strerror}") from error
    return sorted(found, key=lambda entry: natural_key(entry[0].name))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to what may not be entered
        return False
