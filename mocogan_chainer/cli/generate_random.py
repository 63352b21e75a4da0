"""``generate_samples.py`` of a model whose videos are made of random codes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from mocogan_chainer import sampling, video
from mocogan_chainer.cli import generate_shared
from mocogan_chainer.cli.generate_files import count, listed, warn_of_earlier_runs, writer
from mocogan_chainer.errors import ConfigError, nearest, require_range
from mocogan_chainer.files import ensure_writable, part_of_name
from mocogan_chainer.sampling import Sampler

OWN_OPTIONS = ("category", "grid", "interpolate", "lengths")
OPTIONS = (*generate_shared.OPTIONS, *OWN_OPTIONS)

RANGES = {"interpolate": (2, 200)}


def add_options(group: Any) -> None:
    """Declare :data:`OWN_OPTIONS`; one that is not given is None, so that a model that does not take it can say so."""
    group.add_argument("--category", metavar="C|all", help="a category's name or number, or all of them in turn")
    group.add_argument("--grid", metavar="CONTENTxMOTION", help="also a grid: rows share content, columns motion")
    group.add_argument("--interpolate", type=int, metavar="STEPS", help="also a row from one content to another")
    group.add_argument(
        "--lengths", metavar="T,...", help="also video 0 at each of these lengths; 16,20,...,48 is understood"
    )


@dataclass(frozen=True)
class Request:
    """What is asked for; None as in :mod:`mocogan_chainer.cli.generate`'s options."""

    snapshot: str
    out: str
    batchsize: int
    num: int
    seed: int
    length: int | None
    category: str | None
    grid: tuple[int, int] | None
    interpolate: int | None
    lengths: list[int]

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> Request:
        """Read the options.

        Raises:
            ConfigError: one of them is not understood or out of range.
        """
        generate_shared.check_ranges(arguments, RANGES)
        return cls(
            snapshot=arguments.snapshot,
            out=arguments.out,
            batchsize=arguments.batchsize,
            num=generate_shared.VIDEOS if arguments.num is None else arguments.num,
            seed=arguments.seed or 0,
            length=arguments.length,
            category=arguments.category,
            grid=_grid(arguments.grid),
            interpolate=arguments.interpolate,
            lengths=_lengths(arguments.lengths),
        )

    def generate(self, sampler: Sampler, video_length: int, formats: Sequence[str], fps: float) -> None:
        """Make and write the videos.

        Raises:
            ConfigError: the model has no such category or length.
            OutputError: they cannot be written.
        """
        every = self.category == "all"
        if every and not sampler.class_names:
            raise ConfigError(f"--category all: {self.snapshot} has no categories; leave --category away")
        category = None if every else _category(self.category, sampler)
        if not (self.num or self.grid or self.interpolate or self.lengths):
            raise ConfigError("--num 0: there is nothing to make then; ask for --grid, --interpolate or --lengths too")
        length = self.length or video_length
        self._check_lengths(sampler, length)
        out = ensure_writable(self.out)
        write = writer(out, formats, fps)

        # First what may be too wide for a format.
        if self.grid is not None:
            rows, columns = self.grid
            frames = sampling.content_by_motion(sampler, rows, columns, length, self.seed, category)
            write(f"grid_{rows}x{columns}", video.grid(frames, columns=columns))
        if self.interpolate is not None:
            frames = sampling.content_path(sampler, self.interpolate, length, self.seed, category)
            write("interpolation", video.grid(frames, columns=len(frames)))
        names: list[str] = []
        total = self.num * (len(sampler.class_names) if every else 1)
        videos = sampling.random_videos(sampler, self.num, length, self.seed, self.batchsize, category, every)
        for index, made_category, frames in tqdm(videos, total=total, unit="video", disable=None):
            names.append(f"video{_label(made_category, sampler)}_{index:05d}")
            write(names[-1], frames)
        for each, frames in sampling.at_lengths(sampler, self.lengths, self.seed, category):
            write(f"length_{each:05d}", frames)
        warn_of_earlier_runs(out, names, formats)
        made = [count(total, "video")]
        made += ["1 grid"] if self.grid is not None else []
        made += ["1 interpolation"] if self.interpolate is not None else []
        more = f", and one video at {count(len(self.lengths), 'length')}," if self.lengths else ""
        print(f"{listed(made)} of {count(length, 'frame')}{more} in {out}")

    def _check_lengths(self, sampler: Sampler, length: int) -> None:
        """Let the model refuse a length that it has not, before any work."""
        sampler.draw(self.seed, [0], [0], length)
        for each in self.lengths:
            try:
                sampler.draw(self.seed, [0], [0], each)
            except ConfigError as error:
                raise ConfigError(f"--lengths {each}: {error}") from error


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
        require_range("--lengths", length, *generate_shared.RANGES["length"])
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


def _label(category: int | None, sampler: Sampler) -> str:
    """A category as part of a file name: its number, and its name where that says more."""
    if category is None:
        return ""
    name = part_of_name(sampler.class_names[category])
    return f"_{category}" if name == str(category) else f"_{category}_{name}"
