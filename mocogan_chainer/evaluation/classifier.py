"""A classifier of videos, trained on a real set to judge generated ones by (MoCoGAN's motion control score)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable
from chainer.serializers import DictionarySerializer

from mocogan_chainer.backends.base import Array
from mocogan_chainer.evaluation.clips import LeftOut, Preparation, batches_of, stack
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.links import BatchNormActivation, Convolution

BATCH = 16
BLOCKS = 4
SIZE_STEP = 2**BLOCKS
"""Frames' sizes are multiples of it, in pixels."""
WIDTH = 16
"""Channels of the first block; each one doubles them."""
TEMPORAL_KERNEL = 4
SLOPE = 0.2
"""LeakyReLU's slope below 0."""
PARTS = ("training", "choosing", "held out", "left out")
"""What the videos of the real set were for."""
NETWORK = f"{BLOCKS} blocks of 3-D convolution, from {WIDTH} channels, trained on the reference"


class ClipNetwork(chainer.Chain):
    """Blocks of 3-D convolution that halve the frames, batch normalization and LeakyReLU; then class scores, averaged.

    Args:
        classes: K.
        frames: T of a clip, at least 1.
        rng: draws the initial weights.
    """

    def __init__(self, classes: int, frames: int, rng: np.random.Generator):
        super().__init__()
        channels = [3, *(WIDTH * 2**i for i in range(BLOCKS))]
        with self.init_scope():
            self.convolutions = chainer.ChainList(
                *(
                    Convolution(channels[i], channels[i + 1], (taps, 4, 4), (1, 2, 2), (0, 1, 1), rng)
                    for i, taps in enumerate(_temporal_kernels(frames))
                )
            )
            self.normalizations = chainer.ChainList(*(BatchNormActivation(n, SLOPE) for n in channels[1:]))
            self.to_scores = Convolution(channels[-1], classes, (1, 1, 1), 1, 0, rng)

    def forward(self, x: Variable | Array) -> Variable:
        """Clips (N, 3, T, size, size) in [-1, 1] -> class scores (N, K); the size is a multiple of 16."""
        for convolve, normalize in zip(self.convolutions, self.normalizations, strict=True):
            x = normalize(convolve(x))  # (N, twice the channels, T - taps + 1, size / 2, size / 2)
        return F.mean(self.to_scores(x), axis=(2, 3, 4))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return copies of all weights and running statistics, by name."""
        serializer = DictionarySerializer()
        self.serialize(serializer)
        return {name: np.array(array) for name, array in serializer.target.items()}


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network and all that its judgements depend on.

    Attributes:
        network: on its device; see :meth:`to_device`.
        class_names: of its K classes.
        preparation: the clips that it was trained on.
        reference: the real set: its name and fingerprint.
        split: the part of it that was used.
        parts: how many of its videos were for each of :data:`PARTS`.
        held_out: whole numbers (K, K): of the held-out videos of a class, a row, how many were taken for each.
        seed: of its training.
        seconds: that training took; 0 where it was read from a file.
        warnings: for the reader, a line each.
    """

    network: ClipNetwork
    class_names: tuple[str, ...]
    preparation: Preparation
    reference: str
    split: str | None
    parts: Mapping[str, int]
    held_out: np.ndarray
    seed: int
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """The share of the held-out videos that it recognizes."""
        return float(np.trace(self.held_out) / self.held_out.sum())

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits, the same for networks that judge alike, whatever file they lie in."""
        facts = [self.class_names, self.preparation.frames, self.preparation.size]
        digest = hashlib.sha256(json.dumps(facts).encode())
        for name, array in sorted(self.network.arrays().items()):
            digest.update(f"\n{name} {array.shape}\n".encode() + array.astype("<f4", order="C").tobytes())
        return digest.hexdigest()

    def to_device(self, device: chainer.backend.Device) -> None:
        """Move the network there; it judges where it is."""
        self.network.to_device(device)

    def predict(
        self, videos: VideoSet, indices: Sequence[int], *, stride: int = 1, seed: int = 0
    ) -> Iterator[tuple[int, int] | LeftOut]:
        """Yield each video's number with the class that it is taken for, or why it was left out.

        Args:
            videos: any set.
            indices: which of them.
            stride: steps in a video from one frame of its clip to the next.
            seed: of where clips start in longer videos.
        """
        preparation = clip_preparation(self.preparation.frames, stride, self.preparation.size)
        for batch in batches_of(videos, indices, preparation, BATCH, seed=seed):
            if isinstance(batch, LeftOut):
                yield batch
                continue
            scores = class_scores(self.network, stack(batch))
            yield from zip((clip.index for clip in batch), scores.argmax(axis=1).tolist(), strict=True)


def clip_preparation(frames: int, stride: int, size: int) -> Preparation:
    """Return how clips are made for a classifier: from a random start, in [-1, 1]."""
    return Preparation(
        frames=frames,
        stride=stride,
        start="random",
        short_videos="leave out",
        size=size,
        resize="bilinear-pil",
        crop="none",
        channel_order="RGB",
        scale=1 / 127.5,
        means=(1.0, 1.0, 1.0),
    )


def class_scores(network: ClipNetwork, x: np.ndarray) -> np.ndarray:
    """Return the scores (N, K) of clips (N, 3, T, size, size), by running statistics."""
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        return chainer.get_device("@numpy").send(network(network.device.send(x)).array)


def chance(confusion: np.ndarray) -> float:
    """Return the share of videos that guessing gets right: 1 over the classes, rows of (K, K), that any video has."""
    return 1 / int(confusion.any(axis=1).sum())


def _temporal_kernels(frames: int) -> list[int]:
    """Return the blocks' taps in time: 4 each, fewer where no more frames are left."""
    kernels = []
    for _ in range(BLOCKS):
        kernels.append(min(TEMPORAL_KERNEL, frames))
        frames -= kernels[-1] - 1
    return kernels
