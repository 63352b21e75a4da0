"""Clips of videos as a feature network wants them: which frames, scaled and cut how, in which numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.resizing import FILTERS, resize
from mocogan_chainer.evaluation.video_set import VideoSet

AHEAD = 8
"""Clips that are made ahead of time: a network's batch."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a clip is made of a video.

    Attributes:
        frames: of a clip.
        stride: steps in the video from one of them to the next.
        start: "first" frames of the video, "middle", or "random".
        short_videos: "loop" to begin anew at a video's end, or "leave out".
        size: height and width of the clip in pixels.
        resize: the filter, one of :data:`mocogan_chainer.evaluation.resizing.FILTERS`.
        crop: "none" brings the whole frame to the square; "centre" scales its short side and keeps the middle;
            "centre of 128" brings the whole frame to 128 x 128 and keeps the middle.
        channel_order: "RGB" or "BGR".
        scale: bytes are multiplied by it.
        means: what is then subtracted of each channel, in ``channel_order``.
        mean_clip: whether a clip (3, frames, size, size) is subtracted, which is given where clips are made.
    """

    frames: int
    stride: int = 1
    start: str
    short_videos: str
    size: int
    resize: str
    crop: str
    channel_order: str
    scale: float = 1.0
    means: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mean_clip: bool = False

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: a field has a value that it cannot have.
        """
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}={getattr(self, name)}: it must be one of {', '.join(allowed)}")
        for name in ("frames", "stride", "size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: it must be at least 1")
        if self.crop == "centre of 128" and self.size > 128:
            raise ValueError(f"size={self.size}: it must be at most 128 for crop={self.crop}")

    @property
    def pixel_values(self) -> str:
        """The numbers of a clip, in words."""
        high = 255 * self.scale
        if len(set(self.means)) == 1:
            low = 0.0 - self.means[0]
            text = f"{low:.10g} to {high + low:.10g}"
        else:
            text = f"0 to {high:.10g} less {', '.join(f'{mean:.10g}' for mean in self.means)}"
        return text + " less a mean clip" * self.mean_clip

    def fields(self) -> dict[str, int | str]:
        """Return the fields of a protocol that say how the clips are made."""
        names = ("size", "resize", "crop", "channel_order", "pixel_values", "frames", "stride", "start", "short_videos")
        return {name: getattr(self, name) for name in names}

    @property
    def span(self) -> int:
        """Frames of a video from a clip's first to its last."""
        return (self.frames - 1) * self.stride + 1

    def least(self, stride: int) -> int:
        """Return the frames that a video must have for a clip at a stride: 1 where short videos are looped."""
        return 1 if self.short_videos == "loop" else (self.frames - 1) * stride + 1

    def which(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """Return the places of a clip's frames in a video.

        Args:
            length: frames of the video, at least 1.
            rng: draws a random start; not used for others.

        Returns:
            int64 (frames,).

        Raises:
            DataError: the video is too short.
        """
        steps = np.arange(self.frames) * self.stride
        room = length - self.span
        if room < 0 and self.short_videos == "loop":
            return steps % length
        if room < 0:
            raise DataError(f"{length} frames, and a clip takes {self.span}")
        if self.start == "random":
            return steps + rng.integers(room + 1)
        middle = length // 2 - self.frames * self.stride // 2
        return steps + (min(max(middle, 0), room) if self.start == "middle" else 0)

    def clip(self, video: np.ndarray, rng: np.random.Generator, mean: np.ndarray | None = None) -> np.ndarray:
        """Make a clip of a video, uint8 (T, H, W, 3) in RGB; see :meth:`which` and :meth:`pixels`."""
        return self.pixels(video[self.which(len(video), rng)], mean)

    def pixels(self, frames: np.ndarray, mean: np.ndarray | None = None) -> np.ndarray:
        """Scale, cut and normalize the frames of a clip.

        Args:
            frames: uint8 (T, H, W, 3), RGB.
            mean: float32 (3, T, size, size) where :attr:`mean_clip` is true.

        Returns:
            float32 (3, T, size, size), in the memory order of (T, size, size, 3).
        """
        if (mean is None) == self.mean_clip:
            raise ValueError(f"mean_clip={self.mean_clip}, but a mean clip was {'not ' * (mean is None)}given")
        if self.channel_order == "BGR":
            frames = frames[..., ::-1]
        x = self._square(np.ascontiguousarray(frames)).astype(np.float32, order="C", copy=False)
        if self.scale != 1:
            x *= np.float32(self.scale)
        if any(self.means):
            rows = x.reshape(-1, self.size * 3)  # long rows: NumPy is slow where the last axis is short
            rows -= np.tile(np.float32(self.means), self.size)
        clip = np.moveaxis(x, -1, 0)
        if mean is not None:
            clip -= mean
        return clip

    def _square(self, frames: np.ndarray) -> np.ndarray:
        height, width = frames.shape[1:3]
        if self.crop == "centre":
            short = min(height, width)
            height, width = self.size * height // short, self.size * width // short
        else:
            height = width = self.size if self.crop == "none" else 128
        scaled = resize(frames, height, width, self.resize)
        top, left = height // 2 - self.size // 2, width // 2 - self.size // 2
        return scaled[:, top : top + self.size, left : left + self.size]


_ALLOWED = {
    "start": ("first", "middle", "random"),
    "short_videos": ("loop", "leave out"),
    "resize": tuple(FILTERS),
    "crop": ("none", "centre", "centre of 128"),
    "channel_order": ("RGB", "BGR"),
}


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip.

    Attributes:
        index: of its video in the set.
        pixels: float32 (3, T, size, size), in the memory order of (T, size, size, 3).
    """

    index: int
    pixels: np.ndarray


@dataclass(frozen=True)
class LeftOut:
    """A video that gives no clip.

    Attributes:
        index: of the video in the set.
        name: its own.
        reason: too short, or what is wrong with its file.
    """

    index: int
    name: str
    reason: str


def choose(videos: VideoSet, count: int | None, seed: int, least: int = 1) -> list[int]:
    """Return which videos to evaluate, in ascending order.

    Args:
        videos: any set.
        count: how many; None or more than there are for all.
        seed: of the draw; not used where any ``count`` videos are as good as others.
        least: frames that a video must have. Videos that are known to have fewer are not drawn; where all are taken,
            they are among them, and whoever reads them says so.
    """
    if count is None or count >= len(videos):
        return list(range(len(videos)))
    if videos.unordered:
        return list(range(count))
    lengths = ((index, videos.known_length(index)) for index in range(len(videos)))
    long = np.array([index for index, length in lengths if length is None or length >= least], np.int64)
    if count >= len(long):
        return list(range(len(videos)))
    drawn = seeding.stream(seed, "evaluated videos").choice(len(long), count, replace=False)
    return sorted(long[drawn].tolist())


def mix(videos: VideoSet, indices: Sequence[int], seed: int) -> list[int]:
    """Return the videos that were chosen, in an order that means nothing, so that consecutive parts of them are alike.

    Args:
        videos: any set.
        indices: of its videos, in the set's order, which may be that of their classes.
        seed: of the order; not used where the set's own means nothing.
    """
    if videos.unordered:
        return list(indices)
    return seeding.stream(seed, "order of videos").permutation(indices).tolist()


def clips_of(
    videos: VideoSet,
    indices: Sequence[int],
    preparation: Preparation,
    *,
    seed: int = 0,
    mean: np.ndarray | None = None,
    workers: int = 1,
    start_by_place: bool = False,
) -> Generator[Clip | LeftOut]:
    """Yield a clip of each video in the order of ``indices``, or why there is none; the next ones are made meanwhile.

    A random start depends on the seed and the video's number alone, or on the seed and the place in ``indices``.

    Args:
        videos: any set.
        indices: the videos' numbers.
        preparation: how clips are made.
        seed: of random starts.
        mean: float32 (3, frames, size, size) to subtract, where ``preparation.mean_clip`` is true.
        workers: threads; 0 for none. A set that wants to be read in the calling thread gets none either.
        start_by_place: whether a video that comes again has another random start.

    Raises:
        MocoganError: what no video is to blame for, such as a missing ffmpeg.
    """
    make = partial(_make, videos, preparation, seed, mean)
    numbered = [(index, place if start_by_place else index) for place, index in enumerate(indices)]
    if workers == 0 or not videos.any_thread:
        return (make(*item) for item in numbered)
    return _ahead(make, numbered, workers)


def batches_of(
    videos: VideoSet,
    indices: Sequence[int],
    preparation: Preparation,
    size: int,
    *,
    seed: int = 0,
    mean: np.ndarray | None = None,
    start_by_place: bool = False,
) -> Generator[list[Clip] | LeftOut]:
    """Yield clips in lists of ``size``, of which the last may be shorter, and each video that gives none.

    See :func:`clips_of` for the other arguments and the errors.
    """
    batch: list[Clip] = []
    for clip in clips_of(videos, indices, preparation, seed=seed, mean=mean, start_by_place=start_by_place):
        if isinstance(clip, LeftOut):
            yield clip
            continue
        batch.append(clip)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def stack(clips: Sequence[Clip]) -> np.ndarray:
    """Return the clips as float32 (N, 3, T, size, size), in channels-last memory."""
    return np.moveaxis(np.stack([np.moveaxis(clip.pixels, 0, -1) for clip in clips]), -1, 1)


def _make(
    videos: VideoSet, preparation: Preparation, seed: int, mean: np.ndarray | None, index: int, number: int
) -> Clip | LeftOut:
    rng = seeding.stream(seed, "clips", number)
    try:
        frames = videos.read(index, partial(preparation.which, rng=rng))
    except DataError as error:
        return LeftOut(index, videos.id(index), str(error))
    return Clip(index, preparation.pixels(frames, mean))


def _ahead(
    make: Callable[[int, int], Clip | LeftOut], numbered: Sequence[tuple[int, int]], workers: int
) -> Generator[Clip | LeftOut]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="clips")
    coming: deque[Future] = deque()
    try:
        for item in numbered:
            coming.append(pool.submit(make, *item))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:  # also after Ctrl-C, or when the caller stops early
        pool.shutdown(cancel_futures=True)
