"""Our side: the features of a batch of clips, timed on the CPU.

    python -m benchmarks.features --network i3d --batch 4

The networks are those of evaluation, with random weights; clips are noise, 16 frames. Prints one JSON line: median, min
and max seconds for a batch, the process's peak memory and the arithmetic of the convolutions.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any

if __name__ == "__main__":  # the benchmark's environment has PyTorch, and nothing here should load it
    sys.modules["torch"] = None

import mocogan_chainer  # noqa: F401  # isort: skip  (first, because it makes chainer importable)

import chainer
import numpy as np

from benchmarks.convolutions import ConvolutionRecorder
from benchmarks.ours import FRAMES, GIGA, WARM_UPS, versions
from benchmarks.timing import timed
from mocogan_chainer import backends, seeding
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import require_range
from mocogan_chainer.features.i3d import I3D
from mocogan_chainer.features.resnext import RESNEXT_101, ResidualNetwork

NETWORKS = {"i3d": I3D, "resnext101": lambda: ResidualNetwork(400, RESNEXT_101)}


def build(name: str) -> chainer.Chain:
    """Return a network with random weights, which keep the size of what goes through them."""
    network, rng = NETWORKS[name](), seeding.stream(0, "benchmark")
    for parameter in network.params():
        if parameter.ndim > 1:
            scale = math.sqrt(2 / math.prod(parameter.shape[1:]))
            parameter.array[...] = scale * rng.standard_normal(parameter.shape, np.float32)
    return network


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = entry.Parser("features.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=list(NETWORKS), default="i3d", help="which one")
    parser.add_argument("--batch", type=int, default=4, help="clips at a time")
    parser.add_argument("--steps", type=int, default=5, help="how often to time")
    parser.add_argument("--backend", default="auto", help="what computes convolutions")
    parsed = parser.parse_args(arguments)
    require_range("--batch", parsed.batch, 1)
    require_range("--steps", parsed.steps, 1)
    return parsed


def measure(a: argparse.Namespace) -> dict[str, Any]:
    """Do the work and return what the JSON line says."""
    computing = backends.use(a.backend)
    network = build(a.network)
    rng = seeding.stream(0, "clips")
    x = rng.uniform(-1, 1, (a.batch, FRAMES, network.size, network.size, 3)).astype(np.float32)
    x = np.moveaxis(x, -1, 1)  # channels-last memory, as clips come
    recorder = ConvolutionRecorder()
    with chainer.no_backprop_mode(), chainer.using_config("train", False):
        with recorder:
            network.features(x)
        for _ in range(WARM_UPS - 1):
            network.features(x)
        times, y = timed(lambda: network.features(x), a.steps)
    return {
        **vars(a),
        "backend": computing,
        "versions": versions(),
        "shape": y.shape,
        **times,
        "conv_gflop": sum(run.flop for run in recorder.runs) / GIGA,
    }


def main() -> None:
    """Print the JSON line."""
    print(json.dumps(measure(parse(sys.argv[1:]))))


if __name__ == "__main__":
    sys.exit(entry.run(main))
