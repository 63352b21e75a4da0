"""When extensions act. The triggers have no state of their own, so that a resumed run acts as an uninterrupted one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainer.training import Trainer


class StopTrigger:
    """Ends training after so many iterations or epochs, whichever comes first.

    Args:
        max_iteration, max_epoch: None for no limit of that kind; one of them must be given.
    """

    def __init__(self, max_iteration: int | None, max_epoch: int | None):
        self.max_iteration, self.max_epoch = max_iteration, max_epoch

    def __call__(self, trainer: Trainer) -> bool:
        """Whether training is over."""
        return self.fraction(trainer) >= 1

    def fraction(self, trainer: Trainer) -> float:
        """How much of training is done; 1 is all of it."""
        updater = trainer.updater
        done = []
        if self.max_iteration is not None:
            done.append(updater.iteration / self.max_iteration)
        if self.max_epoch is not None:
            done.append(updater.epoch_detail / self.max_epoch)
        return max(done)

    def limit(self, updater: Any) -> str:
        """Say which limit is the first that an updater reaches: as settings, a name and its value."""
        limits = {"max_iteration": self.max_iteration, "max_epoch": self.max_epoch}
        done = {"max_iteration": updater.iteration, "max_epoch": updater.epoch_detail}
        name = max((n for n in limits if limits[n] is not None), key=lambda n: done[n] / limits[n])
        return f"{name}={limits[name]}"


class AnyOf:
    """Fires where one of ``triggers`` does."""

    def __init__(self, *triggers: Callable[[Trainer], bool]):
        self._triggers = triggers

    def __call__(self, trainer: Trainer) -> bool:
        """Whether to act now."""
        return any(trigger(trainer) for trigger in self._triggers)


class IntervalAndLast:
    """Fires every ``interval`` iterations and at the end of training."""

    def __init__(self, interval: int, stop: Callable[[Trainer], bool]):
        self.interval, self.stop = interval, stop

    def __call__(self, trainer: Trainer) -> bool:
        """Whether to act now."""
        return trainer.updater.iteration % self.interval == 0 or self.stop(trainer)
