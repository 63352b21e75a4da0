"""What every feature network offers."""

from __future__ import annotations

from typing import Protocol

from chainer import Variable


class FeatureNetwork(Protocol):
    """A chainer.Chain over clips; made by its file's ``load(path)`` from a published weight file.

    Attributes:
        dimensions: D, numbers per feature.
        classes: K, its classes.
        size: height and width of the frames that it wants, in pixels.
        least_frames: the shortest clip that it can take.
    """

    dimensions: int
    classes: int
    size: int
    least_frames: int

    def features(self, x: Variable) -> Variable:
        """Return (N, D) of clips (N, 3, T, size, size), whose values are as the network was trained."""

    def logits(self, x: Variable) -> Variable:
        """Return (N, K), class scores before the softmax."""
