"""What a user asks of a model: one request for each kind of model.

Messages call each field what the command does: ``every_nth`` is ``--every-nth``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.errors import ConfigError, require_range, require_whole, require_whole_fields
from mocogan_chainer.preprocessing.photos import Framing

MOST_FRAMES = 10_000
BATCHSIZES = {"batchsize": (1, 10_000)}
SHARED = BATCHSIZES | {"num": (0, 10**7), "length": (1, MOST_FRAMES), "seed": (0, 2**63)}

MOST_ALPHAS = 1001
NEARLY = 0.01
"""Part of a step that makes no step of its own at the end: 0.333 goes three times into 1."""


@dataclass(frozen=True)
class RandomVideosRequest:
    """Videos of random codes.

    Attributes:
        num: how many; where the category is ``all``, of each.
        length: frames of each; None for as many as the model was trained on.
        seed: the same one gives the same videos.
        category: a category's name or number, ``all`` for all of them in turn, None to draw it.
        grid: how many contents and motions, 1 to 99 each: also a grid whose rows share content and columns motion.
        interpolate: also a row of so many steps from one content to another.
        lengths: also video 0 at each of these lengths; kept in ascending order, each once.
        batchsize: videos held in memory at once.

    Raises:
        ConfigError: a number is out of its range.
    """

    num: int = 16
    length: int | None = None
    seed: int = 0
    category: str | int | None = None
    grid: tuple[int, int] | None = None
    interpolate: int | None = None
    lengths: Sequence[int] = ()
    batchsize: int = 16

    def __post_init__(self) -> None:
        require_whole_fields(self, SHARED | {"interpolate": (2, 200)})
        if self.grid is not None:
            grid = _numbers("--grid", self.grid, "two numbers, for example (4, 6)", 2)
            object.__setattr__(self, "grid", tuple(require_whole("--grid", number, 1, 99) for number in grid))
        lengths = _numbers("--lengths", self.lengths, "numbers, for example [16, 20, 24]")
        lengths = {require_whole("--lengths", each, 1, MOST_FRAMES) for each in lengths}
        object.__setattr__(self, "lengths", tuple(sorted(lengths)))


@dataclass(frozen=True)
class AnimationRequest:
    """A video of each photo, and a page that shows them.

    Attributes:
        images: a photo, or a folder of them.
        alpha: how far to go, from and to, both -10 to 10: 0 is the photo, 1 the full expression.
        interval: step of alpha from frame to frame, 0.001 to 20.
        crop, margin, detector: how photos are cut, as in :class:`~mocogan_chainer.preprocessing.photos.Framing`.
        batchsize: videos held in memory at once.

    Raises:
        ConfigError: a number is out of its range, there would be too many frames, or the photos cannot be cut so.
    """

    images: str | os.PathLike | None = None
    alpha: tuple[float, float] = (0.0, 1.0)
    interval: float = 0.1
    crop: str = "center"
    margin: float | None = None
    detector: str | None = None
    batchsize: int = 16

    def __post_init__(self) -> None:
        require_whole_fields(self, BATCHSIZES)
        for alpha in _numbers("--alpha", self.alpha, "two numbers, for example (0, 1.3)", 2):
            require_range("--alpha", alpha)
        start, stop = self.alpha
        require_way(start, stop, f"{start:g}:{stop:g}")
        require_range("--interval", self.interval, 0.001, 20)
        if len(self.alphas) > MOST_ALPHAS:
            raise ConfigError(
                f"--interval {self.interval:g}: {len(self.alphas)} frames from alpha {start:g} to {stop:g}, and a "
                f"video has at most {MOST_ALPHAS}; use a larger interval"
            )
        _ = self.framing

    @property
    def alphas(self) -> np.ndarray:
        """Of each frame, float (T,): start, start + interval, ..., stop; the last step is shorter where need be."""
        start, stop = self.alpha
        if start == stop:
            return np.array([start], float)
        steps = max((stop - start) / self.interval, 1)
        whole = int(steps + NEARLY)
        alphas = (start + self.interval * np.arange(whole + 1)).round(9)
        if steps - whole > NEARLY:
            alphas = np.append(alphas, stop)
        alphas[-1] = stop
        return alphas

    @property
    def framing(self) -> Framing:
        """How photos are cut."""
        return Framing(self.crop, self.margin, self.detector)


@dataclass(frozen=True)
class FutureRequest:
    """Futures of clips, or, with ``motion_from``, what they show moving as another clip.

    Attributes:
        context: what is continued: a photo, a video file, a folder of pictures (one clip) or of videos, or a prepared
            dataset.
        given: frames that the model sees; None for as many as it can.
        every_nth: take every n-th frame; None for the model's pace in videos, and 1 in folders of pictures.
        futures: with noise, of each clip, besides the mean one; None for three.
        motion_from: a video file or a folder of pictures; None to make futures.
        num: clips at most; None for all of a folder, or four of a prepared dataset.
        length: frames to come; None for as many as the model was trained on. With ``motion_from``, frames of that clip,
            from its first; None for all.
        seed: the same one gives the same futures; None for 0.
        batchsize: futures held in memory at once.

    Raises:
        ConfigError: a number is out of its range.
    """

    context: str | os.PathLike | None = None
    given: int | None = None
    every_nth: int | None = None
    futures: int | None = None
    motion_from: str | os.PathLike | None = None
    num: int | None = None
    length: int | None = None
    seed: int | None = None
    batchsize: int = 16

    def __post_init__(self) -> None:
        require_whole_fields(self, SHARED | {"every_nth": (1, 10_000), "futures": (0, 100)})


def _numbers(name: str, given: Sequence[float], are: str, count: int | None = None) -> Sequence[float]:
    """Return ``given``, which is to be so many numbers, whose own types and ranges the caller checks."""
    if (
        not isinstance(given, Sequence | np.ndarray)
        or isinstance(given, str)
        or (count is not None and len(given) != count)
    ):
        raise ConfigError(f"{name}={given!r}: it must be {are}")
    return given


def require_way(start: float, stop: float, given: str) -> None:
    """Raise :class:`ConfigError`, which says what was ``given``, unless alpha can go from ``start`` to ``stop``."""
    if not -10 <= start <= stop <= 10:
        raise ConfigError(
            f"--alpha {given}: it must be START:STOP from -10 to 10, START first, for example --alpha 0:1.3"
        )
