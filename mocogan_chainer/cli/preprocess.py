"""``preprocess.py NAME RAW OUT``: raw data to a prepared dataset."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mocogan_chainer import preprocessing
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.preprocessing import Report, Source

PROGRAM = "preprocess.py"
SHOWN = 10
"""How many left-out sources the screen lists; skipped.csv lists all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: the arguments after the program's name; None for those of the process.
    """
    return entry.run(_preprocess, sys.argv[1:] if argv is None else argv)


def _preprocess(argv: Sequence[str]) -> None:
    if argv and not argv[0].startswith("-"):
        preprocessing.find(argv[0])  # for a better message than argparse's
    arguments = vars(_parser().parse_args(argv))
    name, raw, out = (arguments.pop(key) for key in ("name", "raw", "out"))
    if surplus := arguments.pop("surplus", None):
        raise ConfigError(
            f"{out} {surplus}: {name} makes its own videos and takes only the folder to write: "
            f"{PROGRAM} {name} {surplus}"
        )
    _show(preprocessing.prepare(name, raw, out, **arguments))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog=PROGRAM, description="Turn raw data into a prepared dataset.")
    commands = parser.add_subparsers(dest="name", metavar="NAME", required=True, parser_class=entry.Parser)
    for name, kind in preprocessing.sets().items():
        command = commands.add_parser(name, help=kind.HELP, description=kind.HELP)
        _add_places(command, kind)
        _add_common(command)
        _add_own(command, kind)
    return parser


def _add_places(command: argparse.ArgumentParser, kind: type[Source]) -> None:
    if kind.NEEDS_RAW:
        command.add_argument("raw", metavar="RAW", help="the raw data")
        command.add_argument("out", metavar="OUT", help="folder to make")
    else:
        command.set_defaults(raw=None)
        command.add_argument("out", metavar="OUT", help="folder to make")
        command.add_argument("surplus", nargs="?", help=argparse.SUPPRESS)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", type=int, metavar="N", help="processes, 0 for none (default: what suits the set)")
    command.add_argument("--limit", type=int, metavar="N", help="at most N videos, drawn at random under the seed")
    command.add_argument("--min-frames", type=int, default=1, metavar="N", help="leave out shorter videos")
    command.add_argument("--force", action="store_true", help="replace a prepared dataset that stands at OUT")


def _add_own(command: argparse.ArgumentParser, kind: type[Source]) -> None:
    for field in kind.options():
        rule = field.metadata
        default = "" if field.default is None else f" (default: {field.default})"
        command.add_argument(
            f"--{field.name.replace('_', '-')}",
            dest=field.name,
            type=rule["type"],
            default=field.default,
            metavar="|".join(map(str, rule["choices"])) or rule["type"].__name__.upper(),
            help=rule["help"] + default,
        )


def _show(report: Report) -> None:
    print(f"{report.out}: {report.videos} videos, {report.frames} frames of {report.size} x {report.size}")
    width = max(map(len, report.classes), default=0)
    for label, (name, count) in enumerate(report.classes.items()):
        print(f"  class {label}  {name:{width}}  {count} videos")
    if report.skipped:
        print(f"left out {len(report.skipped)}, listed in {report.skipped_list}:")
        for source, reason in report.skipped[:SHOWN]:
            print(f"  {source}: {reason}")
        if len(report.skipped) > SHOWN:
            print(f"  ... and {len(report.skipped) - SHOWN} more")
    print(f"preview: {report.preview}")
