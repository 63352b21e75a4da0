"""How fast a MoCoGAN step is, compared with PyTorch and with its convolutions alone, all in one run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_check.model import make_updater, run  # first: it makes chainer importable
from benchmarks.gpu_check.place import Place
from benchmarks.gpu_check.results import LeftOutError, Results
from benchmarks.timing import WAKING_S, timed
from mocogan_chainer import backends
from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.base import Array
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater

_ROOT = Path(__file__).parents[2]
PEER = [sys.executable, "-m", "benchmarks.torch_mocogan"]
STEPS = 20
_WARM_UP = 5  # unrecorded, measured, recorded, and twice from the recording
_AT_ONCE = 10  # passes of a convolution that are timed together
_NO_PEER = ("No module named 'torch'", "not compiled with CUDA")  # what Python or PyTorch says then
_LONGEST_PEER = {"official": 90.0, "compiled": 200.0}  # seconds, most of them torch.compile's

Pass = tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], Geometry]


def measure(place: Place, results: Results, *, batch: int = 32, filters: int = 64, peers: bool = True) -> None:
    """Time a step in tf32, unrecorded and recorded, its convolutions alone, and PyTorch's step."""
    ours = _Ours(place, results, batch, filters)
    results.measure("speed of a step in tf32", lambda: ours.time("tf32"), least=20)
    results.measure("speed of its convolutions alone", ours.time_convolutions, least=10)
    if peers:
        results.measure("speed against PyTorch official", lambda: ours.time_beside("official"), least=30)
        results.measure("speed against PyTorch compiled", lambda: ours.time_beside("compiled"), least=130)


def measure_precisions(place: Place, results: Results, *, batch: int = 32, filters: int = 64) -> None:
    """Time steps, unrecorded and recorded, in the precisions that are nobody's default."""
    ours = _Ours(place, results, batch, filters)
    results.measure("speed of a step in bf16", lambda: ours.time("bf16"), least=90)
    results.measure("speed of a step in float32", lambda: ours.time("float32"), least=90)


class _Ours:
    """Our steps at one size; those in tf32 are kept for what they are compared with."""

    def __init__(self, place: Place, results: Results, batch: int, filters: int):
        self._place, self._results, self._batch, self._filters = place, results, batch, filters

    def time(self, precision: str) -> None:
        """Note how long a step takes, unrecorded and recorded."""
        place, note, batch = self._place, self._results.note, self._batch
        updater = self._make(precision)
        standing = _milliseconds(place, updater)
        note(f"step {precision} unrecorded, batch {batch}", ms=standing[0], from_ms=standing[1], to_ms=standing[2])
        refusals = self._record(updater)
        middle, least, most = _milliseconds(place, updater)
        note(
            f"step {precision}, batch {batch}",
            recorded_ms=middle,
            from_ms=least,
            to_ms=most,
            in_a_row_ms=_in_a_row(place, updater),
            **({"refused": refusals[0]} if refusals else {}),
        )
        if precision == "tf32":
            self._tf32 = updater

    def time_convolutions(self) -> None:
        """Note how long a step's convolutions take alone, and what part of the step that is."""
        backends._current = self._place.load("tf32")
        alone, step = convolutions_alone(self._place, self._tf32), _in_a_row(self._place, self._tf32)
        self._results.note(f"convolutions alone tf32, batch {self._batch}", ms=alone, of_the_step=alone / step)

    def time_beside(self, variant: str) -> None:
        """Time ours, a variant of the peer's, and ours again; note the ratios and what the peer took.

        Each step is waited for, as the peer's own steps wait for their losses; ``ratio_in_a_row`` is of ours as
        training runs them, where the host draws the next step's codes while the device works.
        """
        place, updater = self._place, self._tf32
        backends._current = place.load("tf32")
        before, row_before = _milliseconds(place, updater)[0], _in_a_row(place, updater)
        seconds = min(_LONGEST_PEER[variant], self._results.left() - 10)
        theirs = _peer(variant, self._batch, self._filters, seconds)
        after, row_after = _milliseconds(place, updater)[0], _in_a_row(place, updater)
        low, middle, high = (1e3 * theirs[key] for key in ("min_s", "median_s", "max_s"))
        ours, in_a_row = (before + after) / 2, (row_before + row_after) / 2
        self._results.note(
            f"PyTorch {variant} tf32, batch {self._batch}",
            ms=middle,
            ours_ms=ours,
            ratio=ours / middle,
            ratio_from=min(before, after) / high,
            ratio_to=max(before, after) / low,
            ours_in_a_row_ms=in_a_row,
            ratio_in_a_row=in_a_row / middle,
            torch=theirs["torch"],
        )

    @cached_property
    def _tf32(self) -> MoCoGANUpdater:
        """Made anew in a process that goes on behind an earlier one's end."""
        updater = self._make("tf32")
        self._record(updater)
        return updater

    def _make(self, precision: str) -> MoCoGANUpdater:
        backends._current = self._place.load(precision)
        updater = make_updater(self._place, batch=self._batch, filters=self._filters, ema=False)
        run(updater, _WARM_UP)
        return updater

    def _record(self, updater: MoCoGANUpdater) -> list[str]:
        """Let it be recorded; return why it is not, where it is not."""
        refusals: list[str] = []
        updater.record(self._place.recorder(), refusals.append)
        run(updater, _WARM_UP)
        return refusals


