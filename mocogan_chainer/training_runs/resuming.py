"""Which snapshot a run goes on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mocogan_chainer import builder, checkpoint, snapshot_files
from mocogan_chainer import config as configuration
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.snapshot_files import LATEST
from mocogan_chainer.training_runs import rollbacks
from mocogan_chainer.training_runs.folder import BEGIN_ANEW, CONFIG
from mocogan_chainer.training_runs.request import AUTO, NEWEST, Request
from mocogan_chainer.wording import Say


def sought_folder(request: Request) -> Path | None:
    """Return the folder whose newest snapshot is wanted; None where a snapshot is named, or none."""
    if request.resume not in (NEWEST, AUTO):
        return None
    names = {name: value for name, value in request.settings.items() if name in ("out", "save_name")}
    model = request.model
    if model is None and request.weights is not None:
        model = builder.load_snapshot(request.weights)[1]["model_name"]
    config = configuration.resolve(model, request.dataset_type, request.file, names)
    return Path(config["out"]) / builder.run_name(config)


def choose_snapshot(request: Request, folder: Path | None, say: Say, dry_run: bool = False) -> Request:
    """Put the newest snapshot into the request, or a new run where that is wanted and there is no snapshot.

    Args:
        request: what the user asks for.
        folder: what :func:`sought_folder` gave for it; where it is None the request stays as it is.
        say: takes lines for the user.
        dry_run: leave damaged snapshots that are newer where they are; else they are set aside.

    Raises:
        SnapshotError: there is none, or none is whole.
    """
    if folder is None:
        return request
    snapshot, damaged = snapshot_files.newest(folder)
    if snapshot is not None:
        _pass_over(damaged, Path(snapshot.path), say, dry_run)
        place = {"out": str(folder.parent), "save_name": folder.name}  # wherever it was when the snapshot was made
        weights = None if request.resume == AUTO else request.weights  # what the run began from, given once more
        path = _unfinished_rollback(folder, snapshot) or Path(snapshot.path)
        return replace(request, resume=str(path), settings=request.settings | place, weights=weights)
    if damaged:
        path, why = damaged[0]
        why = why.partition(";")[0]
        raise SnapshotError(f"{folder}: none of its snapshots is whole: {path.name}: {why}; begin anew with --force")
    begun = (folder / CONFIG).exists()
    if request.resume == AUTO:
        if begun:
            say(f"{folder}: the run ended before its first snapshot: beginning anew")
        return replace(request, resume=None, force=request.force or begun)
    way_out = BEGIN_ANEW if begun else _way_out(folder)
    raise SnapshotError(f"{folder}: no snapshot to go on from; {way_out}")


def _pass_over(damaged: list[tuple[Path, str]], whole: Path, say: Say, dry_run: bool) -> None:
    """Set damaged snapshots aside that are newer than the one that is whole, and let the latest be that one."""
    for path, why in damaged:
        aside = f"{'to be ' if dry_run else ''}set aside as {path.name}{snapshot_files.DAMAGED}"
        say(f"{path}: {why.partition(';')[0]}; {aside}, and {whole.name} before it is used")
    if damaged and not dry_run:
        snapshot_files.set_aside([path for path, _ in damaged], snapshot_files.DAMAGED)
        snapshot_files.point_latest(whole)


def _unfinished_rollback(folder: Path, newest: checkpoint.Snapshot) -> Path | None:
    """Return the snapshot that a run was going back to when it ended; None where it was not."""
    note = rollbacks.read_note(folder)
    if not rollbacks.unfinished(note, newest):
        return None
    path = snapshot_files.place(folder, note.iteration)
    return path if path.exists() else None


def _way_out(folder: Path) -> str:
    """Say what to do where a run that is to go on has no snapshot."""
    others = sorted({path.parent.name for path in folder.parent.glob(f"*/{LATEST}")} - {folder.name})
    if others:
        return f"{folder.parent} has snapshots of {', '.join(others)}: name the run by --model or --save_name"
    return f"begin a run without --resume, or let --resume {AUTO} begin it where there is none"
