"""A run that goes back to its last snapshot when its numbers are not finite."""

from __future__ import annotations

import contextlib
import gc
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from chainer.training import Trainer

from mocogan_chainer import builder, checkpoint, extensions, snapshot_files
from mocogan_chainer.config import Config
from mocogan_chainer.errors import NonFiniteError, SnapshotError
from mocogan_chainer.files import atomic_write, os_errors_explained, read_plain
from mocogan_chainer.wording import Say, counted

NOTE = "rollback.json"
_LARGE = 10**9


class Note(NamedTuple):
    """Where a run last went back to: what a snapshot says too, from the next one on.

    Attributes:
        rollbacks: how often it has gone back.
        iteration: of the snapshot that it went back to; 0 for the start.
    """

    rollbacks: int
    iteration: int


def read_note(out: Path) -> Note | None:
    """Return the note in a run's folder; None where there is none, or none that is valid."""
    try:
        note = Note(**json.loads(read_plain(out / NOTE, 1 << 10)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return note if all(type(number) is int and 0 <= number <= _LARGE for number in note) else None


def unfinished(note: Note | None, newest: checkpoint.Snapshot) -> bool:
    """Whether the run was killed in the middle of a rollback."""
    if note is None or note.iteration >= newest.iteration:
        return False
    try:
        return int(newest.arrays.get("trainer/updater/rollbacks", 0)) < note.rollbacks
    except (TypeError, ValueError, OverflowError):  # no number: what resumes from it says that it is damaged
        return False


class Run:
    """Trains to the end, going back as often as the settings allow.

    Args:
        build: ``build(say=...)`` builds the run's trainer, at the start.
        config: the run's settings.
        resumed: the snapshot that the run goes on from, where it is not one of its own folder; it goes back there until
            it has one of its own.
        deadline: when, on the monotonic clock, the run must be over; None for no limit.
        say: takes lines for the user while the first trainer is built.

    Attributes:
        trainer: the present one, at first at the start. Nobody else should hold it: when the run goes back it is given
            up before the next one is built, which would have no room otherwise.
    """

    def __init__(
        self,
        build: Callable[..., Trainer],
        config: Config,
        resumed: checkpoint.Snapshot | None,
        deadline: float | None,
        say: Say,
    ):
        self._build, self._config, self._resumed, self._deadline = build, config, resumed, deadline
        self._went_back_to: int | None = None
        self._asked: signal.Signals | None = None
        with builder.shortage_explained(config):
            self.trainer = build(say=say)

    @property
    def stopped_by(self) -> signal.Signals | str | None:
        """Why the run ended before its end: a signal, or "time"; None where it did not."""
        return self.trainer.get_extension("EarlyStop").reason

    def ask(self, number: signal.Signals) -> None:
        """Ask for the end, because of a signal; it comes with the next iteration, after a snapshot."""
        self._asked = number
        if self.trainer is not None:
            self.trainer.get_extension("EarlyStop").ask(number)

    def take_up(self, note: Note | None) -> None:
        """Restore the random streams of a run that was killed between a rollback and its next snapshot."""
        updater, path = self.trainer.updater, Path(self.trainer.out) / NOTE
        if note is not None and note.iteration == updater.iteration and note.rollbacks > updater.rollbacks:
            _write(path, note)
            self._renew(note)
        else:  # snapshots say it by now, or the run goes another way
            with os_errors_explained(path):
                path.unlink(missing_ok=True)

    def to_end(self) -> None:
        """Train.

        Raises:
            NonFiniteError: numbers were not finite, and the settings do not let the run go back, or not once more.
            MocoganError: memory ran out; the message says who asked for it and what to lower.
        """
        with builder.shortage_explained(self._config):
            while (what := self._train()) is not None:
                self._go_back(what)

    def _train(self) -> str | None:
        """Run to the end, or to numbers that are not finite: return which."""
        early = self.trainer.get_extension("EarlyStop")
        early.deadline = self._deadline
        if self._asked is not None:
            early.ask(self._asked)
        try:
            self.trainer.run(show_loop_exception_msg=False)  # the command says in one line what went wrong
        except NonFiniteError as error:
            return str(error)  # not the error, whose traceback holds the trainer
        return None

    def _go_back(self, what: str) -> None:
        rollbacks = self.trainer.updater.rollbacks + 1
        most = self._config["max_rollbacks"] if self._config["on_nan"] == "rollback" else 0
        snapshot = self._last_good(what)
        if rollbacks > most:
            raise NonFiniteError(f"{what}; {_advice(snapshot, most)}")
        out, note = Path(self.trainer.out), Note(rollbacks, snapshot.iteration if snapshot is not None else 0)
        _write(out / NOTE, note)
        if snapshot is not None and snapshot is not self._resumed:
            snapshot_files.go_back(Path(snapshot.path), snapshot.iteration)
        self.trainer = None
        gc.collect()  # the parts of a trainer hold one another
        if snapshot is None:
            builder.forget_points(self._config)
        where = f"{snapshot.path}, iteration {snapshot.iteration}," if snapshot is not None else "the start"
        extensions.write_line(f"{what}; going back to {where} with new noise: rollback {rollbacks} of {most}")
        self.trainer = self._build(say=lambda line: None)
        if snapshot is not None:
            builder.resume(self.trainer, snapshot)
        self._renew(note)

    def _renew(self, note: Note) -> None:
        """Draw from other streams from here on."""
        self._went_back_to = note.iteration
        builder.renew_noise(self.trainer, self._config, note.rollbacks)

    def _last_good(self, what: str) -> checkpoint.Snapshot | None:
        """Return the newest snapshot, or the one before it if the run already went back to the newest.

        Snapshots are never non-finite, but the run may already be diverging in them. Those of turns that were left are
        set aside, so the folder has this turn's, and what it began from.
        """
        own = snapshot_files.found(Path(self.trainer.out))
        tried = own.pop(self._went_back_to, None)
        paths = [*reversed(own.values()), *([tried] if tried else [])]
        for path in paths:
            with contextlib.suppress(SnapshotError):
                return checkpoint.load(path)
        if paths and self._resumed is None:
            raise NonFiniteError(
                f"{what}; no snapshot to go back to is whole: {', '.join(map(str, paths))}; begin anew with --force"
            )
        return self._resumed


def _write(path: Path, note: Note) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(note._asdict()).encode())


def _advice(snapshot: checkpoint.Snapshot | None, most: int) -> str:
    """Say what is left of the run and what may help."""
    help_ = "with a lower optimizer.alpha" + (" and a higher max_rollbacks" if most else ", or with on_nan=rollback")
    if snapshot is None:
        left = f"nothing was saved yet; begin anew {help_}"
    else:
        left = f"iteration {snapshot.iteration} is saved; go on from there {help_}: --resume {snapshot.path} --set ..."
    return f"{counted(most, 'rollback')} did not help (max_rollbacks={most}); {left}" if most else left
