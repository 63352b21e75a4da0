"""The names and numbers of the prepared form, which the reader and the writer share."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

FORMAT = 1
META = "dataset.yml"
VIDEOS = "videos.csv"
SKIPPED = "skipped.csv"
PREVIEW = "preview.gif"
COLUMNS = ["id", "class", "subject", "shard", "first_frame", "length", "source"]
SHARD_PATTERN = re.compile(r"frames-[0-9]{5}\.npy")
HEADER_BYTES = 128


def shard_name(index: int) -> str:
    """Return the file name of shard ``index``."""
    return f"frames-{index:05d}.npy"


def is_own_file(name: str) -> bool:
    """Tell whether a prepared dataset may hold a file of this name."""
    return name in (META, VIDEOS, SKIPPED, PREVIEW) or SHARD_PATTERN.fullmatch(name) is not None


def npy_header(frames: int, size: int) -> bytes:
    """Return the .npy header of a uint8 ``(frames, size, size, 3)`` array.

    It is always 128 bytes long, so that it can be written again once the number of frames is known, and the same under
    every NumPy, so that checksums are.
    """
    shape = (frames, size, size, 3)
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    magic = b"\x93NUMPY\x01\x00"
    room = HEADER_BYTES - len(magic) - 2
    return magic + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"


def sha256(path: str | os.PathLike) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
