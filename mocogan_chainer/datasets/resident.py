"""A dataset's frames on the device, so that none has to be copied there in training."""

from __future__ import annotations

import chainer
import numpy as np

from mocogan_chainer import backends
from mocogan_chainer.backends.base import Array
from mocogan_chainer.datasets.prepared import PreparedDataset

_FRAMES_AT_A_TIME = 4096


def size(dataset: PreparedDataset) -> int:
    """Return the bytes that the dataset's frames take."""
    return sum(shard.nbytes for shard in dataset.shards())


class ResidentFrames:
    """All frames of all shards of a dataset, copied to a device.

    Args:
        dataset: the dataset, whatever its split.
        device: the device.
    """

    def __init__(self, dataset: PreparedDataset, device: chainer.backend.Device):
        shards = dataset.shards()
        count = sum(map(len, shards))
        self._frames = device.xp.empty((count, dataset.size, dataset.size, 3), np.uint8)
        done = 0
        for shard in shards:
            for first in range(0, len(shard), _FRAMES_AT_A_TIME):
                part = shard[first : first + _FRAMES_AT_A_TIME]
                self._frames[done : done + len(part)] = device.send(np.ascontiguousarray(part))
                done += len(part)
        dataset.release()

    def read(self, first: Array, step: Array, mirrored: Array, length: int | None) -> Array:
        """Read clips, or single frames if ``length`` is None.

        Args:
            first, step, mirrored: of each clip or frame, (N,) on the device; see
                :meth:`mocogan_chainer.datasets.iterators.ClipIterator.next_places`.
            length: T.

        Returns:
            float32 (N, 3, T, H, W) in [-1, 1], or (N, 3, H, W).
        """
        clips = backends.current().gather_clips(self._frames, first, step, mirrored, length or 1)
        return clips[:, :, 0] if length is None else clips
