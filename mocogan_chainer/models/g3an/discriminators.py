"""G3AN's discriminators: one sees videos, the other single frames (G3AN, section 3.3)."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions import SLOPE
from mocogan_chainer.links import SpectralConvolution, SpectralLink
from mocogan_chainer.models.g3an import sizes
from mocogan_chainer.models.sizes import doubling_widths


class ImageDiscriminator(chainer.Chain):
    """DCGAN's discriminator with spectral normalization.

    Args:
        size: height and width of the frames, 4 or 6 times a power of two.
        ch: channels of the first layer.
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, ch: int, rng: np.random.Generator):
        super().__init__()
        base, halvings = sizes.split_size(size)
        layers, channels = [], 3
        for width in doubling_widths(ch, halvings):
            layers.append(SpectralConvolution(channels, width, (4, 4), 2, 1, SLOPE, rng))
            channels = width
        with self.init_scope():
            self.layers = chainer.ChainList(*layers, SpectralConvolution(channels, 1, (base, base), 1, 0, 1.0, rng))

    def forward(self, x: Variable | Array) -> Variable:
        """Frames (N, 3, size, size) -> scores (N, 1, 1, 1); positive means real."""
        for layer in self.layers:
            x = layer(x)
        return x


class VideoDiscriminator(chainer.Chain):
    """Convolutions over space and over time in turn.

    Args:
        size: height and width of the frames, 4 or 6 times a power of two.
        ch: channels of the first layer.
        categories: number of categories; 0 for a discriminator that sees none.
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, ch: int, categories: int, rng: np.random.Generator):
        super().__init__()
        base, halvings = sizes.split_size(size)
        layers, channels = [], 3
        widths = zip(doubling_widths(ch, halvings), sizes.halvings_in_time(halvings), strict=True)
        for width, in_time in widths:
            layers.append(SpectralConvolution(channels, width, (1, 4, 4), (1, 2, 2), (0, 1, 1), SLOPE, rng))
            if in_time:
                layers.append(SpectralConvolution(width, width, (4, 1, 1), 1, 0, SLOPE, rng))
            channels = width
        with self.init_scope():
            self.layers = chainer.ChainList(
                *layers,
                SpectralConvolution(channels, channels, (1, base, base), 1, 0, SLOPE, rng),
                SpectralConvolution(channels, 1, (4, 1, 1), 1, 0, 1.0, rng),
            )
            if categories:
                self.embedding = SpectralLink((categories, channels), 0, rng)

    def forward(self, x: Variable | Array, category: Array | None = None) -> Variable:
        """Videos (N, 3, T, size, size) of a category (N,) -> scores (N, 1, T', 1, 1); positive means real.

        16 frames of 64 pixels give one score, each further frame one more. With categories, the features before the
        last layer, averaged over time, are projected on the category's embedding (Miyato and Koyama, ICLR 2018), and
        that is added to each score.
        """
        *layers, to_scores = self.layers
        for layer in layers:
            x = layer(x)
        scores = to_scores(x)
        if not hasattr(self, "embedding"):
            return scores
        features = F.mean(x, axis=(2, 3, 4))  # (N, channels)
        projection = F.sum(features * self.embedding.weights()[category], axis=1)
        return scores + F.broadcast_to(projection[:, None, None, None, None], scores.shape)
