"""``generate_samples.py``: videos from a snapshot, of random codes, of photos or of clips, as its model makes them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mocogan_chainer import builder
from mocogan_chainer.cli import entry, generate_animations, generate_futures, generate_random, generate_shared
from mocogan_chainer.cli.generate_files import read_formats
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.sampling import Animator, Forecaster

RANGES = {"fps": (0.1, 100), "batchsize": (1, 10_000)} | generate_shared.RANGES

OPTIONS = (*generate_random.OPTIONS, *generate_animations.OPTIONS, *generate_futures.OWN_OPTIONS)
"""Those that not every kind of model takes."""


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
    generate_shared.add_options(parser.add_argument_group("models that make videos of random codes or continue clips"))
    generate_random.add_options(parser.add_argument_group("models that make videos of random codes"))
    generate_animations.add_options(parser.add_argument_group("models that animate photos"))
    generate_futures.add_options(parser.add_argument_group("models that continue clips"))
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    formats = read_formats(arguments.format)
    generate_shared.check_ranges(arguments, RANGES)
    drawn = generate_random.Request.read(arguments)
    animated = generate_animations.Request.read(arguments)
    continued = generate_futures.Request.read(arguments)
    sampler, config = builder.load_sampler(arguments.snapshot, arguments.gpu)
    model, fps = config["model_name"], arguments.fps or config["fps"]
    if isinstance(sampler, Animator):
        _refuse_others(arguments, generate_animations.OPTIONS, f"{model} animates photos; use")
        animated.generate(sampler, model, formats, fps)
    elif isinstance(sampler, Forecaster):
        _refuse_others(arguments, generate_futures.OPTIONS, f"{model} continues clips; use")
        continued.generate(sampler, model, config["video_length"], config["every_nth"], formats, fps)
    else:
        reason = f"{model} makes videos of codes; leave it away, or use"
        _refuse_others(arguments, generate_random.OPTIONS, reason)
        drawn.generate(sampler, config["video_length"], formats, fps)


def _refuse_others(arguments: argparse.Namespace, taken: Sequence[str], reason: str) -> None:
    """Raise :class:`ConfigError` where an option is given that is not among those that are ``taken``."""
    for name in OPTIONS:
        value = getattr(arguments, name)
        if value is not None and name not in taken:
            allowed = ", ".join(map(generate_shared.flag, taken))
            raise ConfigError(f"{generate_shared.flag(name)} {value}: {reason} {allowed}")
