"""Which of cuDNN's plans computes a problem: the one that was the quickest on the arrays at hand."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from mocogan_chainer.backends.cudnn.chosen_plans import Chosen, ChosenPlans
from mocogan_chainer.backends.cudnn.graphs import NoPlan
from mocogan_chainer.backends.cudnn.problems import Problem

SECONDS = 5.0
"""Plans of a problem are tried no longer than that."""

_RUNS = 5
_NOT_FAR_BEHIND = 1.3  # times as long as the quickest so far: worth more than a glance


class Device(Protocol):
    """Where plans are made and timed."""

    label: str
    """All that the choice of a plan depends on besides the problem."""
    memory: int
    """Bytes that a plan's workspace may take."""

    def graph(self, problem: Problem, form: str) -> Any:
        """A :class:`~mocogan_chainer.backends.cudnn.graphs.Graph`, or NoPlan."""

    def is_recording(self) -> bool:
        """Whether work is being recorded into a CUDA graph, and so cannot be timed."""

    def milliseconds(self, run: Callable[[], None], times: int) -> float:
        """How long ``run`` keeps the device busy: the median of some times."""


class Choice(NamedTuple):
    """A built plan and the form that it multiplies in."""

    form: str
    plan: Any


class Plans:
    """Choices on one device, made once per problem and remembered between runs.

    Args:
        device: where they are made.
        precision: names them in the file.
        forms: forms to choose among.
        chosen: choices of earlier runs.
    """

    def __init__(self, device: Device, precision: str, forms: Sequence[str], chosen: ChosenPlans):
        self._device = device
        self._precision = precision
        self._forms = forms
        self._chosen = chosen
        self._found: dict[Problem, Choice | None] = {}

    def find(self, problem: Problem, run: Callable[[Choice], None]) -> Choice | None:
        """Return the problem's plan, or None where cuDNN has none.

        Args:
            problem: what is to be computed.
            run: computes it with a plan, on the arrays at hand.

        Raises:
            RuntimeError: it is new, and a CUDA graph is being recorded.
        """
        if problem not in self._found:
            if self._device.is_recording():
                raise RuntimeError(f"no plan was made yet for {problem.text}: run the step once before it is recorded")
            self._found[problem] = self._remembered(problem) or self._quickest(problem, run)
        return self._found[problem]

    def _key(self, problem: Problem) -> str:
        return f"{self._precision} {problem.text}"

    def _remembered(self, problem: Problem) -> Choice | None:
        chosen = self._chosen.get(self._key(problem))
        if chosen is None or chosen.form not in self._forms:
            return None
        try:
            return Choice(chosen.form, self._device.graph(problem, chosen.form).build(chosen.plan))
        except NoPlan:  # another build of cuDNN with the same number
            return None

    def _quickest(self, problem: Problem, run: Callable[[Choice], None]) -> Choice | None:
        best, best_time = None, float("inf")
        end = time.monotonic() + SECONDS
        for choice in self._proposed(problem):
            taken = self._time(lambda choice=choice: run(choice), best_time)
            if taken < best_time:
                best, best_time = choice, taken
            if best is not None and time.monotonic() > end:
                break
        if best is None:
            warnings.warn(f"cuDNN has no plan for {problem.text}: it is computed without, and slowly", stacklevel=2)
        else:
            self._chosen.put(self._key(problem), Chosen(best.form, best.plan.name, round(best_time, 4)))
        return best

    def _proposed(self, problem: Problem) -> Iterator[Choice]:
        """Plans that can be built, of each form in turn, so that a short time sees the first of all."""
        graphs = []
        for form in self._forms:
            try:
                graphs.append((form, self._device.graph(problem, form)))
            except NoPlan:
                continue
        for i in range(max((len(graph.names) for _, graph in graphs), default=0)):
            for form, graph in graphs:
                if i < len(graph.names):
                    try:
                        plan = graph.build(graph.names[i])
                    except NoPlan:
                        continue
                    if plan.workspace <= self._device.memory:
                        yield Choice(form, plan)

    def _time(self, run: Callable[[], None], best: float) -> float:
        """Milliseconds of a run, infinitely many where the plan does not run after all."""
        try:
            run()
            glance = self._device.milliseconds(run, 1)
            return glance if glance > _NOT_FAR_BEHIND * best else self._device.milliseconds(run, _RUNS)
        except (RuntimeError, MemoryError):  # NoPlan is among them
            return float("inf")
