"""The step size over the course of training."""

from __future__ import annotations

from chainer import training


class LinearDecay(training.Extension):
    """Lets the step size of every optimizer fall linearly over the last iterations.

    Update number i of ``last`` takes alpha times min(1, (last + 1 - i) / over): a function of the iteration alone, so
    that a resumed run goes on as an uninterrupted one.

    Args:
        last: iterations of the whole run.
        over: the last ones of them, in which alpha falls.
    """

    def __init__(self, last: int, over: int):
        self._last, self._over = last, over
        self._alphas: dict[str, float] = {}

    def initialize(self, trainer: training.Trainer) -> None:
        """Take the optimizers' alphas for those of the start, and set that of the next update."""
        self._alphas = {name: o.alpha for name, o in trainer.updater.get_all_optimizers().items()}
        self(trainer)

    def __call__(self, trainer: training.Trainer) -> None:
        """Set the alpha of the next update."""
        factor = min(1.0, max(0, self._last - trainer.updater.iteration) / self._over)
        for name, optimizer in trainer.updater.get_all_optimizers().items():
            optimizer.alpha = self._alphas[name] * factor
