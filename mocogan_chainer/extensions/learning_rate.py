"""The step size over the course of training."""

from __future__ import annotations

from chainer import training

from mocogan_chainer.extensions.triggers import StopTrigger


class LinearDecay(training.Extension):
    """Lets the step size of every optimizer fall linearly to 0 in the last part of training.

    Where a share f of training is done, the next update takes alpha times min(1, (1 - f) / part): a function of the
    place alone, so that a resumed run continues like an uninterrupted one, and the part may be changed on resuming.

    Args:
        stop: says how much of training is done.
        part: of training, in which alpha falls; above 0.
    """

    def __init__(self, stop: StopTrigger, part: float):
        self._stop, self._part = stop, part
        self._alphas: dict[str, float] = {}

    def initialize(self, trainer: training.Trainer) -> None:
        """Take the optimizers' alphas for those of the start, and set that of the next update."""
        self._alphas = {name: o.alpha for name, o in trainer.updater.get_all_optimizers().items()}
        self(trainer)

    def __call__(self, trainer: training.Trainer) -> None:
        """Set the alpha of the next update."""
        left = max(0.0, 1 - self._stop.fraction(trainer))
        for name, optimizer in trainer.updater.get_all_optimizers().items():
            optimizer.alpha = self._alphas[name] * min(1.0, left / self._part)
