"""The folder of a run: who holds it, whether it is free, what is cleared away."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mocogan_chainer import builder, checkpoint, snapshot_files
from mocogan_chainer.config import Config
from mocogan_chainer.errors import OutputError
from mocogan_chainer.extensions.event_files import PATTERN as EVENTS
from mocogan_chainer.files import os_errors_explained, remove_leftovers
from mocogan_chainer.locks import own_folder
from mocogan_chainer.snapshot_files import LATEST
from mocogan_chainer.training_runs import rollbacks
from mocogan_chainer.training_runs.request import AUTO, Request
from mocogan_chainer.wording import Say

CONFIG = "config.yml"
"""A run's settings, in its folder."""

BEGIN_ANEW = f"the run there ended before its first snapshot; begin it anew with --force, or with --resume {AUTO}"

RESULTS = (
    "snapshot_*.npz",
    "samples_iter_*.gif",
    f"snapshot_*.npz{snapshot_files.DAMAGED}*",
    f"snapshot_*.npz{snapshot_files.SUPERSEDED}*",
    f"samples_iter_*.gif{snapshot_files.SUPERSEDED}*",
    "losses.png",
    "log",
    rollbacks.NOTE,
)
"""What a run writes into its folder, besides its settings."""


class Ownership:
    """Keeps folders for this run alone, as long as ``held`` is held."""

    def __init__(self, held: contextlib.ExitStack):
        self._held, self._folders = held, list[Path]()

    def __call__(self, folder: Path) -> bool:
        """Lock a folder, made where it is missing; return whether it was not held before."""
        if any(folder.exists() and folder.samefile(other) for other in self._folders):
            return False
        self._held.enter_context(own_folder(folder, "wait for it, or choose another --save_name"))
        self._folders.append(folder)
        return True


def check_free(out: Path, request: Request) -> None:
    """Refuse to mix a run with an earlier one of the same name, or to lose the weights that it starts from.

    Raises:
        OutputError: ``out`` holds either, and --force was not given; weights stay whatever was given.
    """
    if request.weights is not None and Path(request.weights).resolve().parent == out.resolve():
        raise OutputError(f"{out}: the weights are in this folder; choose another --save_name")
    if not (out / CONFIG).exists() or request.force or goes_on_in(out, request):
        return
    if not snapshot_files.found(out) and not (out / LATEST).exists():
        raise OutputError(f"{out}: {BEGIN_ANEW}")
    raise OutputError(
        f"{out}: it holds an earlier run; go on with --resume, choose another --save_name, or replace it with --force"
    )


def clear(out: Path, request: Request, config: Config, snapshot: checkpoint.Snapshot | None, say: Say) -> None:
    """Make room: remove what is to be replaced and what a killed run left, set aside what will be made anew.

    Raises:
        OutputError: something there cannot be removed or renamed.
    """
    for pattern in (*RESULTS, CONFIG):
        remove_leftovers(out, pattern)
    remove_leftovers(builder.tensorboard_folder(config), EVENTS)
    if not goes_on_in(out, request):
        if request.force:
            _remove_results(out, builder.tensorboard_folder(config))
        return
    if later := snapshot_files.go_back(Path(snapshot.path).resolve(), snapshot.iteration):
        say(f"{', '.join(path.name for path in reversed(later))}: set aside as *{snapshot_files.SUPERSEDED}")


def goes_on_in(out: Path, request: Request) -> bool:
    """Whether the run is resumed in the folder of its own snapshot."""
    return request.resume is not None and Path(request.resume).resolve().parent == out.resolve()


def _remove_results(out: Path, tensorboard: Path) -> None:
    """Remove what runs write, and nothing else."""
    results = [*(path for pattern in RESULTS for path in out.glob(pattern)), *tensorboard.glob(EVENTS)]
    for path in results:
        if path.is_dir() and not path.is_symlink():
            raise OutputError(f"{path}: a folder stands where a run writes a file; remove it")
    for path in results:
        with os_errors_explained(path):
            path.unlink()
