"""The names and numbers of the prepared form, shared by the reader and the writer."""

from __future__ import annotations

import re
from pathlib import Path

FORMAT = 2
META = "dataset.yml"
VIDEOS = "videos.csv"
SKIPPED = "skipped.csv"
REMARKS = "remarks.csv"
PREVIEW = "preview.gif"
CONTACT_SHEET = "contact_sheet.png"
COLUMNS = {
    1: ["id", "class", "subject", "shard", "first_frame", "length", "source"],
    2: ["id", "class", "subject", "split", "shard", "first_frame", "length", "source", "filter"],
}
"""The columns of ``videos.csv`` in each format that can be read."""
NOTES = {SKIPPED: ["source", "reason"], REMARKS: ["source", "remark"]}
"""The columns of the lists of what was left out, and of remarks on what was taken."""
SPLITS = ("train", "test")
PARTS = (*SPLITS, "all")
"""What a dataset may be opened for: the videos of one split, or every video."""
SHARD_PATTERN = re.compile(r"(frames|masks)-[0-9]{5}\.npy")
MOST_CLASSES = 20_000
"""The most classes of a dataset: each appears several times in ``dataset.yml``, whose size is limited for reading."""
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave in the folders that they show."""
HEADER_BYTES = 128


def shard_name(index: int, kind: str = "frames") -> str:
    """Return the file name of shard ``index`` of the ``frames`` or the ``masks``."""
    return f"{kind}-{index:05d}.npy"


def is_own_file(name: str) -> bool:
    """Tell whether a prepared dataset may hold a file with this name."""
    known = (META, VIDEOS, SKIPPED, REMARKS, PREVIEW, CONTACT_SHEET, *LITTER)
    return name in known or SHARD_PATTERN.fullmatch(name) is not None


def is_prepared(folder: Path) -> bool:
    """Tell whether a folder holds a prepared dataset, intact or not; other programs also write a ``dataset.yml``."""
    return (folder / META).is_file() and any((folder / name).is_file() for name in (VIDEOS, shard_name(0)))


def npy_header(*shape: int) -> bytes:
    """Return the .npy header of a uint8 array of this shape.

    It is always 128 bytes long, so that it can be rewritten once the number of frames is known, and the same with
    every NumPy version, so that checksums are the same, too.
    """
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    magic = b"\x93NUMPY\x01\x00"
    room = HEADER_BYTES - len(magic) - 2
    return magic + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"
