"""``generate_samples.py``: flags, then a call into the toolkit."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from mocogan_chainer import generation
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.generation import AnimationRequest, FutureRequest, Model, Output, RandomVideosRequest
from mocogan_chainer.generation.clips import OF_A_DATASET
from mocogan_chainer.generation.futures import NUMBER, SHOWN
from mocogan_chainer.generation.requests import require_way
from mocogan_chainer.preprocessing.filmed import CROPS, MARGIN

_SHARED = ("num", "length", "seed")
_OPTIONS: dict[type, tuple[str, ...]] = {
    RandomVideosRequest: (*_SHARED, "category", "grid", "interpolate", "lengths"),
    AnimationRequest: ("images", "interval", "alpha", "crop", "margin", "detector"),
    FutureRequest: ("context", "given", "every_nth", "futures", "motion_from", *_SHARED),
}
"""Those that not every kind of model takes; one that is not given is None, so that another kind can refuse it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Generate; return the exit code."""
    return entry.run(lambda: _generate(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog="generate_samples.py", description="Generate videos from a snapshot.")
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="result/NAME/snapshot_*.npz")
    parser.add_argument("out", metavar="OUT", help="folder for the videos")
    parser.add_argument("--fps", type=float, help="frames per second (default: the run's)")
    parser.add_argument("--format", default="mp4", metavar="F,...", help="of mp4, gif, frames (default: mp4)")
    parser.add_argument("--gpu", "-g", type=int, default=-1, help="device number; -1 for the CPU (default)")
    parser.add_argument(
        "--batchsize", type=int, default=16, metavar="N", help="videos held in memory at once (default: 16)"
    )
    _add_shared(parser.add_argument_group("models that make videos of random codes or continue clips"))
    _add_random_videos(parser.add_argument_group("models that make videos of random codes"))
    _add_animation(parser.add_argument_group("models that animate photos"))
    _add_future(parser.add_argument_group("models that continue clips"))
    return parser


def _add_shared(group: Any) -> None:
    group.add_argument(
        "--num",
        type=int,
        metavar="N",
        help=f"videos of codes (default: {RandomVideosRequest.num}); with --category all, of each; or clips to "
        f"continue at most (default: {OF_A_DATASET} of a prepared dataset, all of a folder)",
    )
    group.add_argument(
        "--length",
        type=int,
        metavar="T",
        help="frames per video, or frames to come (default: as trained); with --motion-from, frames of that clip, from "
        "its first (default: all)",
    )
    group.add_argument("--seed", type=int, help="seed; the same one gives the same videos (default: 0)")


def _add_random_videos(group: Any) -> None:
    group.add_argument("--category", metavar="C|all", help="a category's name or number, or all of them in turn")
    group.add_argument("--grid", metavar="CONTENTxMOTION", help="also a grid: rows share content, columns motion")
    group.add_argument("--interpolate", type=int, metavar="STEPS", help="also a row from one content to another")
    group.add_argument(
        "--lengths", metavar="T,...", help="also video 0 at each of these lengths; 16,20,...,48 is understood"
    )


def _add_animation(group: Any) -> None:
    group.add_argument("--images", metavar="PHOTO_OR_FOLDER", help="what to animate: a photo, or all in a folder")
    group.add_argument(
        "--interval",
        type=float,
        metavar="A",
        help=f"step of alpha from frame to frame (default: {AnimationRequest.interval})",
    )
    group.add_argument(
        "--alpha",
        metavar="START:STOP",
        help="how far to go: 0 is the photo, 1 the full expression (default: 0:1; below 0: --alpha=-0.5:1)",
    )
    group.add_argument("--crop", metavar="|".join(CROPS), help="what to keep of a photo (default: center)")
    group.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help=f"margin around a face, as a fraction of its width (default: {MARGIN})",
    )
    group.add_argument(
        "--detector", metavar="FILE", help="YuNet's ONNX file, to find faces in place of OpenCV's cascade"
    )


def _add_future(group: Any) -> None:
    group.add_argument(
        "--context",
        metavar="CLIP_OR_IMAGES",
        help="what to continue: a photo, a video file, a folder of pictures (one clip) or of videos, or a prepared "
        "dataset",
    )
    group.add_argument(
        "--given", type=int, metavar="K", help="how many frames the model sees (default: as many as it can)"
    )
    group.add_argument(
        "--every-nth",
        type=int,
        metavar="N",
        help="take every n-th frame (default: as trained; of a folder of pictures, every one)",
    )
    group.add_argument(
        "--futures",
        type=int,
        metavar="N",
        help=f"futures with noise, besides the mean one (default: {NUMBER}; the pictures show {SHOWN} at most)",
    )
    group.add_argument(
        "--motion-from",
        metavar="OTHER_CLIP",
        help="in place of futures: what --context shows, moving as this video file or folder of pictures does",
    )


def _generate(arguments: argparse.Namespace) -> None:
    output = Output(arguments.out, arguments.format, arguments.fps)
    requests = {type(made): made for made in (_random_videos(arguments), _animation(arguments), _future(arguments))}
    model = generation.load(arguments.snapshot, arguments.gpu)
    _refuse_others(arguments, model)
    generation.generate(model, requests[model.kind.request], output, print)


def _random_videos(arguments: argparse.Namespace) -> RandomVideosRequest:
    named, read = _given(arguments, RandomVideosRequest), {"grid": _grid, "lengths": _lengths}
    texts = {name: named.pop(name) for name in read if name in named}
    request = RandomVideosRequest(**named)  # numbers are checked before texts are read
    return dataclasses.replace(request, **{name: read[name](text) for name, text in texts.items()})


def _animation(arguments: argparse.Namespace) -> AnimationRequest:
    named = _given(arguments, AnimationRequest)
    if "alpha" in named:
        named["alpha"] = _alpha(named["alpha"])
    return AnimationRequest(**named)


def _future(arguments: argparse.Namespace) -> FutureRequest:
    return FutureRequest(**_given(arguments, FutureRequest))


def _given(arguments: argparse.Namespace, request: type) -> dict[str, Any]:
    """Return the fields of a request that have a value; the others keep their default."""
    values = {name: getattr(arguments, name) for name in ("batchsize", *_OPTIONS[request])}
    return {name: value for name, value in values.items() if value is not None}


def _grid(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", text)
    if not match:
        raise ConfigError(f"--grid {text}: it must be CONTENTxMOTION, each from 1 to 99, for example --grid 4x6")
    return int(match[1]), int(match[2])


def _lengths(text: str) -> list[int]:
    """Read "16,20,24", where "16,20,...,48" stands for equal steps, as numbers."""
    if match := re.fullmatch(r"(\d{1,5}),(\d{1,5}),\.\.\.,(\d{1,5})", text):
        first, second, last = map(int, match.groups())
        if first < second <= last and (last - first) % (second - first) == 0:
            text = ",".join(map(str, range(first, last + 1, second - first)))
    if not re.fullmatch(r"\d{1,5}(,\d{1,5})*", text):
        raise ConfigError(f"--lengths {text}: it must be T,T,... or T,T,...,T in equal steps, for example 16,20,...,48")
    return [int(each) for each in text.split(",")]


def _alpha(text: str) -> tuple[float, float]:
    number = r"[-+]?(?:\d{1,3}(?:\.\d{0,9})?|\.\d{1,9})"
    match = re.fullmatch(rf"({number}):({number})", text)
    start, stop = map(float, match.groups()) if match else (0.0, -1.0)
    require_way(start, stop, text)
    return start, stop


def _refuse_others(arguments: argparse.Namespace, model: Model) -> None:
    """Raise :class:`ConfigError` where an option is given that is not among those that the model takes."""
    taken = _OPTIONS[model.kind.request]
    use = "leave it out, or use" if model.kind.request is RandomVideosRequest else "use"
    for name in dict.fromkeys(name for options in _OPTIONS.values() for name in options):
        value = getattr(arguments, name)
        if value is not None and name not in taken:
            raise ConfigError(
                f"{_flag(name)} {value}: {model.name} {model.kind.does}; {use} {', '.join(map(_flag, taken))}"
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
