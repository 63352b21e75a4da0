"""The steps for every dataset: find the videos, load them in workers, write them in order, put the result in place."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mocogan_chainer import seeding
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.writer import PreparedWriter, check_classes, check_out
from mocogan_chainer.errors import ConfigError, DataError, MocoganError, OutputError, require_range
from mocogan_chainer.files import os_errors_explained
from mocogan_chainer.preprocessing import partial, runner
from mocogan_chainer.preprocessing.runner import Job, Loaded
from mocogan_chainer.preprocessing.sets import find
from mocogan_chainer.preprocessing.source import Item, Source


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
        splits: number of videos and of subjects in each split; empty when it was not split.
        skipped: what was left out, as (source, reason).
        remarks: what is worth knowing of what was taken, as (source, remark).
        recovered: number of videos, left out or not, that an earlier attempt had dealt with.
    """

    out: Path
    name: str
    size: int
    videos: int
    frames: int
    classes: dict[str, int]
    splits: dict[str, dict[str, int]]
    skipped: list[tuple[str, str]]
    remarks: list[tuple[str, str]]
    recovered: int

    @property
    def preview(self) -> Path:
        """The GIF of some of the videos."""
        return self.out / layout.PREVIEW

    @property
    def skipped_list(self) -> Path:
        """The CSV file that lists what was left out; there when anything was."""
        return self.out / layout.SKIPPED

    @property
    def remarks_list(self) -> Path:
        """The CSV file that lists the remarks; there when there are any."""
        return self.out / layout.REMARKS


