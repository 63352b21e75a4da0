"""A video of each photo, and a page that shows them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.generation.model import Model
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.progress import note, progress
from mocogan_chainer.generation.requests import AnimationRequest
from mocogan_chainer.pages import Animation, write_animations
from mocogan_chainer.preprocessing import photos
from mocogan_chainer.wording import Say, counted

PAGE = "index.html"
IN_STRIP = 16
"""Frames that the page's strip shows at most; of more, these are spread evenly."""
LARGEST_IN_STRIP = 256
"""Height in pixels of the strip at most: a picture some ten thousand pixels wide is more than browsers draw."""

Photo = tuple[Path, np.ndarray]
"""A photo's file, and its pixels as the model sees them, uint8 (size, size, 3)."""


def make(model: Model, request: AnimationRequest, output: Output, say: Say) -> None:
    """Make and write the videos and the page, ``batchsize`` photos at a time.

    Raises:
        ConfigError: no photos were given.
        DataError: none of them can be read.
        OutputError: they cannot be written, or could replace a photo.
    """
    if not request.images:
        raise ConfigError(f"{model.name} animates photos; name one, or a folder of them: --images PHOTO_OR_FOLDER")
    place, animator, alphas = Path(request.images), model.sampler, request.alphas
    found = photos.find(place)
    taken = output.apart_from(place, "the photos are")
    read = _read(request, found, animator.size)
    first = next(read)
    folder = ensure_writable(Path(output.folder).resolve())
    formats = output.formats if "mp4" in output.formats else (*output.formats, "gif")  # the page needs one of them
    written = replace(output, folder=folder, formats=formats)
    shown = video.spread(len(alphas), IN_STRIP)

    animations = []
    for batch in _batches(progress(itertools.chain([first], read), len(found), "photo"), request.batchsize):
        videos = animator.animate(np.stack([pixels for _, pixels in batch]), alphas)
        for (path, pixels), frames in zip(batch, videos, strict=True):
            name = photos.unique_name(path, taken)
            written.video(name, frames)
            written.still(f"{name}_input", pixels)
            written.still(f"{name}_alphas", _strip(frames[shown]))
            animations.append(_animation(path.name, name, output.formats))
    title = f"{counted(len(animations), 'photo')} animated by {model.name}"
    write_animations(folder / PAGE, title, _facts(model, alphas, output.fps), alphas[shown].tolist(), animations)
    made = f"{counted(len(animations), 'video')} of {counted(len(alphas), 'frame')}"
    say(f"{made} in {output.folder}; the page: {Path(output.folder, PAGE)}")


def _read(request: AnimationRequest, found: Sequence[Path], size: int) -> Iterator[Photo]:
    """Yield the photos and say which are left out."""
    place, framing = Path(request.images), request.framing
    used = 0
    for path in found:
        try:
            pixels = framing.load(path, size)
        except DataError as error:
            if path == place:
                raise
            note(f"left out: {error}")
        else:
            used += 1
            yield path, pixels
    if not used:
        raise DataError(f"{place}: nothing to animate: it holds no photo that can be used ({len(found)} looked at)")


def _facts(model: Model, alphas: np.ndarray, fps: float) -> list[str]:
    first, last = alphas[[0, -1]]
    frames = counted(len(alphas), "frame")
    return [
        f"Each video goes from alpha {first:g} to {last:g} in {frames} at {fps:g} a second. Alpha is how far: 0 is "
        "the photo as the model sees it, 1 the full expression.",
        f"Made from {Path(model.snapshot).name}.",
    ]


def _batches(items: Iterator[Photo], size: int) -> Iterator[list[Photo]]:
    while batch := list(itertools.islice(items, size)):
        yield batch


def _animation(title: str, name: str, formats: Sequence[str]) -> Animation:
    files = {"MP4": f"{name}.mp4", "GIF": f"{name}.gif", "frames": name}
    shown = files["MP4" if "mp4" in formats else "GIF"]
    files = {kind: file for kind, file in files.items() if kind.lower() in formats}
    return Animation(title, f"{name}_input.png", shown, f"{name}_alphas.png", files)


def _strip(frames: np.ndarray) -> np.ndarray:
    """Lay uint8 (T, H, W, 3) out from left to right: (H, T * W, 3), scaled down where that is large."""
    side = min(frames.shape[1], LARGEST_IN_STRIP)
    return np.concatenate(list(video.resize(frames, side)), axis=1)
