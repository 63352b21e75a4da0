"""``evaluate.py METRIC``: the field's metrics, with all that a number depends on."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from mocogan_chainer import evaluation_runs
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets import layout
from mocogan_chainer.errors import ConfigError, nearest
from mocogan_chainer.evaluation.metrics.average_content_distance import FEATURES, MEASURES
from mocogan_chainer.evaluation.recipes import RECIPES, of_metric

PROGRAM = "evaluate.py"

METRICS = {
    "fvd": "Fréchet distance of videos' I3D scores: how far the generated videos are from the real ones",
    "fid": "Fréchet distance of videos' ResNeXt-101 features, as G3AN or evan compute it",
    "is": "Inception Score of videos: how sure a classifier is of each, and how varied they are together",
    "prd": "precision and recall: how much of the generated set is like the real one, and how much of that it covers",
    "acd": "average content distance: how much the content changes within a video",
    "mcs": "how often a classifier, trained on the real set, finds the requested category",
    "psnr": "peak signal-to-noise ratio of predicted videos, frame by frame",
    "ssim": "structural similarity of predicted videos, frame by frame",
    "all": "every metric that the data allows",
}
TOOLS = {
    "precalc": "store the statistics of a set",
    "merge": "join the parts that precalc --part made",
    "compare": "show two results side by side",
    "fetch": "download a published weight file",
}
BY_FEATURES = ("fvd", "fid", "is", "prd")

_CONTEXT = {
    True: "frames that were seen: the others are scored, as are baselines (default: none; the photo of a snapshot that "
    "animates photos; of one that continues videos, as many as it can look at)",
    False: "frames that a snapshot which continues videos is shown (default: as many as it can look at)",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: the arguments after the program's name; None for those of the process.
    """
    return entry.run(_evaluate, sys.argv[1:] if argv is None else argv)


def _evaluate(argv: Sequence[str]) -> None:
    parser, commands = _parser()
    if argv and not argv[0].startswith("-"):
        evaluation_runs.require_metric(argv[0], TOOLS)
        _require_options(argv[0], argv[1:], commands[argv[0]])  # before what is missing: it may be misspelt
    arguments = parser.parse_args(argv)
    values = vars(arguments)
    command = values.pop("command")
    if command == "fetch":
        evaluation_runs.fetch(values["name"], _say)
    elif command == "compare":
        evaluation_runs.compare(values["first"], values["second"], _say)
    elif command == "merge":
        evaluation_runs.merge(values["parts"], values["out"], _say)
    elif command == "precalc":
        part = _part(values.pop("part"))
        evaluation_runs.precalc(evaluation_runs.Request(**values), part, _say)
    else:
        evaluation_runs.evaluate(command, evaluation_runs.Request(**values), _say)


def _require_options(name: str, argv: Sequence[str], command: entry.Parser) -> None:
    options = [option for action in command._actions for option in action.option_strings]
    for argument in argv:
        option = command.as_known(argument).split("=")[0]
        if option.startswith("--") and option not in (*options, "--"):
            hint = nearest(option, [known for known in options if known != "--help"])
            raise ConfigError(f"{option}: {name} takes no such option{hint} (see {PROGRAM} {name} -h)")


def _parser() -> tuple[entry.Parser, dict[str, entry.Parser]]:
    """Return the parser, and that of each command."""
    parser = entry.Parser(prog=PROGRAM, description="Measure generated videos.")
    commands = parser.add_subparsers(dest="command", metavar="METRIC", required=True, parser_class=entry.Parser)
    for name, text in METRICS.items():
        _add_metric(commands.add_parser(name, help=text, description=text), name)
    precalc = commands.add_parser("precalc", help=TOOLS["precalc"], description=TOOLS["precalc"])
    _add_real(precalc, required=False)
    _add_clips_of_real(precalc)
    _add_fake(precalc, required=False)
    _add_network(precalc, "precalc")
    _add_common(precalc)
    precalc.add_argument("--part", metavar="I/N", help="only the I-th of N shares of the work (join them with merge)")
    precalc.add_argument("--out", metavar="FILE.npz", required=True, help="the file to write")
    merge = commands.add_parser("merge", help=TOOLS["merge"], description=TOOLS["merge"])
    merge.add_argument("out", metavar="OUT.npz", help="the file to write")
    merge.add_argument("parts", metavar="PART.npz", nargs="+", help="all parts")
    compare = commands.add_parser("compare", help=TOOLS["compare"], description=TOOLS["compare"])
    compare.add_argument("first", metavar="A.json", help="a result")
    compare.add_argument("second", metavar="B.json", help="another one")
    fetch = commands.add_parser("fetch", help=TOOLS["fetch"], description=TOOLS["fetch"])
    fetch.add_argument("name", metavar="NAME", help="i3d; for the others it says where to get them")
    return parser, commands.choices


