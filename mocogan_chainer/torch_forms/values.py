"""What a pickle of torch.save is read into, besides Python's own numbers, texts, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Name:
    """A class or function that a file names; it is never looked up."""

    path: str
    """Module and name, joined by a point."""

    def __str__(self) -> str:
        return shown(self.path)


class Placeholder:
    """Stands for an object of a class that we do not know, or need not know.

    Attributes:
        kind: the name of its class.
        state: what the file has as its state, usually its attributes by name.
    """

    __slots__ = ("kind", "state")

    def __init__(self, kind: Name):
        self.kind = kind
        self.state: Any = None


@dataclass(frozen=True)
class Storage:
    """Bytes ``[start, start + size)`` of what a file keeps as the storage ``key``."""

    key: str
    dtype: str
    start: int
    size: int


@dataclass(frozen=True)
class Tensor:
    """A tensor that lies within its storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        root: the structure that was saved, of the values above.
        load: gives the bytes of the storage of a key, uint8, as long as the file is open.
        order: the byte order of the storages, "<" or ">".
    """

    root: Any
    load: Callable[[str], np.ndarray]
    order: str = "<"


def described(value: Any) -> str:
    """Say what a value is, for a message."""
    if isinstance(value, Placeholder):
        return f"an object of {value.kind}"
    return str(value) if isinstance(value, Name) else f"a {type(value).__name__}"


def shown(text: object, most: int = 80) -> str:
    """Return a text out of a file for a message: one line of printable characters, not too long."""
    text = str(text)[: most + 1].encode("unicode_escape").decode("ascii")
    return text if len(text) <= most else f"{text[:most]}..."
