"""Reading the prepared form: a folder of memory-mapped frames with a list of the videos in them."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mocogan_chainer import npy_files, yaml_text
from mocogan_chainer.datasets import layout
from mocogan_chainer.errors import DataError, one_line, require_one_of
from mocogan_chainer.files import open_plain, read_plain, sha256

_MOST_FRAMES = 1 << 48
"""The most frames of a shard; more would not fit into any file."""


class PreparedDataset:
    """The videos of a prepared dataset. Make one with :meth:`open`.

    Frames are read from memory-mapped files, without a decoder. The object is safe to share between threads and forked
    processes. A pickle holds its description only; whoever loads it maps the files again.

    Attributes:
        path: the folder.
        name: what the dataset is called, for example ``shapes``.
        size: height and width of every frame in pixels.
        class_names: the names that ``labels`` index; empty if there are no classes.
        labels: int32 ``(V,)``, -1 for a video without a class.
        lengths: int64 ``(V,)``, the number of frames of each video.
        first_frames: int64 ``(V,)``, the number of each video's first frame among the frames of all shards.
        ids, subjects, splits, sources, filters: a list of strings each, ``""`` if not known.
        has_masks: whether every frame has a mask.
        split: which videos these are: ``train``, ``test`` or ``all``.
        options: the preprocessing options that made it.
        meta: the content of ``dataset.yml``, with ``masks`` and ``checksums`` added if its format has none.
    """

    def __init__(self, path: Path, meta: dict[str, Any], rows: list[dict[str, str]], split: str = "all") -> None:
        self.path = path
        self.name: str = meta["name"]
        self.size: int = meta["size"]
        self.class_names: list[str] = meta["classes"]
        self.has_masks: bool = meta["masks"]
        self.split = split
        self.options: dict[str, Any] = meta["options"]
        self.meta = meta
        self._shard_frames = [shard["frames"] for shard in meta["shards"]]
        self.ids = [row["id"] for row in rows]
        self.subjects = [row["subject"] for row in rows]
        self.splits = [row.get("split", "") for row in rows]
        self.sources = [row["source"] for row in rows]
        self.filters = [row.get("filter", "") for row in rows]
        label_of = {"": -1} | {name: i for i, name in enumerate(self.class_names)}
        for row in rows:
            if row["class"] not in label_of:
                raise DataError(
                    f"{path / layout.VIDEOS}: video {row['id']} has the class {row['class']}, which is not one of "
                    f"{layout.META}'s: {', '.join(self.class_names) or 'none'}"
                )
        self.labels = np.array([label_of[row["class"]] for row in rows], np.int32)
        self._shard_of, self._first, self.lengths = self._places(rows)
        self.first_frames = np.cumsum([0, *self._shard_frames], dtype=np.int64)[self._shard_of] + self._first
        self._shards: dict[str, list[np.ndarray]] | None = None
        self._map()

    @classmethod
    def open(cls, path: str | os.PathLike, split: str = "all") -> PreparedDataset:
        """Open the prepared dataset in a folder and check that it is complete, without reading the frames.

        Args:
            path: the folder.
            split: ``train`` or ``test`` for the videos of that split only, ``all`` for every video. In a dataset that
                was not split, all videos are ``train``.

        Raises:
            ConfigError: the split has another name.
            DataError: the folder is missing, not a prepared dataset, of another format, or damaged, or the split has
                no videos.
        """
        require_one_of("split", split, layout.PARTS)
        path = Path(path)
        if not path.exists():
            raise DataError(f"{path}: no such folder; make a dataset first: python preprocess.py shapes {path}")
        if not path.is_dir():
            raise DataError(f"{path}: not a folder; a prepared dataset is the folder that preprocess.py writes")
        if not (path / layout.META).is_file():
            inside = sorted(path.glob(f"*/{layout.META}"))
            if inside:
                names = ", ".join(str(meta.parent) for meta in inside)
                raise DataError(
                    f"{path}: not a prepared dataset itself; it holds {names}: name one of them (train.py: --dataset)"
                )
            raise DataError(
                f"{path}: not a prepared dataset, it has no {layout.META}; make one from raw data: "
                "python preprocess.py NAME RAW OUT"
            )
        meta = _read_meta(path / layout.META)
        rows = _read_rows(path / layout.VIDEOS, layout.COLUMNS[meta["format"]])
        if len(rows) != meta["counts"]["videos"]:
            raise _damaged(path / layout.VIDEOS, f"it lists {len(rows)} videos instead of {meta['counts']['videos']}")
        return cls(path, meta, _of_split(path, rows, split), split)

    def __len__(self) -> int:
        return len(self.lengths)

    def frames(
        self, video_index: int, frame_indices: Sequence[int] | range | np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Copy frames of one video.

        Args:
            video_index: 0 to ``len(self) - 1``.
            frame_indices: places in the video, 0 to its length - 1; a ``range`` is the fastest form.
            out: uint8 ``(n, H, W, 3)`` to write into, or None for a new array.

        Returns:
            uint8 ``(n, H, W, 3)``.

        Raises:
            IndexError: an index is out of range.
        """
        return self._read("frames", video_index, frame_indices, out)

    def masks(
        self, video_index: int, frame_indices: Sequence[int] | range | np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Copy masks of one video, 255 in the marked part (the mouth, in expressions); see :meth:`frames`.

        Returns:
            uint8 ``(n, H, W)``.

        Raises:
            DataError: the dataset has no masks.
        """
        if not self.has_masks:
            raise DataError(
                f"{self.path}: this dataset has no masks; preprocess.py expressions prepares videos with masks"
            )
        return self._read("masks", video_index, frame_indices, out)

    def _read(
        self, kind: str, video_index: int, frame_indices: Sequence[int] | range | np.ndarray, out: np.ndarray | None
    ) -> np.ndarray:
        length = int(self.lengths[video_index])
        if len(frame_indices) and (min(frame_indices) < 0 or max(frame_indices) >= length):
            raise IndexError(f"frames {frame_indices} of video {video_index}, which has {length} frames")
        shard = self._map()[kind][self._shard_of[video_index]]
        first = int(self._first[video_index])
        if isinstance(frame_indices, range) and frame_indices.step > 0:
            selected = shard[first + frame_indices.start : first + frame_indices.stop : frame_indices.step]
        else:
            selected = shard[first + np.asarray(frame_indices, np.int64)]
        if out is None:
            return np.array(selected)
        out[...] = selected
        return out

    def shards(self) -> list[np.ndarray]:
        """Return the mapped frames of all shards in order, uint8 ``(F, H, W, 3)`` each; do not write to them."""
        return self._map()["frames"]

    def release(self) -> None:
        """Free the memory of frames that were read; the files are mapped again when frames are next read.

        Until then, mapped pages count as the process's memory. Training reads them repeatedly and keeps them.
        """
        self._shards = None

    def describe(self) -> dict[str, Any]:
        """Return counts: videos, frames, size, videos per class, subjects, the shortest and the longest video."""
        per_class = Counter(self.labels.tolist())
        return {
            "name": self.name,
            "size": self.size,
            "videos": len(self),
            "frames": int(self.lengths.sum()),
            "classes": {name: per_class[i] for i, name in enumerate(self.class_names)},
            "subjects": len(set(self.subjects) - {""}),
            "shortest": int(self.lengths.min()),
            "longest": int(self.lengths.max()),
        }

    def checksums(self) -> dict[str, str]:
        """Return the recorded SHA-256 of every file that has one, by file name."""
        sums = dict(self.meta["checksums"])
        for shard in self.meta["shards"]:
            sums[shard["file"]] = shard["sha256"]
            if self.has_masks:
                sums[shard["file"].replace("frames", "masks")] = shard["masks_sha256"]
        return sums

    def skipped(self) -> list[tuple[str, str]]:
        """Return what was left out, as (source, reason)."""
        return self._notes(layout.SKIPPED)

    def remarks(self) -> list[tuple[str, str]]:
        """Return what is worth knowing about videos that were taken, as (source, remark)."""
        return self._notes(layout.REMARKS)

    def verify(self) -> None:
        """Compare the files with their checksums.

        Raises:
            DataError: one differs.
        """
        for name, expected in self.checksums().items():
            if sha256(self.path / name) != expected:
                raise _damaged(self.path / name, "its content does not match its checksum")

    def fingerprint(self) -> str:
        """Return a checksum of frames, list of videos and classes, from the recorded checksums; no frame is read."""
        shards = [value for name, value in self.checksums().items() if name != layout.VIDEOS]
        parts = [sha256(self.path / layout.VIDEOS), *self.class_names, *shards]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_shards": None}

    def _map(self) -> dict[str, list[np.ndarray]]:
        mapped = self._shards  # read once: another thread may release it
        if mapped is None:
            shapes = {"frames": (self.size, self.size, 3)} | ({"masks": (self.size,) * 2} if self.has_masks else {})
            self._shards = mapped = {
                kind: [
                    _map_shard(self.path / layout.shard_name(i, kind), (frames, *shape))
                    for i, frames in enumerate(self._shard_frames)
                ]
                for kind, shape in shapes.items()
            }
        return mapped

    def _notes(self, name: str) -> list[tuple[str, str]]:
        path = self.path / name
        if not path.exists():
            return []
        columns = layout.NOTES[name]
        return [(row["source"], row[columns[1]]) for row in _read_rows(path, columns)]

    def _places(self, rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        path = self.path / layout.VIDEOS
        try:
            places = np.array([[row[k] for k in ("shard", "first_frame", "length")] for row in rows], np.int64)
        except (ValueError, OverflowError):
            raise _damaged(path, "shard, first_frame and length must be whole numbers") from None
        shard, first, length = places.reshape(-1, 3).T
        known = (shard >= 0) & (shard < len(self._shard_frames))
        room = np.array([*self._shard_frames, 0], np.int64)[np.where(known, shard, -1)]
        # length <= room - first and not first + length <= room, which may overflow
        wrong = np.flatnonzero(~(known & (first >= 0) & (length >= 1) & (length <= room - first)))
        if len(wrong):
            i = wrong[0]
            raise _damaged(
                path,
                f"video {self.ids[i]} (shard {shard[i]}, frames {first[i]} to {first[i]} + {length[i]}) lies outside "
                "the frames of the shards",
            )
        return shard, first, length


def kind_of(path: str | os.PathLike) -> str | None:
    """Return what preprocess.py made a dataset from, such as "mug"; None if no prepared dataset can be read."""
    if not (Path(path) / layout.META).is_file():
        return None
    try:
        return _read_meta(Path(path) / layout.META)["name"]
    except DataError:
        return None


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = yaml_text.load(read_plain(path, yaml_text.MOST_LETTERS).decode())
    except (OSError, ValueError) as error:
        raise _damaged(path, one_line(error)) from error
    if not isinstance(meta, dict) or "format" not in meta:
        raise _damaged(path, "it does not say its format")
    if meta["format"] not in list(layout.COLUMNS):
        raise DataError(
            f"{path}: format {meta['format']}, but this version reads {', '.join(map(str, layout.COLUMNS))}; "
            "prepare the data again"
        )
    if meta["format"] == 1:
        meta |= {"masks": False, "checksums": {}}
    fault = _fault(meta)
    if fault:
        raise _damaged(path, fault)
    return meta


def _fault(meta: dict[str, Any]) -> str | None:
    types = {"name": str, "size": int, "masks": bool, "classes": list, "counts": dict, "options": dict}
    types |= {"checksums": dict, "shards": list}
    for key, kind in types.items():
        if not isinstance(meta.get(key), kind):
            return f"{key} is missing or not a {kind.__name__}"
    if meta["size"] < 1 or not isinstance(meta["counts"].get("videos"), int) or meta["counts"]["videos"] < 1:
        return "size and counts.videos must be at least 1"
    classes = meta["classes"]
    if not all(isinstance(name, str) and name for name in classes) or len(set(classes)) != len(classes):
        return "classes must be names, all different"
    sums = meta["checksums"]
    if meta["format"] > 1 and not (list(sums) == [layout.VIDEOS] and isinstance(sums[layout.VIDEOS], str)):
        return f"checksums must hold the sha256 of {layout.VIDEOS}, and nothing else"
    needed = {"file": str, "frames": int, "sha256": str} | ({"masks_sha256": str} if meta["masks"] else {})
    for i, shard in enumerate(meta["shards"]):
        # The name is checked, not used: nothing in the file can point outside the folder.
        if not isinstance(shard, dict) or shard.get("file") != layout.shard_name(i):
            return f"shard {i} must be the file {layout.shard_name(i)}"
        if not all(isinstance(shard.get(key), kind) for key, kind in needed.items()):
            return f"shard {i} needs {', '.join(needed)}"
        if not 0 <= shard["frames"] < _MOST_FRAMES:
            return f"shard {i} cannot have {shard['frames']} frames"
    return None


def _of_split(path: Path, rows: list[dict[str, str]], split: str) -> list[dict[str, str]]:
    found = {row.get("split", "") for row in rows} - {""}
    if unknown := sorted(found - {*layout.SPLITS}):
        raise _damaged(path / layout.VIDEOS, f"the split {unknown[0]} is not one of {', '.join(layout.SPLITS)}")
    if split == "all" or (split == "train" and not found):
        return rows
    chosen = [row for row in rows if row.get("split") == split]
    if not chosen:
        have = f"its videos are marked {' or '.join(sorted(found))}" if found else "it was prepared without --split"
        raise DataError(f"{path}: no video is marked {split}: {have}; use split=all, or prepare it with a split")
    return chosen


def _read_rows(path: Path, columns: list[str]) -> list[dict[str, str]]:
    try:
        with io.TextIOWrapper(open_plain(path), encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, header = list(reader), list(reader.fieldnames or [])
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except (OSError, ValueError, csv.Error) as error:
        raise _damaged(path, one_line(error)) from error
    if header != columns:
        raise _damaged(path, f"its columns must be {', '.join(columns)}")
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise _damaged(path, f"row {line} does not have {len(columns)} fields")
    return rows


def _map_shard(path: Path, expected: tuple[int, ...]) -> np.ndarray:
    try:
        shard = npy_files.mapped(path)
    except FileNotFoundError:
        raise _damaged(path, "it is missing") from None
    except (OSError, npy_files.NpyError) as error:
        raise _damaged(path, f"it is cut short or not an array ({one_line(error)})") from error
    if shard.shape != expected or shard.dtype != np.uint8:
        raise _damaged(path, f"it holds {shard.dtype} {shard.shape}, not uint8 {expected}")
    if not shard.flags.c_contiguous:
        raise _damaged(path, "its array is in Fortran order")
    return shard


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: damaged: {reason}; prepare the data again")
