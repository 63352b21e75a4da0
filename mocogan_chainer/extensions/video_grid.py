"""The same videos again and again, to watch them improve."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from chainer import training

from mocogan_chainer import snapshot_files, video
from mocogan_chainer.shortage import memory_errors_as_shortage


class VideoGrid(training.Extension):
    """Writes a GIF grid of generated videos, ``samples_iter_N.gif``.

    Args:
        videos: makes them with the generator or its moving average, uint8 (N, T, H, W, 3), from the same codes or
            pictures each time.
        fps: frames per second of the GIF.
        also: takes (tag, grid uint8 (T, H, W, 3), iteration) too, for example TensorBoard.
        look: takes (videos, iteration) before the grid is made.
    """

    def __init__(
        self,
        videos: Callable[[], np.ndarray],
        fps: float,
        also: Callable[[str, np.ndarray, int], Any],
        look: Callable[[np.ndarray, int], Any] = lambda videos, iteration: None,
    ):
        self._videos, self._fps, self._also, self._look = videos, fps, also, look

    @memory_errors_as_shortage("preview", "the preview's videos")
    def __call__(self, trainer: training.Trainer) -> None:
        """Sample and write."""
        videos = self._videos()
        iteration = trainer.updater.iteration
        self._look(videos, iteration)
        grid = video.grid(videos, columns=math.ceil(math.sqrt(len(videos))))
        self._also("samples", grid, iteration)
        video.write_gif(snapshot_files.pictures(Path(trainer.out), iteration), grid, self._fps)
