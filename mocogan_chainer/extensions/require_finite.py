"""Ending a run whose numbers are not finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainer
from chainer import training

from mocogan_chainer.errors import NonFiniteError


class RequireFinite(training.Extension):
    """Ends the run unless all that was computed is finite, before anything of it is written.

    Args:
        saves: fires when a snapshot is to be written: everything that it will hold is looked at then.
    """

    priority = training.PRIORITY_WRITER

    def __init__(self, saves: Callable[[training.Trainer], bool]):
        self._saves = saves

    @property
    def default_name(self) -> str:
        return "HealthCheck"  # as in snapshots of earlier versions

    def __call__(self, trainer: training.Trainer) -> None:
        """Check.

        Raises:
            NonFiniteError: something is not finite.
        """
        trainer.updater.finite_check.check()
        if self._saves(trainer):
            trainer.updater.serialize(_Checker(f"iteration {trainer.updater.iteration}: "))


class _Checker(chainer.serializer.Serializer):
    """Looks at all that would be saved."""

    def __init__(self, path: str):
        self._path = path

    def __getitem__(self, key: str) -> _Checker:
        return _Checker(f"{self._path}{key.lstrip('/')}/")

    def __call__(self, key: str, value: Any) -> Any:
        if isinstance(value, chainer.get_array_types()) and value.dtype.kind == "f":
            xp = chainer.backend.get_array_module(value)
            if not bool(xp.isfinite(value).all()):
                raise NonFiniteError(f"{self._path}{key.lstrip('/')} is not finite; found before it was saved")
        return value
