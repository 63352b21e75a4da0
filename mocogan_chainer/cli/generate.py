"""``generate_samples.py``: videos from a snapshot, of codes drawn at random or of photos, as its model makes them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mocogan_chainer import builder
from mocogan_chainer.cli import entry, generate_animations, generate_random
from mocogan_chainer.cli.generate_files import read_formats
from mocogan_chainer.errors import ConfigError, require_range
from mocogan_chainer.sampling import Animator

RANGES = {"fps": (0.1, 100), "batchsize": (1, 10_000)}


def main(argv: Sequence[str] | None = None) -> int:
    """Generate; return the exit code."""
    return entry.run(lambda: _generate(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog="generate_samples.py", description="Generate videos from a snapshot.")
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="result/NAME/snapshot_*.npz")
    parser.add_argument("out", metavar="OUT", help="folder for the videos")
    parser.add_argument("--fps", type=float, help="frames a second (default: the run's)")
    parser.add_argument("--format", default="mp4", metavar="F,...", help="of mp4, gif, frames (default: mp4)")
    parser.add_argument("--gpu", "-g", type=int, default=-1, help="device number; -1 for the CPU (default)")
    parser.add_argument(
        "--batchsize", type=int, default=16, metavar="N", help="videos held in memory at once (default: 16)"
    )
    generate_random.add_options(parser.add_argument_group("models that make videos of random codes"))
    generate_animations.add_options(parser.add_argument_group("models that animate photos"))
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    formats = read_formats(arguments.format)
    for name, (low, high) in RANGES.items():
        if getattr(arguments, name) is not None:
            require_range(f"--{name}", getattr(arguments, name), low, high)
    drawn = generate_random.Request.read(arguments)
    animated = generate_animations.Request.read(arguments)
    sampler, config = builder.load_sampler(arguments.snapshot, arguments.gpu)
    model, fps = config["model_name"], arguments.fps or config["fps"]
    if isinstance(sampler, Animator):
        _refuse(arguments, generate_random.OPTIONS, f"{model} animates photos; use", generate_animations.OPTIONS)
        animated.generate(sampler, model, formats, fps)
    else:
        reason = f"{model} makes videos of codes; leave it away, or use"
        _refuse(arguments, generate_animations.OPTIONS, reason, generate_random.OPTIONS)
        drawn.generate(sampler, config["video_length"], formats, fps)


def _refuse(arguments: argparse.Namespace, names: Sequence[str], reason: str, allowed: Sequence[str]) -> None:
    for name in names:
        value = getattr(arguments, name)
        if value is not None:
            raise ConfigError(f"--{name} {value}: {reason} {', '.join(f'--{other}' for other in allowed)}")
