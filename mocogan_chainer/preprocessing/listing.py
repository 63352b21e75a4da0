"""Makes the items of datasets whose videos are files in folders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from mocogan_chainer import decoding
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree
from mocogan_chainer.preprocessing.source import Item, Source

NO_FOOTAGE = frozenset(
    {
        *(".txt", ".md", ".rst", ".pdf", ".doc", ".docx", ".rtf", ".html", ".htm", ".url", ".lnk", ".log", ".nfo"),
        *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".yml", ".yaml", ".toml", ".ini", ".xls", ".xlsx", ".ods", ".db"),
        *(".srt", ".vtt", ".ass", ".sub", ".eaf", ".xmp", ".md5", ".sha1", ".sha256", ".py", ".m", ".mat", ".sh"),
        *(".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma"),
    }
)
"""Suffixes of files that lie next to videos and hold none: texts, tables, captions, checksums, scripts, sound."""
TEXTS = frozenset({"authors", "changelog", "copying", "licence", "license", "makefile", "readme"})
"""Names of text files that have no suffix, in lower case."""


def is_video(path: Path) -> bool:
    """Tell whether a file has the suffix of a video, in any case."""
    return path.suffix.lower() in decoding.SUFFIXES


def videos(raw: Path) -> list[Path]:
    """Return every video file below ``raw``.

    Raises:
        DataError: ``raw`` is not a folder.
    """
    return [path for folder in tree.walk(tree.require_folder(raw)) for path in tree.files(folder) if is_video(path)]


def item(source: Source, path: Path, class_name: str = "", subject: str = "", **known: Any) -> Item:
    """Return the item of a video file or of a folder of images, named by its path below the raw data."""
    name = tree.relative(path, source.raw)
    if not path.is_file() and not path.is_dir():
        known["fault"] = "a broken link, or not a file"
    return Item(name, name, class_name, subject, path, **known)


def unread(
    source: Source,
    items: Sequence[Item],
    reads: Collection[str] = decoding.SUFFIXES,
    folders: Iterable[str] = (),
) -> list[tuple[str, str]]:
    """Return what else in the raw data may hold a video, as :meth:`Source.unread` does: one line per suffix and folder.

    Args:
        items: what was found: files, and folders that stand for the images directly in them.
        reads: the suffixes of the files that the dataset reads one by one, in lower case.
        folders: more folders, by their paths below the raw data, whose images are accounted for.
    """
    known = {item.source for item in items}.union(folders)
    found: dict[tuple[str, str], list[str]] = {}
    for folder in tree.walk(tree.require_folder(source.raw)):
        at = tree.relative(folder, source.raw)
        for path in tree.files(folder):
            name, suffix = tree.relative(path, source.raw), path.suffix.lower()
            is_taken = name in known or (at in known and suffix in tree.IMAGE_SUFFIXES)
            if not is_taken and suffix not in NO_FOOTAGE and path.name.lower() not in TEXTS:
                found.setdefault((at, suffix), []).append(name)
    faults = {suffix: f"{source.NAME} does not read {suffix} files" for _, suffix in found}
    faults[""] = f"it has no suffix, and {source.NAME} recognizes videos by theirs"
    faults |= dict.fromkeys(reads, f"it is not where {source.NAME} looks for videos")
    return [
        (names[0], faults[suffix] + f"; {len(names)} such files in its folder" * (len(names) > 1))
        for (_, suffix), names in found.items()
    ]


def require(source: Source, items: list[Item]) -> list[Item]:
    """Return ``items``, at least one of which must be usable.

    Raises:
        DataError: none is.
    """
    if all(item.fault for item in items):
        found = [*((item.source, item.fault) for item in items), *source.unread(items)]
        first = f" (the first of {len(found)}, {': '.join(found[0])})" if found else ""
        raise DataError(f"{source.raw}: no usable video{first}; {source.NAME} reads {source.HELP}")
    return items
