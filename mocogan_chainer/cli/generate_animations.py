"""``generate_samples.py`` of a model that animates photos: a video of each, and a page that shows them."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mocogan_chainer import video
from mocogan_chainer.cli.generate_files import count, spread, write_png, writer
from mocogan_chainer.errors import ConfigError, DataError, OutputError, require_range
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.pages import Animation, write_animations
from mocogan_chainer.preprocessing import photos
from mocogan_chainer.preprocessing.filmed import CROPS, MARGIN
from mocogan_chainer.sampling import Animator

OPTIONS = ("images", "interval", "alpha", "crop", "margin", "detector")

PAGE = "index.html"
INTERVAL = 0.1
ALPHA = "0:1"
NEARLY = 0.01
"""Part of a step that makes no step of its own at the end: 0.333 goes three times into 1."""
MOST_FRAMES = 1001
IN_STRIP = 16
"""Frames that the page's strip shows at most; of more, these are spread evenly."""
LARGEST_IN_STRIP = 256
"""Height in pixels of the strip at most: a picture some ten thousand pixels wide is more than browsers draw."""


def add_options(group: Any) -> None:
    """Declare :data:`OPTIONS`; one that is not given is None, so that a model that does not take it can say so."""
    group.add_argument("--images", metavar="PHOTO_OR_FOLDER", help="what to animate: a photo, or all in a folder")
    group.add_argument(
        "--interval", type=float, metavar="A", help=f"step of alpha from frame to frame (default: {INTERVAL})"
    )
    group.add_argument(
        "--alpha",
        metavar="START:STOP",
        help=f"how far to go: 0 the photo, 1 the whole expression (default: {ALPHA}; below 0: --alpha=-0.5:1)",
    )
    group.add_argument("--crop", metavar="|".join(CROPS), help="what to keep of a photo (default: center)")
    group.add_argument(
        "--margin", type=float, metavar="M", help=f"around a face, in parts of its width (default: {MARGIN})"
    )
    group.add_argument(
        "--detector", metavar="FILE", help="YuNet's ONNX file, to find faces in place of OpenCV's cascade"
    )


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        snapshot, out, batchsize: as given.
        images: a photo or a folder of them; None where none was given.
        alphas: float (T,), of each frame.
        framing: how photos are cut.
    """

    snapshot: str
    out: str
    batchsize: int
    images: str | None
    alphas: np.ndarray
    framing: photos.Framing

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> Request:
        """Read the options.

        Raises:
            ConfigError: one of them is not understood or out of range.
        """
        interval = INTERVAL if arguments.interval is None else arguments.interval
        return cls(
            snapshot=arguments.snapshot,
            out=arguments.out,
            batchsize=arguments.batchsize,
            images=arguments.images,
            alphas=_alphas(ALPHA if arguments.alpha is None else arguments.alpha, interval),
            framing=photos.Framing(
                "center" if arguments.crop is None else arguments.crop, arguments.margin, arguments.detector
            ),
        )

    def generate(self, animator: Animator, model: str, formats: Sequence[str], fps: float) -> None:
        """Make and write the videos and the page, ``batchsize`` photos at a time.

        Raises:
            ConfigError: no photos were given.
            DataError: none of them can be read.
            OutputError: they cannot be written.
        """
        if not self.images:
            raise ConfigError(f"{model} animates photos; name one, or a folder of them: --images PHOTO_OR_FOLDER")
        place = Path(self.images)
        found = photos.find(place)
        folder = (place if place.is_dir() else place.parent).resolve()
        out = Path(self.out).resolve()
        if out == folder:
            raise OutputError(f"{self.out}: the photos are there and could be replaced; name another folder")
        read = self._read(found, place, animator.size)
        first = next(read)
        ensure_writable(out)
        write = writer(out, formats if "mp4" in formats else {*formats, "gif"}, fps)  # the page needs one of them
        taken = {folder.name.casefold()} if folder.parent == out else set()  # frames go into OUT/NAME
        shown = spread(len(self.alphas), IN_STRIP)

        animations = []
        progress = tqdm(itertools.chain([first], read), total=len(found), unit="photo", disable=None)
        for batch in _batches(progress, self.batchsize):
            videos = animator.animate(np.stack([pixels for _, pixels in batch]), self.alphas)
            for (path, pixels), frames in zip(batch, videos, strict=True):
                name = photos.unique_name(path, taken)
                write(name, frames)
                write_png(out / f"{name}_input.png", pixels)
                write_png(out / f"{name}_alphas.png", _strip(frames[shown]))
                animations.append(_animation(path.name, name, formats))
        title = f"{count(len(animations), 'photo')} animated by {model}"
        write_animations(out / PAGE, title, self._facts(fps), self.alphas[shown].tolist(), animations)
        made = f"{count(len(animations), 'video')} of {count(len(self.alphas), 'frame')}"
        print(f"{made} in {self.out}; the page: {Path(self.out, PAGE)}")

    def _read(self, found: Sequence[Path], place: Path, size: int) -> Iterator[tuple[Path, np.ndarray]]:
        """Yield each photo's path and pixels and say which are left out."""
        used = 0
        for path in found:
            try:
                pixels = self.framing.load(path, size)
            except DataError as error:
                if path == place:
                    raise
                tqdm.write(f"left out: {error}", file=sys.stderr)
            else:
                used += 1
                yield path, pixels
        if not used:
            raise DataError(f"{place}: nothing to animate: it holds no photo that can be used ({len(found)} looked at)")

    def _facts(self, fps: float) -> list[str]:
        first, last = self.alphas[[0, -1]]
        frames = count(len(self.alphas), "frame")
        return [
            f"Each video goes from alpha {first:g} to {last:g} in {frames} at {fps:g} a second. Alpha is how far: 0 is "
            "the photo as the model sees it, 1 the whole expression.",
            f"Made from {Path(self.snapshot).name}.",
        ]


def _alphas(text: str, interval: float) -> np.ndarray:
    """Return START, START + interval, ..., STOP; the last step is shorter where they do not divide evenly."""
    number = r"[-+]?(?:\d{1,3}(?:\.\d{0,9})?|\.\d{1,9})"
    match = re.fullmatch(rf"({number}):({number})", text)
    start, stop = map(float, match.groups()) if match else (0, -1)
    if not -10 <= start <= stop <= 10:
        raise ConfigError(
            f"--alpha {text}: it must be START:STOP from -10 to 10, START first, for example --alpha 0:1.3"
        )
    require_range("--interval", interval, 0.001, 20)
    if start == stop:
        return np.array([start])
    steps = max((stop - start) / interval, 1)
    whole = int(steps + NEARLY)
    alphas = (start + interval * np.arange(whole + 1)).round(9)
    if steps - whole > NEARLY:
        alphas = np.append(alphas, stop)
    alphas[-1] = stop
    if len(alphas) > MOST_FRAMES:
        raise ConfigError(
            f"--interval {interval:g}: {len(alphas)} frames from alpha {start:g} to {stop:g}, and a video has at most "
            f"{MOST_FRAMES}; use a larger interval"
        )
    return alphas


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
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
