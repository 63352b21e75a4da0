"""The snapshots in a run's folder: ``snapshot_iter_N.npz``, and ``snapshot_latest.npz``, which is the newest of them.

They are one history: a run that goes on from one of them sets aside those after it, so that the highest number is
always the newest state.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mocogan_chainer import checkpoint
from mocogan_chainer.errors import DamagedError
from mocogan_chainer.files import os_errors_explained, sync_file, sync_folder

LATEST = "snapshot_latest.npz"
DAMAGED = ".damaged"
SUPERSEDED = ".superseded"

_NAME = re.compile(r"snapshot_iter_(\d+)\.npz")
_PICTURES = re.compile(r"samples_iter_(\d+)\.gif")


class Newest(NamedTuple):
    """What :func:`newest` found.

    Attributes:
        snapshot: the newest snapshot that is whole; None where there is none.
        damaged: newer ones that are not, and why, the newest first.
    """

    snapshot: checkpoint.Snapshot | None
    damaged: list[tuple[Path, str]]


def place(folder: Path, iteration: int) -> Path:
    """Return where the snapshot of an iteration lies."""
    return folder / f"snapshot_iter_{iteration}.npz"


def pictures(folder: Path, iteration: int) -> Path:
    """Return where the pictures of an iteration lie: the last thing that is written after a snapshot."""
    return folder / f"samples_iter_{iteration}.gif"


def found(folder: Path) -> dict[int, Path]:
    """Return the snapshots of a folder by their iterations, in ascending order."""
    return _numbered(folder, _NAME)


def is_one_of(folder: Path, snapshot: checkpoint.Snapshot) -> bool:
    """Whether a snapshot is one that :func:`found` finds in a folder, by this or another name."""
    return _same(Path(snapshot.path), place(folder, snapshot.iteration))


def _numbered(folder: Path, name: re.Pattern[str]) -> dict[int, Path]:
    matches = [(name.fullmatch(path.name), path) for path in folder.glob("*_iter_*")]
    return dict(sorted((int(match[1]), path) for match, path in matches if match and path.is_file()))


def newest(folder: Path) -> Newest:
    """Read the newest snapshot that is whole.

    Raises:
        SnapshotError: one cannot be read for another reason than damage.
    """
    damaged = []
    paths = list(reversed(found(folder).values()))
    for path in paths or [path for path in [folder / LATEST] if path.exists()]:
        try:
            return Newest(checkpoint.load(path), damaged)
        except DamagedError as error:
            damaged.append((path, str(error).removeprefix(f"{path}: ")))
    return Newest(None, damaged)


def point_latest(path: Path) -> None:
    """Let ``snapshot_latest.npz`` be the snapshot ``path`` in the same folder."""
    latest = path.parent / LATEST
    with os_errors_explained(latest):
        temporary = path.parent / f".{LATEST}.{os.getpid()}.part"
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, temporary)
            sync_file(temporary)
        temporary.replace(latest)
        temporary.unlink(missing_ok=True)  # a rename does nothing where both names are one file already
        sync_folder(path.parent)


def set_aside(paths: Iterable[Path], suffix: str) -> None:
    """Rename files so that they are not taken again; nothing is removed, nor what was set aside before."""
    for path in paths:
        names = itertools.chain([path.name + suffix], (f"{path.name}{suffix}.{n}" for n in itertools.count(2)))
        with os_errors_explained(path):
            path.replace(next(aside for name in names if not (aside := path.with_name(name)).exists()))
            sync_folder(path.parent)


def go_back(path: Path, iteration: int) -> list[Path]:
    """Make a snapshot the newest of its folder: set aside those after it, and their pictures.

    Wherever this is cut off, the folder has a history whose newest pictures alone may be missing.

    Args:
        path: the snapshot; no link to it.
        iteration: of it.

    Returns:
        Those snapshots, the newest first.
    """
    later, pictures_later = (
        {number: other for number, other in _numbered(path.parent, name).items() if number > iteration}
        for name in (_NAME, _PICTURES)
    )
    if later:
        point_latest(path)
    for number in sorted(later.keys() | pictures_later.keys(), reverse=True):
        set_aside([files[number] for files in (pictures_later, later) if number in files], SUPERSEDED)
    return [*reversed(later.values())]


def prune(folder: Path, keep_last: int, keep_every: int | None) -> None:
    """Remove all snapshots but the newest ``keep_last`` and those of every ``keep_every``-th iteration."""
    for number, path in list(found(folder).items())[:-keep_last]:
        if (keep_every is None or number % keep_every) and not _same(path, folder / LATEST):
            with os_errors_explained(path):
                path.unlink(missing_ok=True)


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except FileNotFoundError:
        return False
