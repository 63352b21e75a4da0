"""AffineGAN's discriminators: of a frame paired with the first one, and of a video's alphas."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions import SLOPE
from mocogan_chainer.models.affinegan.layers import BiasedConvolution, Convolution, Linear


class PatchDiscriminator(chainer.Chain):
    """Scores each patch of 70 x 70 pixels (Isola et al., CVPR 2017).

    Args:
        ndf: channels of the first layer; the others have up to 8 times as many.
        rng: draws the initial weights.
    """

    def __init__(self, *, ndf: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.first = BiasedConvolution(6, ndf, 4, 2, 1, SLOPE, rng)
            self.layers = chainer.ChainList(
                Convolution(ndf, 2 * ndf, 4, 2, 1, rng),
                Convolution(2 * ndf, 4 * ndf, 4, 2, 1, rng),
                Convolution(4 * ndf, 8 * ndf, 4, 1, 1, rng),
            )
            self.to_scores = BiasedConvolution(8 * ndf, 1, 4, 1, 1, 1.0, rng)

    def forward(self, x: Variable | Array) -> Variable:
        """[First frames, frames] (N, 6, S, S), S from 24 on -> scores (N, 1, S // 8 - 2, S // 8 - 2).

        Positive means real. (The published network ends in a sigmoid, which ours leaves to the loss.)
        """
        h = self.first(x)
        for layer in self.layers:
            h = functions.instance_norm_activation(layer(h), slope=SLOPE)
        return self.to_scores(h)


class AlphaDiscriminator(chainer.Chain):
    """Tells the alphas of a video's frames from uniform numbers.

    Args:
        n_alphas: how many there are, K.
        rng: draws the initial weights.
    """

    def __init__(self, *, n_alphas: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.layers = chainer.ChainList(
                *(Linear(n_alphas, outputs, rng) for outputs in (n_alphas, n_alphas, 1)),
            )

    def forward(self, alphas: Variable | Array) -> Variable:
        """(N, K) -> scores (N, 1); positive means real."""
        *hidden, to_scores = self.layers
        for layer in hidden:
            alphas = functions.leaky_relu(layer(alphas), SLOPE)
        return to_scores(alphas)
