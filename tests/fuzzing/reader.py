"""What is fuzzed: a reader, sound inputs for it, and how they are damaged."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mocogan_chainer.errors import MocoganError

Files = dict[str, bytes]
"""An input: what is in the folder that the reader is given, by path."""

BOUND = 512 << 20
"""Bytes of memory that reading one small input may take beside what the process has."""


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes:
        name: for the table.
        sound: makes inputs that are read without an error, in an empty folder that it may use.
        damage: makes a damaged input of these.
        read: reads what is in a folder, and uses it as the program would.
        errors: the errors that it may raise.
        seconds: that one input may take.
        bound: bytes of memory that one input may take.
        refuses: whether some inputs are errors; else it takes of each what it can.
    """

    name: str
    sound: Callable[[Path], list[Files]]
    damage: Callable[[np.random.Generator, list[Files]], Files]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = (MocoganError,)
    seconds: float = 10.0
    bound: int = BOUND
    refuses: bool = True
    kept: list[Files] = field(default_factory=list)

    def inputs(self, folder: Path) -> list[Files]:
        """Return the sound inputs, made once."""
        if not self.kept:
            folder.mkdir(parents=True, exist_ok=True)
            self.kept.extend(self.sound(folder))
        return self.kept

    def case(self, seed: int, number: int, sound: list[Files]) -> Files:
        """Return damaged input ``number``; it depends on nothing but the arguments."""
        return self.damage(np.random.default_rng([seed, zlib.crc32(self.name.encode()), number]), sound)


def put(files: Files, folder: Path) -> None:
    """Make ``folder`` hold these files and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files_in(folder: Path) -> Files:
    """Return everything in ``folder`` as an input."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def one_of(name: str, *ways: Callable[[np.random.Generator, list[bytes]], bytes]) -> Callable[..., Files]:
    """Return what damages the file ``name`` of an input in one of several ways, and leaves the others as they are."""

    def damage(rng: np.random.Generator, sound: list[Files]) -> Files:
        whole = sound[rng.integers(len(sound))]
        way = ways[rng.integers(len(ways))]
        return {**whole, name: way(rng, [whole[name], *(files[name] for files in sound if name in files)])}

    return damage
