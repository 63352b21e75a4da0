"""The same videos again and again, to watch them become better."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from chainer import training

from mocogan_chainer import sampling, video
from mocogan_chainer.sampling import Sampler


class VideoGrid(training.Extension):
    """Writes a GIF grid of videos from fixed codes, ``samples_iter_N.gif``.

    Args:
        sampler: of the generator or its moving average.
        count: number of videos.
        length: frames of a video.
        seed: of the codes.
        fps: frames a second of the GIF.
        also: takes (tag, grid uint8 (T, H, W, 3), iteration) too, for example TensorBoard.
    """

    def __init__(
        self,
        sampler: Sampler,
        count: int,
        length: int,
        seed: int,
        fps: float,
        also: Callable[[str, np.ndarray, int], Any],
    ):
        self._sampler, self._count, self._length, self._seed = sampler, count, length, seed
        self._fps, self._also = fps, also

    def __call__(self, trainer: training.Trainer) -> None:
        """Sample and write."""
        videos = sampling.random_videos(self._sampler, self._count, self._length, self._seed, batchsize=8)
        grid = video.grid(np.stack([v for _, _, v in videos]), columns=math.ceil(math.sqrt(self._count)))
        iteration = trainer.updater.iteration
        video.write_gif(Path(trainer.out) / f"samples_iter_{iteration}.gif", grid, self._fps)
        self._also("samples", grid, iteration)
