"""AffineGAN's U-Net generators."""

from __future__ import annotations

from itertools import pairwise

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions import SLOPE
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan import skips
from mocogan_chainer.models.affinegan.generator import Generator, Levels
from mocogan_chainer.models.affinegan.layers import BiasedConvolution, BiasedDeconvolution, Convolution, Deconvolution
from mocogan_chainer.models.sizes import doubling_widths

HALVINGS = {"unet_64": 6, "unet_128": 7, "unet_256": 8}
"""How often each published form halves a picture; one of 64, 128 or 256 pixels becomes one pixel."""

_DROPOUT = 0.5
_ALWAYS_PLAIN = 4
"""Outermost levels without dropout."""


class Encoder(chainer.Chain):
    """Convolutions that halve, with LeakyReLU before and instance normalization behind all but the first and the last.

    Args:
        widths: channels after each.
        rng: draws the initial weights.
    """

    def __init__(self, widths: list[int], rng: np.random.Generator):
        super().__init__()
        first, *between, last = pairwise([3, *widths])
        with self.init_scope():
            self.convolutions = chainer.ChainList(
                BiasedConvolution(*first, 4, 2, 1, 1.0, rng),
                *(Convolution(*channels, 4, 2, 1, rng) for channels in between),
                BiasedConvolution(*last, 4, 2, 1, 1.0, rng),
            )

    def forward(self, x: Variable | Array) -> Levels:
        """(N, 3, H, W) -> what comes out of each convolution, normalized but not rectified."""
        first, *between, last = self.convolutions
        levels = [first(x)]
        for convolution in between:
            h = convolution(functions.leaky_relu(levels[-1], SLOPE))
            levels.append(functions.instance_norm_activation(h))
        return *levels, last(functions.leaky_relu(levels[-1], SLOPE))


class UNetGenerator(Generator):
    """Two encoders and a decoder that is given what both had at every level.

    Args:
        size: height and width of pictures, a multiple of ``2 ** halvings``.
        halvings: how often a picture is halved, 5 at least.
        ngf: channels of the first level; the others have up to 8 times as many.
        dropout: whether training drops half of the numbers behind the innermost levels of the decoder.
        noise: draws the noise and the dropout of training.
        noise_sigma: standard deviation of the noise on every level.
        rng: draws the initial weights.

    Raises:
        ValueError: the size is not such a multiple.
    """

    def __init__(
        self,
        *,
        size: int,
        halvings: int,
        ngf: int,
        dropout: bool,
        noise: NoiseSource,
        noise_sigma: float,
        rng: np.random.Generator,
    ):
        super().__init__(size)
        if size < 1 or size % 2**halvings:
            raise ValueError(f"size={size}: a U-Net that halves {halvings} times takes multiples of {2**halvings}")
        self.dropout, self.noise, self.noise_sigma = dropout, noise, noise_sigma
        widths = doubling_widths(ngf, halvings)
        innermost, *outer = reversed(widths)
        with self.init_scope():
            self.base = Encoder(widths, rng)
            self.residual = Encoder(widths, rng)
            self.up = chainer.ChainList(
                Deconvolution(innermost, outer[0], 4, rng),
                *(Deconvolution(2 * i, o, 4, rng) for i, o in pairwise(outer)),
            )
            self.to_rgb = BiasedDeconvolution(2 * ngf, 3, 4, rng)

    def encode_base(self, x: Variable | Array) -> Levels:
        """See :class:`Generator`."""
        return self.base(x)

    def encode_residual(self, x: Variable | Array) -> Levels:
        """See :class:`Generator`."""
        return self.residual(x)

    def decode(self, levels: Levels) -> tuple[Variable, Variable]:
        """See :class:`Generator`."""
        h = self._rectified_bottleneck(levels)
        feature = _flat(h)
        for i, up in enumerate(self.up):
            h = functions.instance_norm_activation(up(h), slope=0.0)  # dropout and ReLU may change places
            if self.dropout and 0 < i <= len(self.up) - _ALWAYS_PLAIN:
                h = functions.dropout(h, _DROPOUT, self.noise.draw_key())
            h = skips.join(levels[-2 - i], h, self.noise.draw(self.noise_sigma))
        return functions.tanh(self.to_rgb(h)), feature

    def feature(self, levels: Levels) -> Variable:
        """See :class:`Generator`: the rectified bottleneck."""
        return _flat(self._rectified_bottleneck(levels))

    def _rectified_bottleneck(self, levels: Levels) -> Variable:
        return skips.rectify(levels[-1], self.noise.draw(self.noise_sigma))


def _flat(x: Variable) -> Variable:
    """(N, C, H, W) -> (N, C * H * W)."""
    return F.reshape(x, (len(x), -1))
