"""``preprocess.py NAME RAW OUT``: raw data to a prepared dataset; ``check OUT`` and ``info OUT`` examine one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mocogan_chainer import preprocessing
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets import PreparedDataset, layout, overview
from mocogan_chainer.errors import ConfigError, OutputError, nearest
from mocogan_chainer.preprocessing import Report, Source
from mocogan_chainer.wording import counted

PROGRAM = "preprocess.py"
SHOWN = 10
"""How many entries of a list are shown on the screen; the file lists all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: the arguments after the program's name; None for those of the process.
    """
    return entry.run(_preprocess, sys.argv[1:] if argv is None else argv)


def _preprocess(argv: Sequence[str]) -> None:
    if argv and not argv[0].startswith("-"):
        _require_name(argv[0])  # gives a better message than argparse
    known, unknown = _parser().parse_known_args(argv)
    arguments = vars(known)
    name = arguments.pop("name")
    if unknown:
        flags = [f"--{key.replace('_', '-')}" for key in arguments]
        raise ConfigError(
            f"{unknown[0]}: {name} takes no such argument{nearest(unknown[0].split('=')[0], flags)} "
            f"(see {PROGRAM} {name} --help)"
        )
    if name in LOOKS:
        LOOKS[name](**arguments)
        return
    raw, out = arguments.pop("raw"), arguments.pop("out")
    if surplus := arguments.pop("surplus", None):
        raise ConfigError(
            f"{out} {surplus}: {name} makes its own videos and takes only the folder to write: "
            f"{PROGRAM} {name} {surplus}"
        )
    report = preprocessing.prepare(name, raw, out, **arguments)
    if arguments["resume"]:
        print(f"{report.recovered} videos were done before" if report.recovered else "nothing to resume: started anew")
    _show(report)


def _require_name(name: str) -> None:
    known = [*preprocessing.sets(), *LOOKS]
    if name not in known:
        raise ConfigError(
            f"{name}: no such dataset or command; it must be one of {', '.join(known)}{nearest(name, known)}"
        )


def _check(out: str) -> None:
    dataset = PreparedDataset.open(out)
    dataset.verify()
    sums = dataset.checksums()
    print(f"{out}: intact: {len(dataset)} videos, {dataset.lengths.sum()} frames; {len(sums)} checksums agree")


def _info(out: str, sheet: str | None) -> None:
    dataset = PreparedDataset.open(out)
    print(overview.describe(dataset))
    path = Path(out, layout.CONTACT_SHEET) if sheet is None else Path(sheet)
    try:
        overview.write_contact_sheet(dataset, path)
    except OutputError as error:
        raise OutputError(f"{error} (--sheet FILE.png names another place)") from error
    print(f"contact sheet: {path}")


LOOKS = {"check": _check, "info": _info}
"""Commands that examine a prepared dataset."""


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog=PROGRAM, description="Turn raw data into a prepared dataset, or examine one.")
    commands = parser.add_subparsers(dest="name", metavar="NAME", required=True, parser_class=entry.Parser)
    for name, kind in preprocessing.sets().items():
        command = commands.add_parser(name, help=kind.HELP, description=kind.HELP)
        _add_places(command, kind)
        _add_common(command)
        _add_own(command, kind)
    _add_look(commands, "check", "compare a prepared dataset with its checksums")
    info = _add_look(commands, "info", "show what is in a prepared dataset, and draw its contact sheet")
    info.add_argument("--sheet", metavar="FILE.png", help=f"the contact sheet (default: OUT/{layout.CONTACT_SHEET})")
    return parser


def _add_look(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("out", metavar="OUT", help="the prepared dataset")
    return command


def _add_places(command: argparse.ArgumentParser, kind: type[Source]) -> None:
    if kind.NEEDS_RAW:
        command.add_argument("raw", metavar="RAW", help="the raw data")
    else:
        command.set_defaults(raw=None)
    command.add_argument("out", metavar="OUT", help="the folder to make")
    if not kind.NEEDS_RAW:
        command.add_argument("surplus", nargs="?", help=argparse.SUPPRESS)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--workers", type=int, metavar="N", help="worker processes, 0 for none (default: what suits the dataset)"
    )
    command.add_argument("--limit", type=int, metavar="N", help="at most N videos, drawn at random under the seed")
    command.add_argument("--min-frames", type=int, default=1, metavar="N", help="leave out shorter videos")
    command.add_argument("--resume", action="store_true", help="continue a preparation that was stopped")
    command.add_argument(
        "--force", action="store_true", help="replace a prepared dataset at OUT; discard a stopped one unless --resume"
    )


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
    print(f"{report.out}: {counted(report.videos, 'video')}, {report.frames} frames of {report.size} x {report.size}")
    width = max(map(len, report.classes), default=0)
    for label, (name, count) in enumerate(report.classes.items()):
        print(f"  class {label}  {name:{width}}  {counted(count, 'video')}")
    for split, counts in report.splits.items():
        subjects = f" of {counted(counts['subjects'], 'subject')}" if counts["subjects"] else ""
        print(f"  {split:5}  {counted(counts['videos'], 'video')}{subjects}")
    _list("left out", report.skipped, report.skipped_list)
    _list("remarks on", report.remarks, report.remarks_list)
    print(f"preview: {report.preview}")


def _list(what: str, entries: Sequence[tuple[str, str]], path: Path) -> None:
    if entries:
        print(f"{what} {len(entries)}, listed in {path}:")
    for source, text in entries[:SHOWN]:
        print(f"  {source}: {text}")
    if len(entries) > SHOWN:
        print(f"  ... and {len(entries) - SHOWN} more")
