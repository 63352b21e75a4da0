"""Losses and videos for TensorBoard."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from chainer import training
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from mocogan_chainer import video
from mocogan_chainer.extensions.event_files import EventFile, cut


class TensorBoard(training.Extension):
    """Writes the present iteration's reports as scalars, and videos that others hand to it.

    A resumed run goes on with the series of its snapshot: what was written after that is removed.

    Args:
        folder: where the event files go.
        fps: frames per second of videos.
    """

    def __init__(self, folder: str | os.PathLike, fps: float):
        self._folder, self._fps = Path(folder), fps
        self._file: EventFile | None = None
        self._start, self._had = 0, set()

    def initialize(self, trainer: training.Trainer) -> None:
        """Remove what an interrupted run wrote after its last snapshot, and open a file of our own."""
        self._start = trainer.updater.iteration
        if self._start:
            self._had = cut(self._folder, self._start)
        self._file = EventFile(self._folder, self._start + 1)

    def __call__(self, trainer: training.Trainer) -> None:
        """Write the scalars of this iteration."""
        values = [Summary.Value(tag=name, simple_value=float(value)) for name, value in trainer.observation.items()]
        self._file.add(Event(step=trainer.updater.iteration, summary=Summary(value=values)))
        self._file.flush()

    def add_scalar(self, tag: str, value: float, iteration: int) -> None:
        """Write one number; one that the run that is resumed wrote already is not written again."""
        if iteration == self._start and tag in self._had:
            return
        self._file.add(Event(step=iteration, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])))
        self._file.flush()

    def add_video(self, tag: str, frames: np.ndarray, iteration: int) -> None:
        """Write a video uint8 (T, H, W, 3), as a GIF: the one moving form that TensorBoard shows.

        One that the run that is resumed wrote already is not written again.
        """
        if iteration == self._start and tag in self._had:
            return
        _, height, width, _ = frames.shape
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=video.encode_gif(frames, self._fps)
        )
        self._file.add(Event(step=iteration, summary=Summary(value=[Summary.Value(tag=tag, image=image)])))
        self._file.sync()

    def sync(self) -> None:
        """Bring all that was written to the disk."""
        self._file.sync()

    def finalize(self) -> None:
        """Close the event file."""
        if self._file is not None:
            self._file.close()
