"""What follows a snapshot, where a kill came between."""

from __future__ import annotations

from collections.abc import Callable

from chainer import training


class RepeatOnResume(training.Extension):
    """Calls an extension; a resumed run calls it first of all if it was due in that iteration.

    For pictures, which come after the snapshot: they may be missing, and come out the same each time.

    Args:
        extension: what to call.
        trigger: when; it must be the one that this is extended with.
    """

    def __init__(self, extension: training.Extension, trigger: Callable[[training.Trainer], bool]):
        self._extension, self._turn = extension, trigger

    @property
    def default_name(self) -> str:
        return type(self._extension).__name__

    def initialize(self, trainer: training.Trainer) -> None:
        """Make up for what is missing."""
        if trainer.updater.iteration and self._turn(trainer):
            self._extension(trainer)

    def __call__(self, trainer: training.Trainer) -> None:
        """Call the extension."""
        self._extension(trainer)
