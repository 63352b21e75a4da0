"""Writes the prepared form: shards of frames, the list of videos, a preview."""

from __future__ import annotations

import contextlib
import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mocogan_chainer import __version__, video, yaml_text
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.overview import spread
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.shards import SHARD_BYTES, Place, ShardWriter
from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.files import atomic_folder, sha256

PREVIEW_VIDEOS = 16
PREVIEW_FRAMES = 32
PREVIEW_SIZE = 96
PREVIEW_FPS = 12.5

UNREADABLE = str.maketrans({"\r": "\\r", "\0": "\\0", "\x85": "\\x85"})


class PreparedWriter:
    """Writes a prepared dataset into a folder, one video after the other. See :func:`open_writer`.

    Only one video is in memory at a time: frames go to the open shard as they come.

    Args:
        folder: an empty folder, or one that an earlier writer left unfinished (see :meth:`recover`).
        name: what the dataset is called.
        size: height and width of the frames.
        class_names: every class a video may have, in the order of the labels.
        options: the preprocessing options, recorded in ``dataset.yml``.
        record: what else to record there.
        masks: whether every video comes with masks.

    Attributes:
        videos: the number of videos so far.
        frames: the number of frames so far.
        videos_by_class: the number of videos of each class that has any, in the order of the labels.
        splits: the number of videos and of subjects in each split that has any.
        skipped: what was left out, as (source, reason).
        remarks: what is worth knowing about videos that were taken, as (source, remark).
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        size: int,
        class_names: Sequence[str] = (),
        options: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
        masks: bool = False,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self._folder = folder
        self._name = name
        self._size = size
        self._class_names = [_text(name) for name in class_names]
        self._known_classes = frozenset(self._class_names)
        told = {name: _text(value) if isinstance(value, str) else value for name, value in (options or {}).items()}
        self._record = {"options": told} | (record or {})
        shapes: dict[str, tuple[int, ...]] = {"frames": (size, size, 3)}
        self._shapes = shapes | ({"masks": (size, size)} if masks else {})
        self._shards = ShardWriter(folder, self._shapes, shard_bytes)
        self._rows: list[tuple] = []
        self._ids: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._subjects: dict[str, Counter[str]] = {}
        self.frames = 0
        self.skipped: list[tuple[str, str]] = []
        self.remarks: list[tuple[str, str]] = []

    @property
    def videos(self) -> int:
        return len(self._rows)

    @property
    def videos_by_class(self) -> dict[str, int]:
        return {name: self._counts[name] for name in self._class_names if self._counts[name]}

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        return {
            split: {"videos": counts.total(), "subjects": len(set(counts) - {""})}
            for split in layout.SPLITS
            if (counts := self._subjects.get(split))
        }

    def add(
        self,
        frames: np.ndarray,
        id: str,
        class_name: str = "",
        subject: str = "",
        source: str = "",
        *,
        split: str = "",
        filter: str = "",
        masks: np.ndarray | None = None,
    ) -> str:
        """Add one video and return the digest of what was written.

        Args:
            frames: uint8 ``(T, size, size, 3)``, T at least 1.
            id: a name that no other video of the dataset has.
            class_name: one of ``class_names``, or ``""``.
            subject: who is seen, or ``""``.
            source: where it came from, relative to the raw data.
            split: ``train``, ``test`` or ``""``.
            filter: what was done to its frames.
            masks: uint8 ``(T, size, size)`` if the dataset has masks, else None.

        Raises:
            ValueError: frames or masks of another shape or type, an id used before, an unknown class or split.
        """
        row = self._row(id, class_name, subject, split, source, filter)
        video = {"frames": frames} if masks is None else {"frames": frames, "masks": masks}
        if list(video) != list(self._shapes):
            raise ValueError(f"{row.id}: {' and '.join(video)} given, {' and '.join(self._shapes)} needed")
        if not len(frames):
            raise ValueError(f"{row.id}: a video needs at least one frame")
        for kind, values in video.items():
            expected = (len(frames), *self._shapes[kind])
            if values.dtype != np.uint8 or values.shape != expected:
                raise ValueError(f"{row.id}: {kind} {values.dtype} {values.shape} instead of uint8 {expected}")
        place, digest = self._shards.append(video)
        self._note(row, place, len(frames))
        return digest

    def recover(
        self,
        length: int,
        digest: str,
        id: str,
        class_name: str = "",
        subject: str = "",
        source: str = "",
        *,
        split: str = "",
        filter: str = "",
    ) -> bool:
        """Take over one video that an earlier writer added to this folder, if all its bytes are there.

        Call it before anything is added, in the order of the first attempt, until it returns False; :meth:`begin` then
        drops the rest.

        Args:
            length: its number of frames.
            digest: what :meth:`add` returned.
        """
        row = self._row(id, class_name, subject, split, source, filter)
        place = self._shards.recover(length, digest)
        if place is not None:
            self._note(row, place, length)
        return place is not None

    def begin(self) -> None:
        """Drop what an earlier writer left in the folder and :meth:`recover` did not take over."""
        self._shards.cut()

    def skip(self, source: str, reason: str) -> None:
        """Note something that was left out, for ``skipped.csv``."""
        self.skipped.append((_text(source), _text(reason)))

    def remark(self, source: str, remark: str) -> None:
        """Note something about a video that was taken, for ``remarks.csv``."""
        self.remarks.append((_text(source), _text(remark)))

    def finish(self) -> None:
        """Write the files that describe the frames. Classes without a video are dropped.

        Raises:
            DataError: there is no video; the message gives the first reason for leaving one out.
        """
        if not self._rows:
            count = len(self.skipped)
            first = f": {count} left out; the first was {': '.join(self.skipped[0])}" if count else ""
            raise DataError(f"{self._name}: no usable video{first}")
        self._shards.close()
        self._write_csv(layout.VIDEOS, layout.COLUMNS[layout.FORMAT], self._rows)
        for name, rows in ((layout.SKIPPED, self.skipped), (layout.REMARKS, self.remarks)):
            if rows:
                self._write_csv(name, layout.NOTES[name], rows)
        (self._folder / layout.META).write_text(yaml_text.dump(self._meta()), encoding="utf-8")
        video.write_gif(self._folder / layout.PREVIEW, preview(PreparedDataset.open(self._folder)), PREVIEW_FPS)

    def abandon(self) -> None:
        """Close the open files as they are."""
        self._shards.abandon()

    def _meta(self) -> dict[str, Any]:
        return {
            "format": layout.FORMAT,
            "tool": f"mocogan-chainer {__version__}",
            "name": self._name,
            "size": self._size,
            "masks": "masks" in self._shapes,
            "classes": list(self.videos_by_class),
            "counts": {
                "videos": self.videos,
                "frames": self.frames,
                "skipped": len(self.skipped),
                "remarks": len(self.remarks),
                "videos_by_class": self.videos_by_class,
                "splits": self.splits,
            },
            **self._record,
            "checksums": {layout.VIDEOS: sha256(self._folder / layout.VIDEOS)},
            "shards": [self._shard_meta(i, length) for i, length in enumerate(self._shards.lengths)],
        }

    def _shard_meta(self, index: int, length: int) -> dict[str, Any]:
        names = {kind: layout.shard_name(index, kind) for kind in self._shapes}
        sums = {kind: sha256(self._folder / name) for kind, name in names.items()}
        meta = {"file": names["frames"], "frames": length, "sha256": sums["frames"]}
        return meta | ({"masks_sha256": sums["masks"]} if "masks" in sums else {})

    def _row(self, *texts: str) -> _Row:
        row = _Row(*map(_text, texts))
        if row.id in self._ids:
            raise ValueError(f"{row.id}: two videos have this id")
        if row.class_name and row.class_name not in self._known_classes:
            raise ValueError(f"{row.id}: the class {row.class_name} is not one of {', '.join(self._class_names)}")
        if row.split and row.split not in layout.SPLITS:
            raise ValueError(f"{row.id}: the split {row.split} is not one of {', '.join(layout.SPLITS)}")
        return row

    def _note(self, row: _Row, place: Place, length: int) -> None:
        self._rows.append((row.id, row.class_name, row.subject, row.split, *place, length, row.source, row.filter))
        self._ids.add(row.id)
        self._counts[row.class_name] += 1
        self._subjects.setdefault(row.split, Counter())[row.subject] += 1
        self.frames += length

    def _write_csv(self, name: str, columns: Sequence[str], rows: Sequence[tuple]) -> None:
        with (self._folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)


class _Row(NamedTuple):
    id: str
    class_name: str
    subject: str
    split: str
    source: str
    filter: str


@contextlib.contextmanager
def open_writer(
    out: str | os.PathLike,
    name: str,
    size: int,
    class_names: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    force: bool = False,
    masks: bool = False,
) -> Iterator[PreparedWriter]:
    """Give a writer whose dataset appears at ``out`` once the block ends without an error.

    Args:
        out: the folder to make; an empty one may exist.
        name: what the dataset is called.
        size: height and width of the frames.
        class_names: every class a video may have, in the order of the labels.
        options: the preprocessing options, recorded in ``dataset.yml``.
        force: replace a prepared dataset at ``out``. Nothing else is ever replaced.
        masks: whether every video comes with masks.

    Raises:
        OutputError: ``out`` holds something that is not a prepared dataset, or ``force`` is false.
        DataError: no video was added, or there are too many classes.
    """
    out = check_out(out, force)
    check_classes(class_names)
    with atomic_folder(out, force) as folder:
        writer = PreparedWriter(folder, name, size, class_names, options, masks=masks)
        try:
            yield writer
            writer.finish()
        finally:
            writer.abandon()


def check_out(out: str | os.PathLike, force: bool) -> Path:
    """Return ``out`` with links resolved if a dataset may be written there.

    Raises:
        OutputError: see :func:`open_writer`.
    """
    resolved = Path(out).resolve()
    for folder in resolved.parents:
        if layout.is_prepared(folder):
            raise OutputError(f"{out}: it lies in {folder}, which is a prepared dataset; choose a folder outside it")
    if not resolved.exists():
        return resolved
    if not resolved.is_dir():
        raise OutputError(f"{out}: it is a file; choose a folder for the dataset")
    names = [entry.name for entry in resolved.iterdir()]
    foreign = sorted(name for name in names if not layout.is_own_file(name))
    if foreign or (names and layout.META not in names):
        raise OutputError(
            f"{out}: it holds things that are not a prepared dataset ({foreign[0] if foreign else names[0]}), so it is "
            "left as it is; choose another folder"
        )
    if names and not force:
        raise OutputError(f"{out}: it holds a prepared dataset already; use --force to replace it")
    return resolved


def check_classes(class_names: Sequence[str]) -> None:
    """Check that a ``dataset.yml`` with these classes could be read back.

    Raises:
        DataError: there are too many, or their names are too long.
    """
    remedy = "if the first folder level is the class, put these folders into one folder, which is then the only class"
    if len(class_names) > layout.MOST_CLASSES:
        first = ", ".join(class_names[:2])
        raise DataError(
            f"{len(class_names):,} classes ({first}, ...), but a dataset has at most {layout.MOST_CLASSES:,}; {remedy}"
        )
    # They appear there four times; the last eighth is for everything else.
    once = yaml_text.dump({"counts": {"videos_by_class": {_text(name): 10**9 for name in class_names}}})
    letters, most = len(once.encode()), yaml_text.MOST_LETTERS * 7 // 32
    if letters > most:
        raise DataError(
            f"{len(class_names):,} classes whose names have {letters:,} letters, but at most {most:,} are allowed; "
            f"use shorter names, or fewer classes: {remedy}"
        )


def preview(dataset: PreparedDataset) -> np.ndarray:
    """Return the first frames of up to 16 videos, taken evenly from each class, as one video.

    Returns:
        uint8 ``(T, H, W, 3)`` with T at most 32.
    """
    chosen = spread(dataset.labels, PREVIEW_VIDEOS)
    length = min(PREVIEW_FRAMES, int(dataset.lengths[chosen].max()))
    tiles = []
    for i in chosen:
        places = np.minimum(np.arange(length), dataset.lengths[i] - 1)
        side = min(dataset.size, PREVIEW_SIZE)
        tiles.append(np.concatenate([video.resize(dataset.frames(i, [place]), side) for place in places]))
    columns = int(np.ceil(np.sqrt(len(tiles))))
    return video.grid(np.stack(tiles), columns)


def _text(name: str) -> str:
    """Escape what cannot be stored: bytes that are not UTF-8, as ``\\udcXX``, and what csv writes but cannot read."""
    return name.encode("utf-8", "backslashreplace").decode().translate(UNREADABLE)
