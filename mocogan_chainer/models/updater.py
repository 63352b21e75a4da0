"""What the updaters of all families share: devices, one optimizer step, random state, the moving average."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import Optimizer, Variable
from chainer.dataset import Iterator as DatasetIterator
from chainer.training.updaters import StandardUpdater

from mocogan_chainer import functions, losses, saved_streams
from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.backends.recorded_step import RecordedStep, Recorder
from mocogan_chainer.datasets.resident import ResidentFrames
from mocogan_chainer.links import ExponentialMovingAverage, NoiseSource
from mocogan_chainer.models.finite_check import FiniteCheck
from mocogan_chainer.models.gradients import GradientSums
from mocogan_chainer.shortage import memory_errors_as_shortage
from mocogan_chainer.wording import Say


class GANUpdater(StandardUpdater):
    """Base of the families' updaters; a subclass gives ``update_core``.

    Args:
        iterators: by name; "main" counts the epochs.
        optimizers: by network name, set up on the networks.
        device: where the networks lie.
        stream: gives the random stream of a name.
        ema: the generator's moving average, or None.
        noise: the discriminators' instance noise, where a family has any.

    Attributes:
        feeds: what a step takes from the host goes through it.
        finite_check: whether reports and gradients are finite.
        rollbacks: how often the run went back to an earlier state; see :meth:`renew_noise`.
        resident: the dataset's frames on the device, which iterators with ``next_places`` then point into; or None.
    """

    unrecordable: str | None = "its step decides on the host, what is done next"
    """Why a step of this family cannot be recorded and repeated; None where it can."""

    certain: tuple[float, float] = (8.0, -8.0)
    """Mean scores of real and of generated samples from which on a discriminator has no doubts.

    For scores that are logits: the two halves of its loss are then 0.00034 each. Runs that go well are far from that.
    """

    def __init__(
        self,
        *,
        iterators: Mapping[str, DatasetIterator],
        optimizers: Mapping[str, Optimizer],
        device: chainer.backend.Device,
        stream: Callable[[str], np.random.Generator],
        ema: ExponentialMovingAverage | None,
        noise: NoiseSource | None = None,
    ):
        super().__init__(dict(iterators), dict(optimizers), device=device)
        self.rng = stream("codes")
        self.ema = ema
        self.noise = noise
        self.feeds = Feeds(device)
        self.finite_check = FiniteCheck(device, self.feeds, lambda: self.iteration)
        self.rollbacks = 0
        self.resident: ResidentFrames | None = None
        self._step: Callable[[], None] = self.update_all

    def record(self, recorder: Recorder, refused: Say) -> None:
        """Let the step be recorded and repeated from there, where :attr:`unrecordable` says nothing against it.

        Args:
            recorder: records what the device is asked to do.
            refused: called with a line that says why the step stays unrecorded; it may raise.
        """
        if self.unrecordable is not None:
            refused(self.unrecordable)
            return
        for optimizer in self.get_all_optimizers().values():
            optimizer.feeds = self.feeds
        if self.noise is not None:
            self.noise.take_number = self.feeds.take_number
        self._step = RecordedStep(self.update_all, self.feeds, recorder, refused)

    def update(self) -> None:
        """One step of all networks, then of the moving average."""
        with memory_errors_as_shortage("step", "a step of training"):
            self._step()
        self.iteration += 1
        if self.rollbacks:
            chainer.report({"rollbacks": self.rollbacks})

    def renew_noise(self, rollbacks: int, stream: Callable[[str], np.random.Generator]) -> None:
        """Draw from new streams from here, so that a run that went back does not go the same way again.

        Args:
            rollbacks: how often it went back.
            stream: gives the random stream of a name; others for each number of rollbacks.
        """
        self.rollbacks = rollbacks
        self.serialize(saved_streams.Renewal(stream))
        if self.noise is not None:
            self.noise.renew(rollbacks)

    def update_all(self) -> None:
        """What :meth:`update` does, without counting it."""
        self.finite_check.begin_step()
        self.update_core()
        if self.ema is not None:
            self.update_average()

    def update_average(self) -> None:
        """Move the average towards the generator's new weights."""
        self.ema.move(self.feeds.take_number(self.ema.next_decay))

    def next_real(self, iterator: str) -> tuple[Array, Array]:
        """Return the iterator's next batch on the device: pixels float32 (N, 3, ...) in [-1, 1], classes (N,)."""
        source = self.get_iterator(iterator)
        with memory_errors_as_shortage("batch", f"a batch of real samples (iterator {iterator})"):
            if self.resident is not None:
                *places, classes = self.feeds.take(source.next_places)
                return self.resident.read(*places, source.frames_at_once), classes
            pixels, classes = self.feeds.take(source.next)
            return functions.to_float(pixels), classes

    def step(self, name: str, loss: Variable, **observed: Variable) -> None:
        """Minimize ``loss`` by one step of network ``name`` and report it, and what was observed, under that name."""
        with self.descent(name) as add:
            add(loss, observed)

    @contextlib.contextmanager
    def descent(self, name: str) -> Iterator[Callable[[Variable, Mapping[str, Variable]], None]]:
        """Like :meth:`step`, for a loss in parts: only one part's graph need be alive at a time.

        Yields ``add(loss, observed)``, which computes the gradients of a part, a scalar. The step is taken at the end;
        the report has the sum of the losses, and what was observed last under each name.
        """
        optimizer, report = self.get_optimizer(name), {}
        gradients = GradientSums(optimizer.target)

        def add(loss: Variable, observed: Mapping[str, Variable]) -> None:
            loss.backward()
            gradients.take()
            report["loss"] = report.get("loss", 0) + loss.array
            report.update({key: value.array for key, value in observed.items()})  # a Variable would keep its graph

        with memory_errors_as_shortage("step", f"the step of the {name}"):
            yield add
            gradients.put()
            self.finite_check.note(name, report, optimizer.target)
            optimizer.update()
        self.feeds.afterwards(lambda: chainer.report(report, optimizer.target))

    def serialize(self, serializer: Any) -> None:
        """Save or load everything that the next step depends on."""
        super().serialize(serializer)
        saves = isinstance(serializer, chainer.serializer.Serializer)
        stored = serializer("rollbacks", self.rollbacks if saves else None)
        if stored is not None:  # snapshots of earlier versions have none
            self.rollbacks = int(stored)
        saved_streams.serialize(serializer, "rng", self.rng)
        if self.noise is not None:
            self.noise.serialize(serializer["noise"])
        if self.ema is not None:
            self.ema.serialize(serializer["ema"])
            self.ema.average.serialize(serializer[f"average:{self._name_of(self.ema.network)}"])

    def _name_of(self, network: chainer.Chain) -> str:
        return next(n for n, o in self.get_all_optimizers().items() if o.target is network)


def half_loss(y: Variable, real: bool) -> tuple[Variable, dict[str, Variable]]:
    """Return one half of a discriminator's logistic loss, and its mean score; nobody else then holds the graph.

    Args:
        y: scores of any shape.
        real: whether they are those of real samples.
    """
    return (losses.real_loss(y), {"real": F.mean(y)}) if real else (losses.fake_loss(y), {"fake": F.mean(y)})
