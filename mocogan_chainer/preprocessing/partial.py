"""A preparation on its way: a hidden folder beside the dataset that can be taken up again after a stop of any kind.

It holds what has been made so far (``data``), a line for each video in the order of the work (``journal``), and what
the work is (``plan.json``). The journal is only believed as far as its lines and the frames of its videos are whole.
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
    """A line of the journal: what became of the next video.

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
        """Number of videos that a stop leaves to go on from."""
        return len(_lines(self._journal)) if self.data.is_dir() else 0

    def take_up(self, plan: dict[str, Any], resume: bool, force: bool) -> None:
        """Keep what an earlier attempt left, if that is wanted and right, or else begin anew; see :func:`opened`."""
        before, kept = _read_plan(self._plan), self.kept
        if kept and resume:
            if before is None:
                raise OutputError(f"{self._out}: what a stopped preparation left is damaged; begin anew by --force")
            _require_same(self._out, before, plan)
            return
        if kept and not resume and not force:
            raise OutputError(
                f"{self._out}: an earlier preparation stopped half-way; go on with it by --resume, or begin anew by "
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
                path.unlink()  # an attempt that was stopped as it finished
        with atomic_write(self._journal) as file:
            file.writelines(good)
        return len(good)

    def note(self, item: Item, entry: Entry) -> None:
        """Add a line to the journal: what became of ``item``."""
        with os_errors_explained(self._journal), self._journal.open("ab") as file:
            file.write(_line(item, entry))

    def become(self) -> None:
        """Put the finished dataset in its place and remove the rest."""
        with os_errors_explained(self._out):
            sync_content(self.data)
            put_folder(self.data, self._out)
        self.discard()

    def discard(self) -> None:
        """Remove the folder with all that was made."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def opened(out: Path, plan: dict[str, Any], resume: bool, force: bool) -> Iterator[Partial]:
    """Give the partial of ``out``, new or taken up again. Where the block fails with nothing kept, nothing is left.

    Args:
        out: the dataset to be.
        plan: what the work is; it must be the same when it is taken up again.
        resume: go on with what an earlier attempt left, if anything.
        force: begin anew, unless ``resume``.

    Raises:
        OutputError: another process is at work there; there is an earlier attempt and neither ``resume`` nor
            ``force`` is given; it was other work; or ``out`` is a mount point.
    """
    if os.path.ismount(out):
        raise OutputError(f"{out}: it is a mount point, which no folder can take the place of; choose a folder in it")
    folder = _folder(out)
    with os_errors_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, folder / _DATA, folder / "parts"):
        if place.is_symlink():  # what is not of this work would be written, and removed
            raise OutputError(f"{place}: a link, and a folder of our own is needed there; remove it")
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
    """Remove what is left of a preparation that was killed when its dataset was in place already."""
    folder = _folder(out)
    if out.exists() and folder.is_dir() and not (folder / _DATA).exists():
        with contextlib.suppress(OutputError), locked(folder / _LOCK, f"{out}: another process is preparing it"):
            shutil.rmtree(folder, ignore_errors=True)


def plan_of(settings: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
    """Return what must be the same for a preparation to be taken up again: the tool, the options, the videos found.

    Video files are known by name and size, all else by name.
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
                f"then, {plan.get('videos')} now; bring it back for --resume, or begin anew by --force"
            )
        # Another set means other options, and other options often mean other videos: the cause is the one to name.
        key = min(differing, key=lambda key: (key != "dataset", key == "videos"))
        raise OutputError(
            f"{out}: the preparation that stopped half-way was another one: {key} was {before.get(key)} and is now "
            f"{plan.get(key)}; give the same options for --resume, or begin anew by --force"
        )


def _lines(path: Path) -> list[bytes]:
    """Return the lines that were written to their end.

    Raises:
        OutputError: there is something in its place that cannot be read.
    """
    try:
        with open_plain(path) as file:
            return [line + b"\n" for line in file.read().split(b"\n")[:-1]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {one_line(error)}; remove it, or begin anew by --force") from error


def _line(item: Item, entry: Entry) -> bytes:
    return _sealed(json.dumps({"id": item.id} | asdict(entry)).encode())


def _sealed(text: bytes) -> bytes:
    """Return a line with its own checksum, so that no damage to it goes unseen."""
    return hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"


def _parse(line: bytes, item: Item) -> Entry | None:
    """Return what a line says of ``item``; None unless it is whole and about it."""
    text = line.partition(b" ")[2].rstrip(b"\n")
    if line != _sealed(text):
        return None
    try:
        known = json.loads(text)
        if known.pop("id") != item.id:
            return None
        entry = Entry(**known)
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return None  # whole, and no line of this program's
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
