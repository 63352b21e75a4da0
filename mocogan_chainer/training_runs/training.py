"""Start or resume a run, and see it to its end."""

from __future__ import annotations

import contextlib
import signal
from functools import partial
from pathlib import Path

from chainer.training import Trainer

from mocogan_chainer import builder, checkpoint, extensions, snapshot_files
from mocogan_chainer import config as configuration
from mocogan_chainer.config import Config
from mocogan_chainer.errors import OutputError, SnapshotError, Stopped
from mocogan_chainer.files import atomic_write
from mocogan_chainer.snapshot_files import LATEST
from mocogan_chainer.training_runs import built_in_data, rollbacks
from mocogan_chainer.training_runs.data import open_dataset
from mocogan_chainer.training_runs.folder import CONFIG, Ownership, check_free, clear, goes_on_in
from mocogan_chainer.training_runs.request import AUTO, Request
from mocogan_chainer.training_runs.resuming import choose_snapshot, sought_folder
from mocogan_chainer.training_runs.settings import check_before_work, resolve_settings
from mocogan_chainer.wording import Say, counted


def train(request: Request, say: Say) -> None:
    """Run a training to its end, or to where it is asked to stop.

    Raises:
        MocoganError: settings, data, snapshot and machine do not go together, and nothing was trained; or something
            could not be written.
        Stopped: a signal ended the run, which is saved.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(extensions.sigterm_raises())
        own = Ownership(held)
        folder, forced, auto = sought_folder(request), request.force, request.resume == AUTO
        if folder is not None and folder.is_dir():
            own(folder)
        request = choose_snapshot(request, folder, say)
        config, snapshot, weights = resolve_settings(request, say)
        check_before_work(config, weights)
        out = Path(config["out"]) / builder.run_name(config)
        if out.is_dir():
            own(out)  # first: what is wrong with a folder where a run is on is that it is on
        check_free(out, request)
        if snapshot is None:
            built_in_data.prepare(config, say)
        dataset = open_dataset(config, snapshot)
        build = partial(builder.build_trainer, config, dataset, weights=weights)
        resumed = None if snapshot is not None and snapshot_files.is_one_of(out, snapshot) else snapshot
        run = rollbacks.Run(build, config, resumed, request.deadline, say)
        if own(out):
            check_free(out, request)  # another may have been here meanwhile
        own(builder.tensorboard_folder(config))
        if snapshot is not None and not _go_on(config, run.trainer, snapshot, auto, say):
            return
        goes_on = goes_on_in(out, request) or (auto and snapshot is None and not forced)
        note = rollbacks.read_note(out) if goes_on else None
        clear(out, request, config, snapshot, say)
        resumed = snapshot = None  # it takes as much memory as the networks and their optimizers
        run.take_up(note)
        with atomic_write(out / CONFIG) as file:
            file.write(configuration.dump(config).encode())
        used = len(dataset) - run.trainer.updater.get_iterator("main").skipped
        videos = f"{counted(used, 'video')} of {config['dataset']}"
        say(f"training {config['model_name']} on {videos}; results in {out}")
        _run(run, out, say)


def _run(run: rollbacks.Run, out: Path, say: Say) -> None:
    try:
        with extensions.signals_heard(run.ask):
            run.to_end()
    except OutputError as error:
        raise OutputError(f"{error}; {_left(out)}") from error
    iteration, reason = run.trainer.updater.iteration, run.stopped_by
    if reason is None:
        say(f"done after {counted(iteration, 'iteration')}: {out / LATEST}")
        return
    saved = f"iteration {iteration} is saved in {snapshot_files.place(out, iteration)}, and the same command with "
    saved += "--resume goes on from there"
    if isinstance(reason, signal.Signals):
        raise Stopped(f"stopped by {reason.name}: {saved}", 128 + reason)
    say(f"the time is over: {saved}")


def _left(out: Path) -> str:
    """Say what a run that cannot write leaves to go on from."""
    numbers = list(snapshot_files.found(out))
    if not numbers:
        return "there is no snapshot yet"
    return f"{snapshot_files.place(out, numbers[-1]).name} is whole, and the same command with --resume goes on from it"


def _go_on(config: Config, trainer: Trainer, snapshot: checkpoint.Snapshot, auto: bool, say: Say) -> bool:
    """Put the trainer where the snapshot is; return whether anything is left to do."""
    if builder.resume(trainer, snapshot):
        say(f"going on from {snapshot.path} at iteration {snapshot.iteration}")
        return True
    limit = builder.limit(config, trainer.updater)
    end = (
        f"{snapshot.path}: the run is at its end (iteration {snapshot.iteration}), {limit}; to go on, raise "
        f"--{limit.partition('=')[0]}"
    )
    if not auto:
        raise SnapshotError(end)
    say(end)  # no mistake where a scheduler gives the same command again and again
    return False
