"""The speed of oneDNN's direct convolution on this machine: with it, arithmetic becomes a floor in seconds.

    python -m benchmarks.floor

Takes the layers with the most arithmetic of one training step, times their forward pass in float32 through oneDNN's own
primitive, and prints the best one's speed as a JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.convolutions import Convolution, ConvolutionRecorder
from mocogan_chainer.backends import Geometry, onednn
from mocogan_chainer.backends.onednn import c_api, memory
from mocogan_chainer.backends.onednn.primitives import ConvolutionPrimitives
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import require_range

CANDIDATES = 3
MIN_RUNS = 5


def largest(runs: list[Convolution], count: int) -> list[Convolution]:
    """Return the ``count`` different convolutions (no deconvolutions) of the most arithmetic a pass."""
    different = {(r.x_shape, r.w_shape): r for r in runs if not r.transposed}
    return sorted(different.values(), key=lambda run: run.flop, reverse=True)[:count]


def forward_pass(run: Convolution) -> Callable[[], None]:
    """Return what runs the forward primitive of this convolution, in channels-last memory, on random numbers."""
    axes = len(run.w_shape) - 2
    stride, pad = ((n,) * axes if isinstance(n, int) else tuple(n) for n in (run.stride, run.pad))
    geometry = Geometry(stride, pad)
    rng = np.random.default_rng(0)
    x, y = memory.empty_channels_last(run.x_shape), memory.empty_channels_last(run.y_shape)
    x[...] = rng.standard_normal(run.x_shape, dtype=np.float32)
    convolution = ConvolutionPrimitives(c_api.load(), run.x_shape, run.w_shape, run.y_shape, geometry)
    weights = convolution.prepare_forward(rng.standard_normal(run.w_shape, dtype=np.float32))
    return lambda: convolution.forward(x, weights, y)


def fastest(work: Callable[[], None], seconds: float) -> float:
    """Return the shortest time of one call; ``work`` is called for about so many seconds, and a few times at least."""
    work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(batch: int, filters: int, seconds: float) -> dict[str, Any]:
    """Return what the JSON line says; without oneDNN a speed of None.

    Args:
        batch, filters: of the training step whose layers are taken.
        seconds: spent on each layer.
    """
    if not onednn.available():
        return {"gflop_per_s": None}
    resolved = ours.resolve(batch=batch, filters=filters)
    family, _ = ours.build(resolved)
    recorder = ConvolutionRecorder()
    with recorder:
        ours.training_step(resolved, family)()
    speeds = []
    for run in largest(recorder.runs, CANDIDATES):
        speeds.append((run.flop / ours.GIGA / fastest(forward_pass(run), seconds), run))
    speed, run = max(speeds, key=lambda pair: pair[0])
    return {"gflop_per_s": speed, "x_shape": run.x_shape, "w_shape": run.w_shape, "y_shape": run.y_shape}


def main() -> None:
    """Print the JSON line."""
    parser = entry.Parser("floor.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="videos of the step")
    parser.add_argument("--filters", type=int, default=64, help="width of all three networks")
    parser.add_argument("--seconds", type=float, default=1.0, help="spent on each layer")
    arguments = parser.parse_args()
    require_range("--seconds", arguments.seconds, 0, 60)
    print(json.dumps(measure(arguments.batch, arguments.filters, arguments.seconds)))


if __name__ == "__main__":
    sys.exit(entry.run(main))
