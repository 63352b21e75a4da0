"""From clips to features: a network, fed in batches while the next clips are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import chainer
import chainer.functions as F
import numpy as np

from mocogan_chainer.evaluation.clips import Clip, LeftOut, batches_of, stack
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.features.network import FeatureNetwork


@dataclass(frozen=True, eq=False)
class Extractor:
    """A feature network, ready to look at videos.

    Attributes:
        recipe: how.
        network: on its device.
        weights_sha256: of the network's weight file.
        device: where the network computes.
        mean: a clip (3, T, size, size) to subtract, or None.
        mean_sha256: of the file that it is from, or None.
        batchsize: clips that the network sees at once; changes no more than the last digits.
        seed: of random starts.
    """

    recipe: Recipe
    network: FeatureNetwork
    weights_sha256: str
    device: chainer.backend.Device
    mean: np.ndarray | None = None
    mean_sha256: str | None = None
    batchsize: int = 8
    seed: int = 0

    @property
    def dimensions(self) -> int:
        """Numbers a video: D or, of probabilities, K."""
        return self.network.classes if self.recipe.output == "probabilities" else self.network.dimensions

    def outputs(self, videos: VideoSet, indices: Sequence[int], stride: int = 1) -> Iterator[np.ndarray | LeftOut]:
        """Yield float32 (n, D), or (n, K) probabilities, batch after batch, and each video that was left out.

        Args:
            videos: any set.
            indices: which of them, in this order.
            stride: steps in a video from one frame of its clip to the next.
        """
        preparation = replace(self.recipe.preparation, stride=stride)
        for batch in batches_of(videos, indices, preparation, self.batchsize, seed=self.seed, mean=self.mean):
            yield batch if isinstance(batch, LeftOut) else self._run(batch)

    def _run(self, clips: Sequence[Clip]) -> np.ndarray:
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            x = self.device.send(stack(clips))
            y = F.softmax(self.network.logits(x)) if self.recipe.output == "probabilities" else self.network.features(x)
        return chainer.get_device("@numpy").send(y.array)
