"""From raw data to the prepared form. A set is a module of this package: see :class:`Source`."""

from __future__ import annotations

import importlib
import os
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mocogan_chainer import seeding
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.writer import check_out, open_writer
from mocogan_chainer.errors import ConfigError, DataError, OutputError, nearest, require_range
from mocogan_chainer.preprocessing import runner
from mocogan_chainer.preprocessing.source import Item, Source, option

__all__ = ["Item", "Report", "Source", "find", "option", "prepare", "sets"]


@dataclass(frozen=True)
class Report:
    """What a preparation did.

    Attributes:
        out: the folder.
        name: the dataset's name.
        size: height and width of its frames.
        videos: number of videos.
        frames: number of frames.
        classes: number of videos by class, in the order of the labels; empty without classes.
        skipped: what was left out, as (source, reason).
    """

    out: Path
    name: str
    size: int
    videos: int
    frames: int
    classes: dict[str, int]
    skipped: list[tuple[str, str]]

    @property
    def preview(self) -> Path:
        """The GIF of some of the videos."""
        return self.out / layout.PREVIEW

    @property
    def skipped_list(self) -> Path:
        """The CSV file that lists what was left out; there when anything was."""
        return self.out / layout.SKIPPED


def sets() -> dict[str, type[Source]]:
    """Return every set by its name, sorted."""
    found: dict[str, type[Source]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, Source) and value is not Source:
                found[value.NAME] = value
    return dict(sorted(found.items()))


def find(name: str) -> type[Source]:
    """Return the set called ``name``.

    Raises:
        ConfigError: there is none.
    """
    known = sets()
    if name not in known:
        raise ConfigError(f"{name}: no such dataset; it must be one of {', '.join(known)}{nearest(name, known)}")
    return known[name]


def prepare(
    name: str,
    raw: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    workers: int | None = None,
    limit: int | None = None,
    min_frames: int = 1,
    force: bool = False,
    **options: Any,
) -> Report:
    """Turn raw data into a prepared dataset.

    What cannot be read is left out and listed in ``skipped.csv``. The result does not depend on ``workers``.

    Args:
        name: the set, one of :func:`sets`.
        raw: the raw data; None for a set that makes its own videos.
        out: the folder to make.
        workers: processes; None for the set's own number, 0 for none.
        limit: take at most so many videos, drawn at random under the seed.
        min_frames: leave out shorter videos.
        force: replace a prepared dataset that stands at ``out``.
        options: the set's own options, ``size`` and ``seed`` among them.

    Raises:
        ConfigError: an unknown set or option.
        DataError: the raw data has another form, or nothing in it can be used.
        OutputError: ``out`` is taken or cannot be written.
    """
    kind = find(name)
    for key, value, low in (("workers", workers, 0), ("limit", limit, 1), ("min_frames", min_frames, 1)):
        if value is not None:
            require_range(key, value, low=low)
    source = kind.create(_check_raw(kind, raw), options)
    check_out(out, force)
    _check_apart(source.raw, Path(out))
    items = _limited(source.items(), limit, source.seed)
    if workers is None:
        workers = runner.cores() if kind.WORKERS is None else kind.WORKERS
    settings = source.settings() | {"limit": limit, "min_frames": min_frames}
    if raw is not None:
        settings["raw"] = str(raw)
    with open_writer(out, name, source.size, source.class_names(items), settings, force) as writer:
        loaded = runner.load_all(source, items, workers)
        for item, result in tqdm(loaded, name, len(items), unit="video", disable=None):
            if isinstance(result, str):
                writer.skip(item.source, result.removeprefix(f"{Path(raw or '', item.source)}: "))
            elif len(result) < min_frames:
                writer.skip(item.source, f"{len(result)} frames, fewer than min_frames={min_frames}")
            else:
                writer.add(result, item.id, item.class_name, item.subject, item.source)
    return Report(
        out=Path(out),
        name=name,
        size=source.size,
        videos=writer.videos,
        frames=writer.frames,
        classes=writer.videos_by_class,
        skipped=writer.skipped,
    )


def _check_raw(kind: type[Source], raw: str | os.PathLike | None) -> Path | None:
    if not kind.NEEDS_RAW:
        if raw is not None:
            raise ConfigError(f"{raw}: {kind.NAME} makes its own videos and takes no raw data; leave it away")
        return None
    if raw is None:
        raise ConfigError(f"{kind.NAME} needs raw data: {kind.HELP}")
    path = Path(raw)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; {kind.NAME} reads {kind.HELP}")
    return path


def _check_apart(raw: Path | None, out: Path) -> None:
    if raw is None:
        return
    inner, outer = out.resolve(), raw.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise OutputError(f"{out}: it must lie apart from the raw data in {raw}; choose another folder")


def _limited(items: list[Item], limit: int | None, seed: int) -> list[Item]:
    if limit is None or limit >= len(items):
        return items
    chosen = seeding.stream(seed, "limit").choice(len(items), limit, replace=False)
    return [items[i] for i in sorted(chosen)]
