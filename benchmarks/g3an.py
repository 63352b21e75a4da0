"""Our side: one G3AN training step, timed on the CPU.

    python -m benchmarks.g3an --batch 8

As ours.py does for MoCoGAN: the networks, optimizers and updater of train.py without the generator's moving average, on
one fixed batch of noise. Prints the same JSON line; its arithmetic is that of the convolutions, without attention's
products of queries, keys and values.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

if __name__ == "__main__":  # the benchmark's environment has PyTorch, and nothing here should load it
    sys.modules["torch"] = None

from benchmarks import ours
from mocogan_chainer import builder, config
from mocogan_chainer.cli import entry
from mocogan_chainer.config import Config
from mocogan_chainer.errors import require_range
from mocogan_chainer.models.g3an.generator import MODES


def resolve(a: argparse.Namespace) -> Config:
    """Return the config of the published model with these sizes.

    Raises:
        ConfigError: a value is out of range.
    """
    settings = {
        "batchsize": a.batch,
        "video_length": ours.FRAMES,
        "ema_decay": 0,
        "backend": a.backend,
        "model.mode": a.mode,
        "model.attention": a.attention,
        "model.ch_g": a.filters,
        "model.ch_d": a.filters,
    }
    resolved = config.resolve("g3an", settings=settings)
    builder.check(resolved)
    return resolved


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = entry.Parser("g3an.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="videos per step")
    parser.add_argument("--filters", type=int, default=64, help="width of all three networks")
    parser.add_argument("--steps", type=int, default=5, help="how often to time")
    parser.add_argument("--mode", choices=MODES, default="1p2d", help="of the video stream")
    parser.add_argument("--attention", action="store_true", help="with factorized self-attention")
    parser.add_argument("--backend", default="auto", help="what computes convolutions")
    parsed = parser.parse_args(arguments)
    require_range("--steps", parsed.steps, 1)
    return parsed


def measure(a: argparse.Namespace) -> dict[str, Any]:
    """Do the work and return what the JSON line says."""
    resolved = resolve(a)
    family, computing = ours.build(resolved)
    step = ours.training_step(resolved, family)
    return {
        **vars(a),
        "backend": computing,
        "versions": ours.versions(),
        **ours.recorded_and_timed(step, family.networks.values(), a.steps),
    }


def main() -> None:
    """Print the JSON line."""
    print(json.dumps(measure(parse(sys.argv[1:]))))


if __name__ == "__main__":
    sys.exit(entry.run(main))
