"""An unfinished preparation: a hidden folder next to the dataset, from which it can be resumed after any kind of stop.

It holds what has been made so far (``data``), a line for each video in the order of the work (``journal``), and what
the work is (``plan.json``). The journal is trusted only as far as its lines and the frames of its videos are intact.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mocogan_chainer import __version__
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.writer import PreparedWriter
from mocogan_chainer.errors import OutputError, one_line
from mocogan_chainer.files import (
    atomic_write,
    open_plain,
    os_errors_explained,
    put_folder,
    remove_leftovers,
    sync_content,
)
from mocogan_chainer.locks import locked
from mocogan_chainer.preprocessing.source import Item

_DATA, _LOCK = "data", "lock"


@dataclass(frozen=True)
class Entry:
    """A line of the journal: what became of one video.

    Attributes:
        length: number of frames; 0 when it was left out.
        digest: of its bytes, as :meth:`PreparedWriter.add` returns it.
        filter: how its frames were made.
        remark: what is worth knowing about it, or "".
        reason: why it was left out, or "".
    """

    length: int = 0
    digest: str = ""
    filter: str = ""
    remark: str = ""
    reason: str = ""


class Partial:
    """The hidden folder. Make one with :func:`opened`.

    Attributes:
        data: where the dataset grows.
        parts: where workers put single videos.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self._folder = folder
        self._out = out
        self._plan = folder / "plan.json"
        self._journal = folder / "journal"
        self.data = folder / _DATA
        self.parts = folder / "parts"

    @property
    def kept(self) -> int:
        """Number of finished videos that a resumed preparation starts from."""
        return len(_lines(self._journal)) if self.data.is_dir() else 0

    def take_up(self, plan: dict[str, Any], resume: bool, force: bool) -> None:
        """Keep what an earlier attempt left, if that is wanted and fits, or else start again; see :func:`opened`."""
        before, kept = _read_plan(self._plan), self.kept
        if kept and resume:
            if before is None:
                raise OutputError(f"{self._out}: what a stopped preparation left is damaged; start again with --force")
            _require_same(self._out, before, plan)
            return
        if kept and not resume and not force:
            raise OutputError(
                f"{self._out}: an earlier preparation was stopped; continue it with --resume, or start again with "
                "--force"
            )
        with os_errors_explained(self._journal):
            self._journal.unlink(missing_ok=True)
        with atomic_write(self._plan) as file:
            file.write(json.dumps(plan, indent=1, sort_keys=True).encode())
        shutil.rmtree(self.data, ignore_errors=True)

    def recover(self, writer: PreparedWriter, items: Sequence[Item]) -> int:
        """Bring ``writer`` to where an earlier attempt ended; return how many of the items that covers."""
        shutil.rmtree(self.parts, ignore_errors=True)
        for folder in (self.data, self.parts):
            folder.mkdir(parents=True, exist_ok=True)
        good = []
        for item, line in zip(items, _lines(self._journal), strict=False):
            entry = _parse(line, item)
            if entry is None or not _replay(writer, item, entry):
                break
            good.append(line)
        writer.begin()
        for path in self.data.iterdir():
            if not layout.SHARD_PATTERN.fullmatch(path.name):
                path.unlink()  # from an attempt that was stopped while finishing
        with atomic_write(self._journal) as file:
            file.writelines(good)
        return len(good)

    def note(self, item: Item, entry: Entry) -> None:
        """Add a line to the journal: what became of ``item``."""
        with os_errors_explained(self._journal), self._journal.open("ab") as file:
            file.write(_line(item, entry))

    def become(self) -> None:
        """Move the finished dataset to its place and remove the rest."""
        with os_errors_explained(self._out):
            sync_content(self.data)
            put_folder(self.data, self._out)
        self.discard()

    def discard(self) -> None:
        """Remove the folder with all that was made."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def opened(out: Path, plan: dict[str, Any], resume: bool, force: bool) -> Iterator[Partial]:
    """Give the partial of ``out``, new or resumed. If the block fails with no video kept, nothing is left behind.

    Args:
        out: the dataset to be.
        plan: what the work is; it must be the same when the work is resumed.
        resume: go on with what an earlier attempt left, if anything.
        force: start again, unless ``resume``.

    Raises:
        OutputError: another process is at work there; there is an earlier attempt and neither ``resume`` nor
            ``force`` is given; its plan differs; or ``out`` is a mount point.
    """
    if os.path.ismount(out):
        raise OutputError(f"{out}: it is a mount point, which cannot be replaced; choose a folder in it")
    folder = _folder(out)
    with os_errors_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / _DATA, folder / "parts"):
        if place.is_symlink():  # files that are not part of this work would be overwritten or removed
            raise OutputError(f"{place}: it is a link, but must be a folder made by this program; remove it")
    with locked(folder / _LOCK, f"{out}: another process is preparing it; wait for it or choose another folder"):
        work = Partial(folder, out)
        for name in ("plan.json", "journal"):
            remove_leftovers(folder, name)
        try:
            work.take_up(plan, resume, force)
            yield work
        except BaseException:
            if not work.kept:
                work.discard()
            raise


def tidy(out: Path) -> None:
    """Remove what is left of a preparation that was killed when its dataset was already in place."""
    folder = _folder(out)
    if out.exists() and folder.is_dir() and not (folder / _DATA).exists():
        with contextlib.suppress(OutputError), locked(folder / _LOCK, f"{out}: another process is preparing it"):
            shutil.rmtree(folder, ignore_errors=True)


def plan_of(settings: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
    """Return what must be the same for a preparation to be resumed: the tool, the options, the videos found.

    Video files are identified by name and size, all else by name.
    """
    known = [
        [item.id, item.source, item.class_name, item.subject, item.split, item.fault, _size(item.data)]
        for item in items
    ]
    videos = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    return {"tool": __version__, "videos": f"{len(items)} ({videos[:16]})"} | settings


def _folder(out: Path) -> Path:
    return out.parent / f".{out.name}.partial"


def _size(data: Any) -> int | None:
    return data.stat().st_size if isinstance(data, Path) and data.is_file() else None


def _read_plan(path: Path) -> dict[str, Any] | None:
    try:
        with open_plain(path) as file:
            plan = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return None
    return plan if isinstance(plan, dict) else None


def _require_same(out: Path, before: dict[str, Any], plan: dict[str, Any]) -> None:
    differing = sorted(key for key in before.keys() | plan.keys() if before.get(key) != plan.get(key))
    if differing:
        if differing == ["videos"]:
            raise OutputError(
                f"{out}: the raw data is not what it was when the preparation stopped: {before.get('videos')} videos "
                f"then, {plan.get('videos')} now; restore it to use --resume, or start again with --force"
            )
        # Another dataset means other options, and other options often mean other videos: name the cause.
        key = min(differing, key=lambda key: (key != "dataset", key == "videos"))
        raise OutputError(
            f"{out}: the preparation that was stopped differs from this one: {key} was {before.get(key)} and is now "
            f"{plan.get(key)}; give the same options with --resume, or start again with --force"
        )


def _lines(path: Path) -> list[bytes]:
    """Return the lines that were written completely.

    Raises:
        OutputError: the file cannot be read.
    """
    try:
        with open_plain(path) as file:
            return [line + b"\n" for line in file.read().split(b"\n")[:-1]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be read: {one_line(error)}; remove it, or start again with --force"
        ) from error


def _line(item: Item, entry: Entry) -> bytes:
    return _sealed(json.dumps({"id": item.id} | asdict(entry)).encode())


def _sealed(text: bytes) -> bytes:
    """Return a line with its own checksum, so that damage to it is always noticed."""
    return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _parse(line: bytes, item: Item) -> Entry | None:
    """Return what a line says of ``item``; None unless it is intact and about that item."""
    text = line.partition(b" ")[2].rstrip(b"\n")
    if line != _sealed(text):
        return None
    try:
        known = json.loads(text)
        if known.pop("id") != item.id:
            return None
        entry = Entry(**known)
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None  # intact, but not written by this program
    found, right = ([type(value) for value in asdict(one).values()] for one in (entry, Entry()))
    return entry if found == right and entry.length >= 0 else None


def _replay(writer: PreparedWriter, item: Item, entry: Entry) -> bool:
    if entry.length == 0:
        writer.skip(item.source, entry.reason)
        return True
    known = {"split": item.split, "filter": entry.filter}
    if not writer.recover(entry.length, entry.digest, item.id, item.class_name, item.subject, item.source, **known):
        return False
    if entry.remark:
        writer.remark(item.source, entry.remark)
    return True
