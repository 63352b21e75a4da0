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
from mocogan_chainer.errors import SickError, SnapshotError
from mocogan_chainer.files import atomic_write, read_plain

NOTE = "rollback.json"

Say = Callable[[str], None]


class Note(NamedTuple):
    """Where a run last went back to: what a snapshot says too, from the next one on.

    Attributes:
        rollbacks: how often it has gone back.
        iteration: of the snapshot that it went back to; 0 for the start.
    """

    rollbacks: int
    iteration: int


def read_note(out: Path) -> Note | None:
    """Return the note in a run's folder; None where there is none, or what is there is none."""
    try:
        note = Note(**json.loads(read_plain(out / NOTE, 1 << 10)))
    except (OSError, ValueError, TypeError):
        return None
    return note if all(type(number) is int and number >= 0 for number in note) else None


class Run:
    """Trains to the end, going back as often as the settings allow.

    Args:
        build: ``build(say=...)`` builds the run's trainer, at the start.
        config: the run's settings.
        resumed: the snapshot's file that the run goes on from, if any; it goes back there while it has none of its own.
        deadline: when, on the monotonic clock, the run must be over; None for no limit.
        say: takes lines for the user while the first trainer is built.

    Attributes:
        trainer: the present one, at first at the start. Nobody else should hold it: when the run goes back it is given
            up before the next one is built, which would have no room beside it.
    """

    def __init__(
        self,
        build: Callable[..., Trainer],
        config: Config,
        resumed: Path | None,
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
        """Draw what was drawn by a run that went back to the present place and ended before its next snapshot."""
        updater = self.trainer.updater
        if note is not None and note.iteration == updater.iteration and note.rollbacks > updater.rollbacks:
            self._renew(note)

    def to_end(self) -> None:
        """Train.

        Raises:
            SickError: numbers were not finite, and the settings do not let the run go back, or not once more.
            MocoganError: memory ran out; the message says who asked for it and what to lower.
        """
        with builder.shortage_explained(self._config):
            while (what := self._symptom()) is not None:
                self._go_back(what)

    def _symptom(self) -> str | None:
        """Run to the end, or to numbers that are not finite: return which."""
        early = self.trainer.get_extension("EarlyStop")
        early.deadline = self._deadline
        if self._asked is not None:
            early.ask(self._asked)
        try:
            self.trainer.run(show_loop_exception_msg=False)  # the command says in one line what went wrong
        except SickError as error:
            return str(error)  # not the error, whose traceback holds the trainer
        return None

    def _go_back(self, what: str) -> None:
        rollbacks = self.trainer.updater.rollbacks + 1
        most = self._config["max_rollbacks"] if self._config["on_nan"] == "rollback" else 0
        snapshot = self._last_good(what)
        if rollbacks > most:
            raise SickError(f"{what}; {_advice(snapshot, most)}")
        if snapshot is not None and Path(snapshot.path).parent.samefile(self.trainer.out):
            snapshot_files.go_back(snapshot)
        self.trainer = None
        gc.collect()  # the parts of a trainer hold one another
        if snapshot is None:
            builder.forget_points(self._config)
        where = f"{snapshot.path}, iteration {snapshot.iteration}," if snapshot is not None else "the start"
        extensions.write_line(f"{what}; going back to {where} with new noise: rollback {rollbacks} of {most}")
        self.trainer = self._build(say=lambda line: None)
        if snapshot is not None:
            builder.resume(self.trainer, snapshot)
        self._renew(Note(rollbacks, snapshot.iteration if snapshot is not None else 0))

    def _renew(self, note: Note) -> None:
        """Draw from other streams from here on, also if the run ends before a snapshot says so."""
        with atomic_write(Path(self.trainer.out) / NOTE) as file:
            file.write(json.dumps(note._asdict()).encode())
        self._went_back_to = note.iteration
        builder.renew_noise(self.trainer, self._config, note.rollbacks)

    def _last_good(self, what: str) -> checkpoint.Snapshot | None:
        """Return the run's newest snapshot, or the one before where it went back to the newest already.

        None is ever written of what is not finite, but what it holds may be on its way there. Those of turns that were
        left are set aside, so the folder has this turn's, and what it began from.
        """
        own = snapshot_files.found(Path(self.trainer.out))
        tried = own.pop(self._went_back_to, None)
        paths = [path for path in (*reversed(own.values()), tried, self._resumed) if path is not None]
        for path in paths:
            with contextlib.suppress(SnapshotError):
                return checkpoint.load(path)
        if paths:
            raise SickError(f"{what}; no snapshot to go back to is whole: {', '.join(map(str, paths))}")
        return None


def _advice(snapshot: checkpoint.Snapshot | None, most: int) -> str:
    """Say what is left of the run and what may help."""
    help_ = "with a lower optimizer.alpha" + (", or with on_nan=rollback" if most == 0 else "")
    if snapshot is None:
        left = f"nothing was saved yet; begin anew {help_}"
    else:
        left = f"iteration {snapshot.iteration} is saved; go on from there {help_}: --resume {snapshot.path} --set ..."
    return left if most == 0 else f"{most} rollbacks did not help (max_rollbacks); {left}"