def _milliseconds(place: Place, updater: MoCoGANUpdater) -> tuple[float, float, float]:
    """Median, shortest and longest step, each waited for."""
    _wake(updater)
    times, _ = timed(updater.update, STEPS, place.wait)
    return tuple(1e3 * times[key] for key in ("median_s", "min_s", "max_s"))


def _in_a_row(place: Place, updater: MoCoGANUpdater) -> float:
    """A step among others, as in training: the host is ahead of the device."""

    def steps() -> None:
        for _ in range(STEPS):
            updater.update()

    _wake(updater)
    times, _ = timed(steps, 3, place.wait)
    return 1e3 * times["median_s"] / STEPS


def _wake(updater: MoCoGANUpdater) -> None:
    """Take steps until an idle device has its full clock."""
    end = time.monotonic() + WAKING_S
    while time.monotonic() < end:
        updater.update()


def _peer(variant: str, batch: int, filters: int, seconds: float) -> dict[str, Any]:
    command = [*PEER, "--variant", variant, "--tf32", "--infogan", "--device", "cuda"]
    command += ["--batch", str(batch), "--filters", str(filters), "--steps", str(STEPS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=_ROOT)
    except subprocess.TimeoutExpired as late:
        had_its_time = seconds >= _LONGEST_PEER[variant]
        raise (RuntimeError if had_its_time else LeftOutError)(f"not done after {seconds:.0f} s") from late
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1][:300]
        raise (LeftOutError if any(words in why for words in _NO_PEER) else RuntimeError)(why)
    return json.loads(done.stdout.strip().splitlines()[-1])


def convolutions_alone(place: Place, updater: MoCoGANUpdater) -> float:
    """Return the milliseconds that a step's convolutions take one after the other, with nothing between them.

    Args:
        place: where.
        updater: one whose step is recorded; it takes one unrecorded step here.
    """
    backend = backends.current()
    watched = _Watched(backend)
    backends._current = watched
    try:
        updater.update_all()
    finally:
        backends._current = backend
    total = 0.0
    for (kind, *shapes, geometry), count in watched.passes.items():
        total += count * _pass_milliseconds(place, kind, *shapes, geometry)
    return total


class _Watched:
    """A backend that counts its convolutions."""

    def __init__(self, backend: Any):
        self._backend = backend
        self.passes: Counter[Pass] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def convolution_forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        self.passes["convolution_forward", x.shape, W.shape, (), geometry] += 1
        return self._backend.convolution_forward(x, W, geometry)

    def convolution_backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        self.passes["convolution_backward_data", gy.shape, W.shape, tuple(x_size), geometry] += 1
        return self._backend.convolution_backward_data(gy, W, x_size, geometry)

    def convolution_backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        self.passes["convolution_backward_weights", x.shape, gy.shape, tuple(ksize), geometry] += 1
        return self._backend.convolution_backward_weights(x, gy, ksize, geometry)


def _pass_milliseconds(
    place: Place, kind: str, first: tuple[int, ...], second: tuple[int, ...], size: tuple[int, ...], geometry: Geometry
) -> float:
    rng = np.random.default_rng(0)

    def channels_last(shape: tuple[int, ...]) -> Array:
        made = place.send(rng.standard_normal((shape[0], *shape[2:], shape[1]), np.float32))
        return place.device.xp.moveaxis(made, -1, 1)

    compute, a, b = getattr(backends.current(), kind), channels_last(first), channels_last(second)
    arguments = (a, b, geometry) if kind.endswith("forward") else (a, b, size, geometry)

    def work() -> None:
        for _ in range(_AT_ONCE):
            compute(*arguments)

    work()
    return place.milliseconds(work, 3) / _AT_ONCE
