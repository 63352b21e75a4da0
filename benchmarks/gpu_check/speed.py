"""How fast a MoCoGAN step is, beside PyTorch and beside what its convolutions alone take, all in one run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.gpu_check.model import make_updater, run  # first: it makes chainer importable
from benchmarks.gpu_check.place import Place
from benchmarks.gpu_check.results import Results
from benchmarks.timing import timed
from mocogan_chainer import backends
from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.base import Array
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater

PEER = Path(__file__).parent.parent / "torch_mocogan.py"
STEPS = 20
PRECISIONS = ("tf32", "float32", "bf16")
_WARM_UP = 5  # as it stands, measured, recorded, and twice from the recording
_LEAST = 20.0  # seconds that a precision takes at least
_AT_ONCE = 10  # passes of a convolution that are asked for together, so that the device never waits for us
_LONGEST_PEER = 150.0  # seconds, most of them torch.compile's

Pass = tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], Geometry]


def measure(place: Place, results: Results, *, batch: int = 32, filters: int = 64, peers: bool = True) -> None:
    """Time steps as they stand and recorded: in tf32 with its convolutions and beside the peer, then in the others."""
    for precision in PRECISIONS:
        if results.left() < _LEAST:
            return
        updater = _tried(results, f"step {precision}, batch {batch}", _ours, place, results, precision, batch, filters)
        if precision == "tf32" and updater is not None:
            _tried(results, f"convolutions alone tf32, batch {batch}", _alone, place, results, updater, batch)
            if peers:
                _tried(results, "PyTorch", _beside, place, results, updater, batch, filters)


def _tried(results: Results, name: str, run: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``run``; where it fails, note that and return None: one that fails is no reason not to time the others."""
    try:
        return run(*arguments)
    except Exception as failure:
        results.note(name, failed=f"{type(failure).__name__}: {failure}"[:300])
        return None


def _alone(place: Place, results: Results, updater: MoCoGANUpdater, batch: int) -> None:
    alone, step = convolutions_alone(place, updater), _milliseconds(place, updater)[0]
    results.note(f"convolutions alone tf32, batch {batch}", ms=alone, of_the_step=alone / step)


def _ours(place: Place, results: Results, precision: str, batch: int, filters: int) -> MoCoGANUpdater:
    backends._current = place.load(precision)
    updater = make_updater(place, batch=batch, filters=filters, ema=False)
    run(updater, _WARM_UP)
    standing = _milliseconds(place, updater)
    results.note(
        f"step {precision} as it stands, batch {batch}", ms=standing[0], from_ms=standing[1], to_ms=standing[2]
    )
    refusals: list[str] = []
    updater.record(place.recorder(), refusals.append)
    run(updater, _WARM_UP)
    median_ms, least, most = _milliseconds(place, updater)
    results.note(
        f"step {precision}, batch {batch}",
        recorded_ms=median_ms,
        from_ms=least,
        to_ms=most,
        **({"refused": refusals[0]} if refusals else {}),
    )
    return updater


def _milliseconds(place: Place, updater: MoCoGANUpdater) -> tuple[float, float, float]:
    """Median, shortest and longest step."""
    times, _ = timed(updater.update, STEPS, place.wait)
    return tuple(1e3 * times[key] for key in ("median_s", "min_s", "max_s"))


def _beside(place: Place, results: Results, updater: MoCoGANUpdater, batch: int, filters: int) -> None:
    """Time ours, a variant of the peer's, ours again, and so on; say the ratios and what the peer took."""
    for variant in ("official", "compiled"):
        if results.left() < 30:
            return
        before = _milliseconds(place, updater)[0]
        theirs = _peer(variant, batch, filters, min(_LONGEST_PEER, results.left() - 10))
        after = _milliseconds(place, updater)[0]
        name = f"PyTorch {variant} tf32, batch {batch}"
        if "failed" in theirs:
            results.note(name, **theirs)
            continue
        low, high = 1e3 * theirs["min_s"], 1e3 * theirs["max_s"]
        ours = median([before, after])
        results.note(
            name,
            ms=1e3 * theirs["median_s"],
            ours_ms=ours,
            ratio=ours / (1e3 * theirs["median_s"]),
            ratio_from=min(before, after) / high,
            ratio_to=max(before, after) / low,
            torch=theirs["torch"],
        )


def _peer(variant: str, batch: int, filters: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, str(PEER), "--variant", variant, "--tf32", "--infogan", "--device", "cuda"]
    command += ["--batch", str(batch), "--filters", str(filters), "--steps", str(STEPS)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {seconds:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def convolutions_alone(place: Place, updater: MoCoGANUpdater) -> float:
    """Return the milliseconds that a step's convolutions take one after the other, with nothing between them.

    Args:
        place: where.
        updater: one whose step is recorded; it takes one step as it stands here.
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

    compute, a = getattr(backends.current(), kind), channels_last(first)
    b = channels_last(second) if kind.endswith("weights") else place.send(rng.standard_normal(second, np.float32))
    arguments = (a, b, geometry) if kind.endswith("forward") else (a, b, size, geometry)

    def work() -> None:
        for _ in range(_AT_ONCE):
            compute(*arguments)

    work()
    found, _ = timed(work, 3, place.wait)
    return 1e3 * found["min_s"] / _AT_ONCE
