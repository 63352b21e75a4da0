"""Losses and videos for TensorBoard."""

from __future__ import annotations

import os

import numpy as np
from chainer import training
from tensorboardX import SummaryWriter
from tensorboardX.proto.summary_pb2 import Summary

from mocogan_chainer import video


class TensorBoard(training.Extension):
    """Writes the present iteration's reports as scalars, and videos that others hand to it.

    Args:
        folder: where the event files go.
        fps: frames a second of videos.
    """

    def __init__(self, folder: str | os.PathLike, fps: float):
        self._folder, self._fps = str(folder), fps
        self._writer: SummaryWriter | None = None

    def initialize(self, trainer: training.Trainer) -> None:
        """Open the event file; what an interrupted run wrote after its last snapshot is hidden."""
        self._writer = SummaryWriter(self._folder, purge_step=trainer.updater.iteration + 1)

    def __call__(self, trainer: training.Trainer) -> None:
        """Write the scalars of this iteration."""
        for name, value in trainer.observation.items():
            self._writer.add_scalar(name, float(value), trainer.updater.iteration)

    def add_scalar(self, tag: str, value: float, iteration: int) -> None:
        """Write one number."""
        self._writer.add_scalar(tag, float(value), iteration)

    def add_video(self, tag: str, frames: np.ndarray, iteration: int) -> None:
        """Write a video uint8 (T, H, W, 3), as a GIF: the one moving form that TensorBoard shows."""
        _, height, width, _ = frames.shape
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=video.encode_gif(frames, self._fps)
        )
        self._writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), iteration)

    def finalize(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
