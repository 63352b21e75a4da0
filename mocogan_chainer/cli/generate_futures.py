"""``generate_samples.py`` of a model that continues clips: their futures, or how they look moving as another clip."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mocogan_chainer.cli import generate_shared
from mocogan_chainer.cli.generate_contexts import Contexts, Reader
from mocogan_chainer.cli.generate_continuations import SHOWN, Futures, Job, Moved, Output
from mocogan_chainer.cli.generate_files import count
from mocogan_chainer.errors import ConfigError, DataError, OutputError, require_range
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.preprocessing import photos
from mocogan_chainer.sampling import Forecaster

OWN_OPTIONS = ("context", "given", "every_nth", "futures", "motion_from")
OPTIONS = (*OWN_OPTIONS, *generate_shared.OPTIONS)

RANGES = {"every_nth": (1, 10_000), "futures": (0, 100)}

FUTURES = 3


def add_options(group: Any) -> None:
    """Declare :data:`OWN_OPTIONS`; one that is not given is None, so that a model that does not take it can say so."""
    group.add_argument(
        "--context",
        metavar="CLIP_OR_IMAGES",
        help="what to continue: a photo, a video file, a folder of pictures (one clip) or of videos, or a prepared "
        "dataset",
    )
    group.add_argument("--given", type=int, metavar="K", help="frames that the model sees (default: as many as it can)")
    group.add_argument(
        "--every-nth",
        type=int,
        metavar="N",
        help="take every so many-th frame (default: of videos as trained, of a folder of pictures each)",
    )
    group.add_argument(
        "--futures",
        type=int,
        metavar="N",
        help=f"futures with noise, beside the mean one (default: {FUTURES}; the pictures show {SHOWN} at most)",
    )
    group.add_argument(
        "--motion-from",
        metavar="OTHER_CLIP",
        help="in place of futures: what --context shows, moving as this video file or folder of pictures does",
    )


@dataclass(frozen=True)
class Request:
    """What is asked for, as in :data:`OPTIONS`; None where it is left to the model or the clip."""

    out: str
    batchsize: int
    context: str | None
    given: int | None
    every_nth: int | None
    futures: int | None
    motion_from: str | None
    num: int | None
    length: int | None
    seed: int | None

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> Request:
        """Read the options.

        Raises:
            ConfigError: one of them is out of range.
        """
        generate_shared.check_ranges(arguments, RANGES)
        return cls(arguments.out, arguments.batchsize, **{name: getattr(arguments, name) for name in OPTIONS})

    def generate(
        self,
        forecaster: Forecaster,
        model: str,
        video_length: int,
        every_nth: int,
        formats: Sequence[str],
        fps: float,
    ) -> None:
        """Make and write the videos and pictures, one context after the other.

        Args:
            forecaster: the model's.
            model: its name.
            video_length: frames of the clips that it was trained on, those given and those to come.
            every_nth: steps in the real videos from one of these frames to the next.
            formats: of the videos.
            fps: of the videos and of the moving pictures.

        Raises:
            ConfigError: the options do not fit each other or the model.
            DataError: there is no clip, or none that can be read.
            OutputError: what is made cannot be written, or could replace a clip.
        """
        self._check(forecaster, model, video_length)
        most = self.given or forecaster.most_context
        reader = Reader(forecaster.size, self.every_nth or every_nth, self.every_nth or 1)
        found = _find(reader, self.context)
        taken = self._apart(self.context, found)
        job = self._job(forecaster, reader, video_length, taken)
        read = self._read(found, most + job.frames_after(most))
        first = next(read)
        output = Output(ensure_writable(self.out), formats, fps)

        num = min(self._num(found), len(found.clips))
        names = []
        chosen = itertools.islice(itertools.chain([first], read), num)
        for stem, frames in tqdm(chosen, total=num, unit="clip", disable=None):
            given = frames[:most]
            names.append(_name(stem, job.endings, taken))
            job.make(names[-1], given, frames[most : most + job.frames_after(len(given))], output)
        shown = " and ".join(f"{names[0] if len(names) == 1 else 'NAME'}{suffix}" for suffix in job.pictures)
        print(f"{count(len(names), 'clip')} {job.done}, in {self.out}; side by side: {shown}")

    def _check(self, forecaster: Forecaster, model: str, video_length: int) -> None:
        if not self.context:
            raise ConfigError(f"{model} continues clips; name one, or a folder of them: --context CLIP_OR_IMAGES")
        if self.num == 0:
            raise ConfigError("--num 0: there is nothing to make then; it must be at least 1")
        most = forecaster.most_context
        if self.given is not None:
            require_range("--given", self.given, 1, most)
        if self.motion_from is None:
            if self.length is None and video_length <= (self.given or most):
                given = f"--given {self.given}" if self.given else f"{model} is given {most} frames"
                raise ConfigError(
                    f"{given}: it was trained on clips of {video_length}, so that none is left to come; say how many "
                    "with --length T"
                )
            return
        if not self.motion_from:
            raise ConfigError("--motion-from is empty; name one clip: a video file or folder of pictures")
        if not forecaster.transfers_motion:
            raise ConfigError(
                f"--motion-from {self.motion_from}: this {model} did not learn to read the motion of clips; train one "
                "with --set model.motion_encoder=video, or leave it away"
            )
        for name in ("futures", "seed"):
            if getattr(self, name) is not None:
                raise ConfigError(
                    f"--{name} {getattr(self, name)}: with --motion-from the other clip says how things move, without "
                    "noise; use one or the other"
                )

    def _apart(self, place: str, found: Contexts) -> set[str]:
        """See to it that nothing named as input is written over; return the names that results must not have."""
        folder = (Path(place) if Path(place).is_dir() else Path(place).parent).resolve()
        out = Path(self.out).resolve()
        if out == folder:
            raise OutputError(f"{self.out}: {place} is there and could be replaced; name another folder")
        if found.searched and folder in out.parents:
            raise OutputError(
                f"{self.out}: it lies in {place}, and results would pass for clips the next time; name another folder"
            )
        return {folder.name.casefold()} if folder.parent == out else set()  # frames go into OUT/NAME_ENDING

    def _job(self, forecaster: Forecaster, reader: Reader, video_length: int, taken: set[str]) -> Job:
        if self.motion_from is None:
            number = FUTURES if self.futures is None else self.futures
            return Futures(forecaster, number, self.seed or 0, self.length, video_length, self.batchsize)
        found = _find(reader, self.motion_from)
        taken |= self._apart(self.motion_from, found)
        return Moved(forecaster, self.motion_from, self._motion(found))

    def _motion(self, found: Contexts) -> np.ndarray:
        """Read the clip that says how things move: uint8 (T, size, size, 3)."""
        name = self.motion_from
        if found.kind != "clip":
            shown = {"photo": "a photo", "folder": "a folder of videos", "dataset": "a prepared dataset"}[found.kind]
            raise ConfigError(f"--motion-from {name}: {shown}; it must be one clip: a video file or folder of pictures")
        most = generate_shared.RANGES["length"][1]
        frames = found.clips[0].first(self.length or most + 1)
        if len(frames) > most:
            raise ConfigError(f"--motion-from {name}: more than {most} frames; take the first T of them: --length T")
        fewest = self.length or 2
        if len(frames) < fewest:
            raise DataError(
                f"{name}: {count(len(frames), 'frame')} to take the motion from, and at least {fewest} are needed; "
                "use a longer clip, or a smaller --every-nth or --length"
            )
        return frames

    def _num(self, found: Contexts) -> int:
        return self.num or (generate_shared.CLIPS if found.kind == "dataset" else len(found.clips))

    def _read(self, found: Contexts, frames: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the stem of each clip's names and its first frames, and say which are left out."""
        used = 0
        for clip in found.clips:
            try:
                first = clip.first(frames)
                if len(first) < (self.given or 1):
                    raise DataError(
                        f"{clip.name}: {count(len(first), 'frame')}, and --given {self.given} asks for more; "
                        "make it less, or leave it away"
                    )
            except DataError as error:
                if found.alone:
                    raise
                tqdm.write(f"left out: {error}", file=sys.stderr)
            else:
                used += 1
                yield clip.stem, first
        if not used:
            looked = len(found.clips)
            raise DataError(f"{self.context}: nothing to continue: no clip in it can be used ({looked} looked at)")


def _find(reader: Reader, place: str) -> Contexts:
    found = reader.find(Path(place))
    for name, reason in found.left_out:
        tqdm.write(f"left out: {name}: {reason}", file=sys.stderr)
    return found


def _name(stem: str, endings: Sequence[str], taken: set[str]) -> str:
    """Return a name that is not taken, with any of the endings either, and take them."""
    while True:
        name = photos.unique_name(Path(f"{stem.replace('/', '_')}.clip"), taken)  # it loses a suffix, and no more
        made = {f"{name}_{ending}".casefold() for ending in endings}
        if taken.isdisjoint(made):
            taken |= made
            return name