def _add_metric(command: argparse.ArgumentParser, metric: str) -> None:
    if metric == "is":
        _add_pace(command, "take every N-th frame of a prepared dataset that is evaluated (default: 1)")
    else:
        _add_real(command, required=metric not in ("acd", "all"))
        _add_clips_of_real(command)
    _add_fake(command, required=True)
    if metric in (*BY_FEATURES, "all"):
        _add_network(command, metric)
    _add_common(command)
    if metric in ("is", "all"):
        command.add_argument(
            "--splits", type=int, metavar="N", help="parts that are scored alone (default: by protocol)"
        )
    if metric in ("acd", "all"):
        command.add_argument(
            "--features",
            choices=list(FEATURES),
            help="what the content is (default: shape-colour for the shapes set, else face-identity)",
        )
    if metric == "acd":
        command.add_argument(
            "--measure",
            default="pairs",
            choices=list(MEASURES),
            help="which frames are compared (default: pairs)",
        )
    if metric in ("mcs", "all"):
        command.add_argument(
            "--classifier", metavar="FILE.npz", help="take this one; if it is not there, train it and keep it there"
        )
    if metric not in ("is", "mcs"):
        command.add_argument("--context", type=int, metavar="K", help=_CONTEXT[metric in ("psnr", "ssim", "all")])
    if metric in ("psnr", "ssim", "all"):
        command.add_argument(
            "--futures",
            type=int,
            metavar="K",
            help="of each video that a snapshot continues; the best of them is scored, too (default: 5)",
        )
    command.add_argument("--out", metavar="FOLDER", default="evaluation", help="for results (default: evaluation)")


def _add_real(command: argparse.ArgumentParser, required: bool) -> None:
    command.add_argument(
        "--real",
        metavar="DATASET_OR_VIDEOS",
        required=required,
        help="what it is compared with: a prepared dataset, a folder of videos, or statistics of precalc (.npz)",
    )


def _add_clips_of_real(command: argparse.ArgumentParser) -> None:
    command.add_argument("--split", choices=layout.PARTS, help="of the real set (default: all)")
    _add_pace(command, "take every N-th frame of the real videos, as in training (default: the snapshot's, else 1)")


def _add_pace(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--every-nth", type=int, metavar="N", help=text)


def _add_fake(command: argparse.ArgumentParser, required: bool) -> None:
    command.add_argument(
        "--fake",
        metavar="VIDEOS_OR_SNAPSHOT",
        required=required,
        help="what is evaluated: a folder of videos, a prepared dataset, a snapshot, which is sampled on the fly, or "
        "statistics of precalc (.npz)",
    )
    command.add_argument(
        "--length",
        type=int,
        metavar="T",
        help="frames of a snapshot's videos (default: as trained; where it animates photos: as the real videos)",
    )


def _add_network(command: argparse.ArgumentParser, metric: str) -> None:
    known = of_metric(metric) if metric in BY_FEATURES else [r for r in RECIPES.values() if r.output == "features"]
    names = [recipe.name for recipe in known]
    if metric != "all":
        command.add_argument("--protocol", metavar="NAME", help=f"one of {', '.join(names)} (default: {names[0]})")
        command.add_argument(
            "--weights", metavar="FILE", help="the network's weights (default: weights/ and their name)"
        )
    command.add_argument("--batchsize", type=int, default=8, metavar="N", help="videos that the network sees at once")


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--frames",
        type=int,
        metavar="T",
        help="frames of each video (default: by protocol; where a snapshot continues videos, as trained, in all)",
    )
    command.add_argument(
        "--samples", type=int, metavar="N", help="videos of each set, or of each part (default: by protocol)"
    )
    command.add_argument("--seed", type=int, default=0, help="seed of every random choice (default: 0)")
    command.add_argument("--gpu", "-g", type=int, default=-1, help="device number; -1 for the CPU (default)")


def _part(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if not match or int(match[1]) > int(match[2]):
        raise ConfigError(f"--part {text}: it must be I/N with I from 1 to N, for example --part 1/4")
    return int(match[1]), int(match[2])


def _say(line: str) -> None:
    print(line, flush=True)
