"""What a clip shows, moving as another clip does."""

from __future__ import annotations

import os

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.generation.found_clips import FoundClips
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.requests import MOST_FRAMES
from mocogan_chainer.generation.sheets import Tile
from mocogan_chainer.sampling import Forecaster
from mocogan_chainer.wording import counted

KINDS = {"photo": "a photo", "folder": "a folder of videos", "dataset": "a prepared dataset"}
"""What has no one motion, in words."""


class Moved:
    """What each clip shows, moving as one other clip: a :class:`~mocogan_chainer.generation.clips.Job`.

    Args:
        forecaster: the model's; it transfers motion.
        name: of the other clip.
        clip: its frames, uint8 (T, size, size, 3).
    """

    endings = ("moved",)
    pictures = (".gif",)

    def __init__(self, forecaster: Forecaster, name: str | os.PathLike, clip: np.ndarray) -> None:
        self.done = f"moved as {name}"
        self._forecaster = forecaster
        self._clip = clip

    def frames_after(self, given: int) -> int:
        """None: what really came is not shown."""
        return 0

    def make(self, name: str, given: np.ndarray, after: np.ndarray, output: Output) -> None:
        """Make the video and ``NAME.gif``."""
        moved = self._forecaster.transfer(given, self._clip)
        output.video(f"{name}_moved", moved)
        length = len(moved)
        tiles = [
            Tile("content", given[-1:].repeat(length, axis=0), ["given"] * length),
            Tile("motion from", self._clip, ["given"] * length),
            Tile("moved", moved, ["predicted"] * length),
        ]
        output.moving(name, tiles, [(f"frame {i} of {length}", "") for i in range(1, length + 1)])


def read_motion(found: FoundClips, name: str | os.PathLike, length: int | None) -> np.ndarray:
    """Read the clip that says how things move.

    Args:
        found: what lies at the place that was named.
        name: of the place, for messages.
        length: frames to take; None for all.

    Returns:
        uint8 (T, size, size, 3), T at least 2 where no length was given.

    Raises:
        ConfigError: it is not a clip, or too long.
        DataError: it is too short, or cannot be read.
    """
    if found.kind != "clip":
        raise ConfigError(
            f"--motion-from {name}: {KINDS[found.kind]}; it must be one clip: a video file or folder of pictures"
        )
    frames = found.clips[0].first(length or MOST_FRAMES + 1)
    if len(frames) > MOST_FRAMES:
        raise ConfigError(f"--motion-from {name}: more than {MOST_FRAMES} frames; take the first T of them: --length T")
    fewest = length or 2
    if len(frames) < fewest:
        raise DataError(
            f"{name}: {counted(len(frames), 'frame')} to take the motion from, and at least {fewest} are needed; "
            "use a longer clip, or a smaller --every-nth or --length"
        )
    return frames
