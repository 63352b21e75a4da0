"""MoCoGAN at any size on frames in memory, built without reading settings: the libraries for that may be missing."""

from __future__ import annotations

from typing import Any

import mocogan_chainer  # noqa: F401  # isort: skip  (first, because it makes chainer importable)

import chainer
import numpy as np

from benchmarks.gpu_check.place import Place
from mocogan_chainer import models, seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.resident import ResidentFrames
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater
from mocogan_chainer.optimizer import Adam

CLASSES = tuple(f"class {number}" for number in range(6))

MODEL = {
    "variant": "infogan",
    "dim_zc": 50,
    "dim_zm": 10,
    "n_categories": None,
    "category_to": "image_generator",
    "labels": "supervised",
    "image_discriminator": "full",
    "video_discriminator": "full",
    "noise_sigma": 0.1,
}
"""The settings of configs/model/infogan.yml but for the widths."""


class FramesInMemory:
    """As much of a prepared dataset as iterators over clips and frames need.

    Args:
        size: height and width of frames.
        videos: how many.
        length: frames of each.
    """

    path = "noise"
    class_names = CLASSES

    def __init__(self, size: int, videos: int, length: int = 32):
        self.size = size
        rng = np.random.default_rng(0)
        self._frames = rng.integers(256, size=(videos * length, size, size, 3), dtype=np.uint8)
        self.lengths = np.full(videos, length)
        self.first_frames = np.arange(videos) * length
        self.labels = (np.arange(videos) % len(CLASSES)).astype(np.int32)

    def __len__(self) -> int:
        return len(self.lengths)

    def shards(self) -> list[np.ndarray]:
        """See :class:`~mocogan_chainer.datasets.prepared.PreparedDataset`."""
        return [self._frames]

    def frames(self, video: int, chosen: range, out: np.ndarray) -> None:
        """See :class:`~mocogan_chainer.datasets.prepared.PreparedDataset`."""
        first = int(self.first_frames[video])
        out[...] = self._frames[first + chosen.start : first + chosen.stop : chosen.step]

    def release(self) -> None:
        """There is nothing to let go of."""


def make_updater(
    place: Place,
    *,
    batch: int,
    filters: int,
    size: int = 64,
    length: int = 16,
    videos: int = 64,
    resident: bool = True,
    ema: bool = True,
) -> MoCoGANUpdater:
    """Build networks of these sizes on the device, with the published optimizers, and what trains them.

    Args:
        place: where.
        batch: videos per step, and images.
        filters: width of all three networks.
        size, length: of the videos that are generated.
        videos: how many there are to learn from.
        resident: keep the frames on the device.
        ema: keep a moving average of the generator, as train.py does.
    """
    widths = {f"n_filters_{network}": filters for network in ("gen", "idis", "vdis")}
    config: dict[str, Any] = {
        "family": "mocogan",
        "seed": 0,
        "video_length": length,
        "every_nth": 1,
        "flip": False,
        "balance_classes": False,
        "batchsize": batch,
        "image_batchsize": None,
        "model": MODEL | widths,
    }
    family = models.build(config, DataDescription("noise", size, 3, CLASSES))
    for network in family.networks.values():
        network.to_device(place.device)
    dataset = FramesInMemory(size, videos)
    updater = family.updater(
        iterators=family.iterators(dataset, lambda name: seeding.stream(0, name)),
        optimizers={n: Adam(2e-4, 0.5, 0.999, 1e-5).setup(net) for n, net in family.networks.items()},
        device=place.device,
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["generator"], 0.999) if ema else None,
    )
    updater.resident = ResidentFrames(dataset, place.device) if resident else None
    return updater


def run(updater: MoCoGANUpdater, steps: int) -> dict[str, float]:
    """Take steps and return what the last one reported."""
    reporter = chainer.Reporter()
    for name, optimizer in updater.get_all_optimizers().items():
        reporter.add_observer(name, optimizer.target)
    observation: dict[str, Any] = {}
    for _ in range(steps):
        with reporter.scope(observation):
            updater.update()
    return {name: float(value) for name, value in observation.items()}
