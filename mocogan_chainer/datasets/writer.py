"""Writing the prepared form: shards of frames, the list of videos, a preview."""

from __future__ import annotations

import contextlib
import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import yaml

from mocogan_chainer import __version__, video
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.files import atomic_folder

SHARD_BYTES = 1 << 30
PREVIEW_VIDEOS = 16
PREVIEW_FRAMES = 32
PREVIEW_SIZE = 96
PREVIEW_FPS = 12.5


class PreparedWriter:
    """Writes a prepared dataset into an empty folder, one video after the other. See :func:`open_writer`.

    Memory stays at one video: frames go to the open shard as they come.

    Attributes:
        videos: the number of videos so far.
        frames: the number of frames so far.
        videos_by_class: the number of videos of each class that has any, in the order of the labels.
        skipped: what was left out, as (source, reason).
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        size: int,
        class_names: Sequence[str] = (),
        options: dict[str, Any] | None = None,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        self._folder = folder
        self._name = name
        self._size = size
        self._class_names = [_text(name) for name in class_names]
        self._options = options or {}
        self._limit = shard_bytes
        self._rows: list[tuple] = []
        self._ids: set[str] = set()
        self._shards: list[int] = []
        self._file: BinaryIO | None = None
        self._counts: Counter[str] = Counter()
        self.frames = 0
        self.skipped: list[tuple[str, str]] = []

    @property
    def videos(self) -> int:
        return len(self._rows)

    @property
    def videos_by_class(self) -> dict[str, int]:
        return {name: self._counts[name] for name in self._class_names if self._counts[name]}

    def add(self, frames: np.ndarray, id: str, class_name: str = "", subject: str = "", source: str = "") -> None:
        """Add one video.

        Args:
            frames: uint8 ``(T, size, size, 3)``, T at least 1.
            id: a name that no other video of the dataset has.
            class_name: one of ``class_names``, or ``""``.
            subject: who is seen, or ``""``.
            source: where it came from, relative to the raw data.

        Raises:
            ValueError: frames of another form, an id met before, or an unknown class.
        """
        id, class_name, subject, source = map(_text, (id, class_name, subject, source))
        expected = (len(frames), self._size, self._size, 3)
        if frames.dtype != np.uint8 or frames.shape != expected or not len(frames):
            raise ValueError(f"{id}: {frames.dtype} {frames.shape} instead of uint8 (T, {self._size}, {self._size}, 3)")
        if id in self._ids:
            raise ValueError(f"{id}: two videos have this id")
        if class_name and class_name not in self._class_names:
            raise ValueError(f"{id}: the class {class_name} is not one of {', '.join(self._class_names)}")
        if self._file is None or (self._shards[-1] + len(frames)) * frames[0].nbytes > self._limit:
            self._open_shard()
        self._file.write(np.ascontiguousarray(frames).data)
        self._rows.append((id, class_name, subject, len(self._shards) - 1, self._shards[-1], len(frames), source))
        self._ids.add(id)
        self._shards[-1] += len(frames)
        self._counts[class_name] += 1
        self.frames += len(frames)

    def skip(self, source: str, reason: str) -> None:
        """Note something that was left out, for ``skipped.csv``."""
        self.skipped.append((_text(source), _text(reason)))

    def finish(self) -> None:
        """Write what describes the frames. Classes without a video are dropped.

        Raises:
            DataError: there is no video; the message gives the first reason for leaving one out.
        """
        if not self._rows:
            first = f": {len(self.skipped)} left out, the first, {': '.join(self.skipped[0])}" if self.skipped else ""
            raise DataError(f"{self._name}: no usable video{first}")
        self._close_shard()
        self._write_csv(layout.VIDEOS, layout.COLUMNS, self._rows)
        if self.skipped:
            self._write_csv(layout.SKIPPED, ["source", "reason"], self.skipped)
        meta = {
            "format": layout.FORMAT,
            "tool": f"mocogan-chainer {__version__}",
            "name": self._name,
            "size": self._size,
            "classes": list(self.videos_by_class),
            "counts": {
                "videos": self.videos,
                "frames": self.frames,
                "skipped": len(self.skipped),
                "videos_by_class": self.videos_by_class,
            },
            "options": self._options,
            "shards": [
                {
                    "file": layout.shard_name(i),
                    "frames": n,
                    "sha256": layout.sha256(self._folder / layout.shard_name(i)),
                }
                for i, n in enumerate(self._shards)
            ],
        }
        text = yaml.safe_dump(meta, sort_keys=False, allow_unicode=True)
        (self._folder / layout.META).write_text(text, encoding="utf-8")
        video.write_gif(self._folder / layout.PREVIEW, preview(PreparedDataset.open(self._folder)), PREVIEW_FPS)

    def abandon(self) -> None:
        """Close the open shard as it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_shard(self) -> None:
        self._close_shard()
        self._file = (self._folder / layout.shard_name(len(self._shards))).open("wb")
        self._file.write(layout.npy_header(0, self._size))
        self._shards.append(0)

    def _close_shard(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.write(layout.npy_header(self._shards[-1], self._size))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.abandon()

    def _write_csv(self, name: str, columns: Sequence[str], rows: Sequence[tuple]) -> None:
        with (self._folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)


@contextlib.contextmanager
def open_writer(
    out: str | os.PathLike,
    name: str,
    size: int,
    class_names: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    force: bool = False,
) -> Iterator[PreparedWriter]:
    """Give a writer whose dataset appears at ``out`` when the block ends without an error.

    Args:
        out: the folder to make; it may be there when it is empty.
        name: what the dataset is called.
        size: height and width of the frames.
        class_names: every class a video may have, in the order of the labels.
        options: the preprocessing options, recorded in ``dataset.yml``.
        force: replace a prepared dataset that stands at ``out``. Nothing else is ever replaced.

    Raises:
        OutputError: ``out`` holds something, and it is no prepared dataset or ``force`` is false.
        DataError: no video was added.
    """
    out = check_out(out, force)
    with atomic_folder(out, force) as folder:
        writer = PreparedWriter(folder, name, size, class_names, options)
        try:
            yield writer
            writer.finish()
        finally:
            writer.abandon()


def check_out(out: str | os.PathLike, force: bool) -> Path:
    """Return ``out`` with links resolved, once a dataset may be written there.

    Raises:
        OutputError: see :func:`open_writer`.
    """
    resolved = Path(out).resolve()
    for folder in resolved.parents:
        if (folder / layout.META).is_file():
            raise OutputError(f"{out}: it lies in {folder}, which is a prepared dataset; choose a folder apart from it")
    if not resolved.exists():
        return resolved
    if not resolved.is_dir():
        raise OutputError(f"{out}: it is a file; choose a folder for the dataset")
    names = [entry.name for entry in resolved.iterdir()]
    foreign = sorted(name for name in names if not layout.is_own_file(name))
    if foreign or (names and layout.META not in names):
        raise OutputError(
            f"{out}: it holds things that are no prepared dataset ({foreign[0] if foreign else names[0]}), so it is "
            "left alone; choose another folder"
        )
    if names and not force:
        raise OutputError(f"{out}: it holds a prepared dataset already; use --force to replace it")
    return resolved


def preview(dataset: PreparedDataset) -> np.ndarray:
    """Return the first frames of up to 16 videos, taken evenly from each class, as one video."""
    chosen = _spread(dataset.labels)
    length = min(PREVIEW_FRAMES, int(dataset.lengths[chosen].max()))
    tiles = []
    for i in chosen:
        places = np.minimum(np.arange(length), dataset.lengths[i] - 1)
        frames = dataset.frames(i, places)
        tiles.append(video.resize(frames, min(dataset.size, PREVIEW_SIZE)))
    columns = int(np.ceil(np.sqrt(len(tiles))))
    return video.grid(np.stack(tiles), columns)


def _text(name: str) -> str:
    """Write bytes of a file name that are no UTF-8 as ``\\udcXX``: such names cannot be stored as text."""
    return name.encode("utf-8", "backslashreplace").decode()


def _spread(labels: np.ndarray) -> list[int]:
    """Return up to 16 videos, as many of each class as can be, spread over the class."""
    kinds = np.unique(labels)
    shares = np.diff(np.linspace(0, PREVIEW_VIDEOS, len(kinds) + 1).astype(int))
    chosen: list[int] = []
    for kind, share in zip(kinds, shares, strict=True):
        members = np.flatnonzero(labels == kind)
        places = np.linspace(0, len(members) - 1, min(share, len(members))).astype(int)
        chosen += members[places].tolist()
    return chosen