def prepare(
    name: str,
    raw: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    workers: int | None = None,
    limit: int | None = None,
    min_frames: int = 1,
    resume: bool = False,
    force: bool = False,
    **options: Any,
) -> Report:
    """Turn raw data into a prepared dataset.

    What cannot be read is left out and listed in ``skipped.csv``. The result does not depend on ``workers``, nor on
    how often the work was stopped and resumed.

    Args:
        name: the raw dataset, one of :func:`sets`.
        raw: the raw data; None for a dataset that makes its own videos.
        out: the folder to make.
        workers: processes; None for the dataset's default, 0 for none.
        limit: take at most this many videos, drawn at random with the seed.
        min_frames: leave out shorter videos.
        resume: continue an earlier attempt that was stopped; if there is none, start.
        force: replace a prepared dataset at ``out``, and discard an earlier attempt unless ``resume``.
        options: the dataset's own options, including ``size`` and ``seed``.

    Raises:
        ConfigError: an unknown dataset or option.
        DataError: the raw data has another layout, or nothing in it can be used.
        OutputError: ``out`` is taken or cannot be written.
        KeyboardInterrupt: Ctrl-C; what was done is kept for ``resume``, and the message says so.
    """
    kind = find(name)
    for key, value, low in (("workers", workers, 0), ("limit", limit, 1), ("min_frames", min_frames, 1)):
        if value is not None:
            require_range(key, value, low=low)
    source = kind.create(_check_raw(kind, raw), options)
    partial.tidy(Path(out).resolve())
    place = check_out(out, force)
    _check_apart(source.raw, place)
    found = source.items()
    source.check(found)
    unread = source.unread(found)
    items = source.divide(_limited(found, limit, source.seed))
    class_names = source.class_names(items)
    check_classes(source.class_names(found))
    if workers is None:
        workers = runner.cores() if kind.WORKERS is None else kind.WORKERS
    source.threads = max(1, runner.cores() // max(workers, 1))
    settings = source.settings() | {"limit": limit, "min_frames": min_frames}
    if raw is not None:
        settings["raw"] = str(source.raw)  # "raw/" counts as "raw" when the work is resumed
    record = {
        "made_with": source.made_with(),
        "found": _counts(found),
        "taken": _counts([item for item in items if not item.fault]),
    }
    masks = source.has_masks(items)
    plan = partial.plan_of({"dataset": name, "made_with": source.made_with()} | settings, items)
    with partial.opened(place, plan, resume, force) as work:
        writer = PreparedWriter(work.data, name, source.size, class_names, settings, record, masks)
        recovered = 0
        try:
            with os_errors_explained(out):
                recovered = work.recover(writer, items)
                _load(source, items, recovered, workers, min_frames, work, writer)
                for below, reason in unread:  # last, and outside the journal: it may change before a resumption
                    writer.skip(below, reason)
                writer.finish()
            check_out(out, force)  # another process may have written there meanwhile
            work.become()
        except DataError:
            if not writer.videos:
                work.discard()  # nothing is gained by keeping what cannot become a dataset
            raise
        except MocoganError as error:
            raise type(error)("; ".join([str(error), *_kept(work, items)])) from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(*_kept(work, items)) from None
        finally:
            writer.abandon()
    return Report(
        out=Path(out),
        name=name,
        size=source.size,
        videos=writer.videos,
        frames=writer.frames,
        classes=writer.videos_by_class,
        splits=writer.splits,
        skipped=writer.skipped,
        remarks=writer.remarks,
        recovered=recovered,
    )


def _load(
    source: Source,
    items: Sequence[Item],
    start: int,
    workers: int,
    min_frames: int,
    work: partial.Partial,
    writer: PreparedWriter,
) -> None:
    """Load the items from ``start`` on and write them, each with its line in the journal."""
    channels = 4 if source.has_masks(items) else 3
    jobs = [Job(item, work.parts / f"{i:08d}", channels) for i, item in enumerate(items) if i >= start]
    with (
        contextlib.closing(runner.load_all(source, [job for job in jobs if not job.item.fault], workers)) as loaded,
        tqdm(jobs, source.NAME, len(items), initial=start, unit="video", disable=None) as bar,
    ):
        for job in bar:
            result = Loaded(reason=job.item.fault) if job.item.fault else next(loaded)
            if result.frames and result.frames < min_frames:
                result = Loaded(reason=f"{result.frames} frames, fewer than min_frames={min_frames}")
            work.note(job.item, _written(writer, job, result, source))
            job.path.unlink(missing_ok=True)


def _written(writer: PreparedWriter, job: Job, result: Loaded, source: Source) -> partial.Entry:
    item = job.item
    if not result.frames:
        reason = (result.reason or "it has no frames").removeprefix(f"{Path(source.raw or '', item.source)}: ")
        # Paths in messages look like those in the other column.
        reason = re.sub(rf"(?<!\S){re.escape(f'{source.raw}{os.sep}')}", "", reason)
        writer.skip(item.source, reason)
        return partial.Entry(reason=reason)
    shape = (result.frames, source.size, source.size, job.channels)
    pixels = np.memmap(job.path, np.uint8, "r", shape=shape)
    frames, masks = (pixels, None) if job.channels == 3 else (pixels[..., :3], pixels[..., 3])
    known = {"split": item.split, "filter": result.filter, "masks": masks}
    digest = writer.add(frames, item.id, item.class_name, item.subject, item.source, **known)
    if result.remark:
        writer.remark(item.source, result.remark)
    return partial.Entry(result.frames, digest, result.filter, result.remark)


def _kept(work: partial.Partial, items: Sequence[Item]) -> list[str]:
    """Say what a stopped preparation leaves, if anything."""
    kept = work.kept
    if not kept:
        return []
    return [f"{kept} of {len(items)} videos are done and kept: the same command with --resume goes on from there"]


def _check_raw(kind: type[Source], raw: str | os.PathLike | None) -> Path | None:
    if not kind.NEEDS_RAW:
        if raw is not None:
            raise ConfigError(f"{raw}: {kind.NAME} makes its own videos and takes no raw data; omit it")
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
        raise OutputError(f"{out}: it must be separate from the raw data in {raw}; choose another folder")


def _limited(items: list[Item], limit: int | None, seed: int) -> list[Item]:
    """Draw ``limit`` of the videos that may be usable; unusable ones stay, to be listed."""
    usable = [i for i, item in enumerate(items) if not item.fault]
    if limit is None or limit >= len(usable):
        return items
    chosen = set(seeding.stream(seed, "limit").choice(usable, limit, replace=False).tolist())
    return [item for i, item in enumerate(items) if item.fault or i in chosen]


def _counts(items: Sequence[Item]) -> dict[str, Any]:
    """Return the number of videos, of subjects, and of videos in each class."""
    by_class = Counter(item.class_name for item in items)
    return {
        "videos": len(items),
        "subjects": len({item.subject for item in items} - {""}),
        "by_class": {name: by_class[name] for name in sorted(by_class.keys() - {""})},
    }
