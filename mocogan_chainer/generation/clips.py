"""Clips one after the other: their futures, or what they show moving as another clip."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError, require_whole
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.generation import futures
from mocogan_chainer.generation.found_clips import FoundClips, Reader
from mocogan_chainer.generation.futures import Futures
from mocogan_chainer.generation.model import Model
from mocogan_chainer.generation.motion import Moved, read_motion
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.progress import note, progress
from mocogan_chainer.generation.requests import FutureRequest
from mocogan_chainer.preprocessing import photos
from mocogan_chainer.wording import Say, counted

OF_A_DATASET = 4
"""Clips of a prepared dataset that are taken by default; of a folder, all are."""


class Job(Protocol):
    """What is made of each clip.

    Attributes:
        endings: of the names of its videos, ``NAME_ENDING``.
        pictures: the suffixes of the pictures that show them side by side.
        done: what was done to a clip, for the last line.
    """

    endings: Sequence[str]
    pictures: Sequence[str]
    done: str

    def frames_after(self, given: int) -> int:
        """Return how many frames after so many given ones are wanted, where there are any."""

    def make(self, name: str, given: np.ndarray, after: np.ndarray, output: Output) -> None:
        """Make and write all of one clip.

        Args:
            name: what results are called after.
            given: uint8 (K, size, size, 3).
            after: uint8 (A, size, size, 3), what really came, A from 0 to :meth:`frames_after`.
            output: where to write.
        """


def make(model: Model, request: FutureRequest, output: Output, say: Say) -> None:
    """Make and write the videos and pictures.

    Raises:
        ConfigError: the request does not fit the model, or contradicts itself.
        DataError: there is no clip, or none that can be read.
        OutputError: what is made cannot be written, or could replace a clip.
    """
    _check(model, request)
    forecaster = model.sampler
    most = request.given or forecaster.most_context
    reader = Reader(forecaster.size, request.every_nth or model.every_nth, request.every_nth or 1)
    found = _find(reader, request.context)
    taken = _apart(output, request.context, found)
    job = _job(model, request, reader, output, taken)
    read = _read(request, found, most + job.frames_after(most))
    first = next(read)
    ensure_writable(output.folder)

    num = min(request.num or (OF_A_DATASET if found.kind == "dataset" else len(found.clips)), len(found.clips))
    names = []
    for stem, frames in progress(itertools.islice(itertools.chain([first], read), num), num, "clip"):
        given = frames[:most]
        names.append(_name(stem, job.endings, taken))
        job.make(names[-1], given, frames[most : most + job.frames_after(len(given))], output)
    shown = " and ".join(f"{names[0] if len(names) == 1 else 'NAME'}{suffix}" for suffix in job.pictures)
    say(f"{counted(len(names), 'clip')} {job.done}, in {output.folder}; side by side: {shown}")


def _check(model: Model, request: FutureRequest) -> None:
    name, forecaster, motion_from = model.name, model.sampler, request.motion_from
    if not request.context:
        raise ConfigError(f"{name} continues clips; name one, or a folder of them: --context CLIP_OR_IMAGES")
    if request.num == 0:
        raise ConfigError("--num 0: there is nothing to make then; it must be at least 1")
    most = forecaster.most_context
    if request.given is not None:
        require_whole("--given", request.given, 1, most)
    if motion_from is None:
        if request.length is None and model.video_length <= (request.given or most):
            given = f"--given {request.given}" if request.given else f"{name} is given {most} frames"
            raise ConfigError(
                f"{given}: it was trained on clips of {model.video_length}, so no frame is left to predict; say how "
                "many with --length T"
            )
        return
    if not motion_from:
        raise ConfigError("--motion-from is empty; name one clip: a video file or folder of pictures")
    if not forecaster.transfers_motion:
        raise ConfigError(
            f"--motion-from {motion_from}: this {name} did not learn to read the motion of clips; train one "
            "with --set model.motion_encoder=video, or omit --motion-from"
        )
    for field in ("futures", "seed"):
        if getattr(request, field) is not None:
            raise ConfigError(
                f"--{field} {getattr(request, field)}: with --motion-from the other clip says how things move, without "
                "noise; use one or the other"
            )


def _job(model: Model, request: FutureRequest, reader: Reader, output: Output, taken: set[str]) -> Job:
    if request.motion_from is None:
        return Futures(
            model.sampler,
            number=futures.NUMBER if request.futures is None else request.futures,
            seed=request.seed or 0,
            length=request.length,
            video_length=model.video_length,
            batchsize=request.batchsize,
        )
    found = _find(reader, request.motion_from)
    taken |= _apart(output, request.motion_from, found)
    clip = read_motion(found, request.motion_from, request.length)
    return Moved(model.sampler, request.motion_from, clip)


def _find(reader: Reader, place: str | os.PathLike) -> FoundClips:
    found = reader.find(Path(place))
    for name, reason in found.left_out:
        note(f"left out: {name}: {reason}")
    return found


def _apart(output: Output, place: str | os.PathLike, found: FoundClips) -> set[str]:
    """See to it that no clip is written over; return the names that results must not have."""
    return output.apart_from(place, f"{place} is", searched=not found.alone)


def _read(request: FutureRequest, found: FoundClips, frames: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the stem of each clip's names and its first frames, and say which are left out."""
    used = 0
    for clip in found.clips:
        try:
            first = clip.first(frames)
            if len(first) < (request.given or 1):
                raise DataError(
                    f"{clip.name}: {counted(len(first), 'frame')}, and --given {request.given} asks for more; "
                    "lower it, or leave it out"
                )
        except DataError as error:
            if found.alone:
                raise
            note(f"left out: {error}")
        else:
            used += 1
            yield clip.stem, first
    if not used:
        looked = len(found.clips)
        raise DataError(f"{request.context}: nothing to continue: no clip in it can be used ({looked} looked at)")


def _name(stem: str, endings: Sequence[str], taken: set[str]) -> str:
    """Return a name that is not taken, with any of the endings either, and take them."""
    while True:
        name = photos.unique_name(Path(f"{stem.replace('/', '_')}.clip"), taken)  # it loses a suffix, and no more
        made = {f"{name}_{ending}".casefold() for ending in endings}
        if taken.isdisjoint(made):
            taken |= made
            return name
