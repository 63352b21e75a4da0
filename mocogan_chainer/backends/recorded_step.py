"""A training step whose work on the device is recorded once and then repeated without its Python code."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Protocol

from mocogan_chainer.backends.feeds import Feeds, Staging
from mocogan_chainer.errors import one_line
from mocogan_chainer.wording import Say

WARM_UP = 2
"""Unrecorded runs before the step is measured and then recorded: kernels are compiled and plans chosen in them."""


class Recorder(Protocol):
    """Records what a device is asked to do."""

    def staging(self, size: int) -> Staging:
        """Return ``size`` bytes that travel from the host to a fixed place."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Call ``work`` without doing on the device what it asks for; return what does that, as often as it is called.

        Raises:
            Exception: the device or its library cannot record something; nothing was done then.
        """


class RecordedStep:
    """Runs a step; after some unrecorded runs it is recorded.

    A step can be recorded if what it does on the device is the same each time but for the content of its feeds.

    Args:
        step: the step.
        feeds: where it takes from the host; see there for what it must keep to.
        recorder: records it; None for never.
        refused: called with a line that says why the step could not be recorded and so runs unrecorded; it may raise.
    """

    def __init__(
        self,
        step: Callable[[], None],
        feeds: Feeds,
        recorder: Recorder | None,
        refused: Say,
    ):
        self._step, self._feeds, self._recorder, self._refused = step, feeds, recorder, refused
        self._runs = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        """Run the step once."""
        if self._replay is not None:
            self._feeds.refill()
            self._replay()
            self._feeds.finish()
        elif self._recorder is None or self._runs < WARM_UP:
            self._step()
        elif self._runs == WARM_UP:
            self._bytes = self._feeds.measure(self._step)
        else:
            self._record_or_run()
        self._runs += 1

    def _record_or_run(self) -> None:
        staging, replay, why = self._record()
        if replay is None:
            self._recorder = None
            self._feeds.take_back()
            gc.collect()  # what the recording made may be in cycles, and the step needs as much again
            self._refused(why)
            self._step()
            return
        self._feeds.keep()
        staging.send()
        replay()
        self._feeds.finish()
        self._replay = replay

    def _record(self) -> tuple[Staging | None, Callable[[], None] | None, str]:
        """Return what the recording gives, or why there is none: not the error, whose frames hold all that was made."""
        try:
            staging = self._recorder.staging(self._bytes)
            return staging, self._recorder.record(lambda: self._feeds.record(self._step, staging)), ""
        except Exception as error:  # what cannot be recorded shows in as many ways as there are libraries
            return None, None, one_line(error)
