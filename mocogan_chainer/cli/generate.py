"""``generate_samples.py``: videos from a snapshot."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocogan_chainer import builder, sampling, video
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError, nearest, require_one_of, require_range
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.sampling import Sampler

FORMATS = ("mp4", "gif", "frames")

RANGES = {
    "num": (0, 10**7),
    "seed": (0, 2**63),
    "batchsize": (1, 10_000),
    "length": (1, 10_000),
    "interpolate": (2, 200),
    "fps": (0.1, 100),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Generate; return the exit code."""
    return entry.run(lambda: _generate(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog="generate_samples.py", description="Generate videos from a snapshot.")
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="result/NAME/snapshot_*.npz")
    parser.add_argument("out", metavar="OUT", help="folder for the videos")
    parser.add_argument("--num", type=int, default=16, metavar="N", help="videos (with --category all: of each)")
    parser.add_argument("--length", type=int, metavar="T", help="frames a video (default: as trained)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same videos")
    parser.add_argument("--category", metavar="C|all", help="a category's name or number, or all of them in turn")
    parser.add_argument("--fps", type=float, help="frames a second (default: the run's)")
    parser.add_argument("--format", default="mp4", metavar="F,...", help="of mp4, gif, frames (default: mp4)")
    parser.add_argument("--grid", metavar="CONTENTxMOTION", help="also a grid: rows share content, columns motion")
    parser.add_argument("--interpolate", type=int, metavar="STEPS", help="also a row from one content to another")
    parser.add_argument(
        "--lengths", metavar="T,...", help="also video 0 at each of these lengths; 16,20,...,48 is understood"
    )
    parser.add_argument("--gpu", "-g", type=int, default=-1, help="device number; -1 for the CPU (default)")
    parser.add_argument("--batchsize", type=int, default=16, help="videos held in memory at once")
    return parser


def _generate(arguments: argparse.Namespace) -> None:
    formats = _formats(arguments.format)
    grid = _grid(arguments.grid)
    lengths = _lengths(arguments.lengths)
    for name, (low, high) in RANGES.items():
        if getattr(arguments, name) is not None:
            require_range(f"--{name}", getattr(arguments, name), low, high)
    sampler, config = builder.load_sampler(arguments.snapshot, arguments.gpu)
    every = arguments.category == "all"
    if every and not sampler.class_names:
        raise ConfigError(f"--category all: {arguments.snapshot} has no categories; leave --category away")
    category = None if every else _category(arguments.category, sampler)
    length = arguments.length or config["video_length"]
    for each in (length, *lengths):
        sampler.draw(arguments.seed, [0], [0], each)  # refuses a length that the model has not, before any work
    out = ensure_writable(arguments.out)
    write = _writer(out, formats, arguments.fps or config["fps"])

    total = arguments.num * (len(sampler.class_names) if every else 1)
    videos = sampling.random_videos(
        sampler, arguments.num, length, arguments.seed, arguments.batchsize, category, every
    )
    for index, made_category, frames in tqdm(videos, total=total, unit="video", disable=None):
        write(f"video{_label(made_category, sampler)}_{index:05d}", frames)
    if grid is not None:
        rows, columns = grid
        frames = sampling.content_by_motion(sampler, rows, columns, length, arguments.seed, category)
        write(f"grid_{rows}x{columns}", video.grid(frames, columns=columns))
    if arguments.interpolate is not None:
        frames = sampling.content_path(sampler, arguments.interpolate, length, arguments.seed, category)
        write("interpolation", video.grid(frames, columns=len(frames)))
    for each, frames in sampling.at_lengths(sampler, lengths, arguments.seed, category):
        write(f"length_{each:05d}", frames)
    sheets = (grid is not None) + (arguments.interpolate is not None)
    more = f", and one video at {_count(len(lengths), 'length')}," if lengths else ""
    print(f"{_count(total, 'video')} and {_count(sheets, 'grid')} of {_count(length, 'frame')}{more} in {out}")


def _writer(out: Path, formats: Sequence[str], fps: float) -> Callable[[str, np.ndarray], None]:
    def write(name: str, frames: np.ndarray) -> None:
        if "mp4" in formats:
            video.write_mp4(out / f"{name}.mp4", frames, fps)
        if "gif" in formats:
            video.write_gif(out / f"{name}.gif", frames, fps)
        if "frames" in formats:
            video.write_frames(out / name, frames)

    return write


def _formats(text: str) -> list[str]:
    formats = text.split(",")
    for name in formats:
        require_one_of("--format", name, FORMATS)
    return formats


def _grid(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", text)
    if not match:
        raise ConfigError(f"--grid {text}: it must be CONTENTxMOTION, each from 1 to 99, for example --grid 4x6")
    return int(match[1]), int(match[2])


def _lengths(text: str | None) -> list[int]:
    """Read "16,20,24", where "16,20,...,48" stands for equal steps, as numbers."""
    if text is None:
        return []
    if match := re.fullmatch(r"(\d{1,5}),(\d{1,5}),\.\.\.,(\d{1,5})", text):
        first, second, last = map(int, match.groups())
        if first < second <= last and (last - first) % (second - first) == 0:
            text = ",".join(map(str, range(first, last + 1, second - first)))
    if not re.fullmatch(r"\d{1,5}(,\d{1,5})*", text):
        raise ConfigError(f"--lengths {text}: it must be T,T,... or T,T,...,T in equal steps, for example 16,20,...,48")
    lengths = sorted(set(map(int, text.split(","))))
    for length in lengths:
        require_range("--lengths", length, *RANGES["length"])
    return lengths


def _category(text: str | None, sampler: Sampler) -> int | None:
    """Turn a name or number into a category's number."""
    if text is None:
        return None
    names = sampler.class_names
    if not names:
        raise ConfigError(f"--category {text}: this model has no categories; leave --category away")
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names) and not any(name.isdecimal() for name in names):
        return int(text)
    allowed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    raise ConfigError(f"--category {text}: it must be all or one of {allowed}{nearest(text, names)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _label(category: int | None, sampler: Sampler) -> str:
    """A category as part of a file name: its number, and its name where that says more."""
    if category is None:
        return ""
    name = re.sub(r"[^\w-]+", "_", sampler.class_names[category])
    return f"_{category}" if name == str(category) else f"_{category}_{name}"
