"""Ending a run before its end: by a signal, or as its time runs out."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from chainer import training

from mocogan_chainer.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_MARGIN = 1.5
"""Iterations and snapshots may take so many times what they took so far."""
_FINISH = 2.0
"""Seconds to close files and leave Python."""


class EarlyStop(training.Extension):
    """Decides, once an iteration and before anything else acts, whether it is the run's last.

    A request made during an iteration takes effect in the next one, so the final snapshot is never skipped.

    Args:
        end: fires at the run's own end, which is not early.
        snapshot_seconds: returns how long a snapshot takes.
        clock: returns seconds.

    Attributes:
        deadline: when, on the clock, the run must be over; None for never.
        reason: why the run ends with this iteration; None where it does not. A signal, or "time".
    """

    priority = training.PRIORITY_WRITER + 100

    def __init__(
        self,
        end: Callable[[training.Trainer], bool],
        snapshot_seconds: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._end = end
        self._snapshot_seconds, self._clock = snapshot_seconds, clock
        self._asked: signal.Signals | None = None
        self._longest, self._last = 0.0, 0.0
        self.deadline: float | None = None
        self.reason: signal.Signals | str | None = None

    def ask(self, number: signal.Signals) -> None:
        """Ask for the end, because of a signal; it comes with the next iteration, after a snapshot."""
        self._asked = number

    def initialize(self, trainer: training.Trainer) -> None:
        """Begin to measure."""
        self._last = self._clock()

    def __call__(self, trainer: training.Trainer) -> None:
        """Decide for this iteration."""
        now = self._clock()
        self._longest, self._last = max(self._longest, now - self._last), now
        if self._end(trainer):
            return
        if self._asked is not None:
            self.reason = self._asked
        elif self.deadline is not None:
            needed = _MARGIN * (self._longest + self._snapshot_seconds()) + _FINISH
            self.reason = "time" if now + needed > self.deadline else None

    def stopping(self, trainer: training.Trainer) -> bool:
        """Whether the run ends with this iteration: a trigger."""
        return self.reason is not None


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise ``Stopped`` on SIGTERM within the block, so that locks are released as after Ctrl-C.

    Another handler, of before or set within the block, goes first.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before != signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Stopped("stopped by SIGTERM before training began", 128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def signals_heard(ask: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Let the first SIGTERM or Ctrl-C within the block call ``ask``; a second one ends the process at once.

    A signal that the process was told to ignore, as ``nohup`` and ``&`` do, stays ignored. In other threads than the
    main one, which alone hears signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def hear(number: int, frame: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_DFL)  # the system's own, which waits for nothing
        ask(signal.Signals(number))
        # Not print, which may be what was interrupted.
        line = f"\n{signal.Signals(number).name}: this iteration is finished and saved; a second one stops at once\n"
        with contextlib.suppress(OSError):  # whoever read it may have heard the signal too
            os.write(2, line.encode())

    for number in heard:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
