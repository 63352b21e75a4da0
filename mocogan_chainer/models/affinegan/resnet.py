"""AffineGAN's residual generators, of CycleGAN's blocks."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan.generator import Generator, Levels
from mocogan_chainer.models.affinegan.layers import BiasedConvolution, Convolution, Deconvolution

BLOCKS = {"resnet_6blocks": 6, "resnet_9blocks": 9}
"""How many blocks each encoder of the published forms has."""

_DROPOUT = 0.5
_SMALLEST = 8


class ResidualBlock(chainer.Chain):
    """Two convolutions, whose result is added to what came in.

    Args:
        channels: of everything.
        dropout: whether training drops half of the numbers between the convolutions.
        noise: draws the dropout.
        rng: draws the initial weights.
    """

    def __init__(self, channels: int, dropout: bool, noise: NoiseSource, rng: np.random.Generator):
        super().__init__()
        self.dropout, self.noise = dropout, noise
        with self.init_scope():
            self.first = Convolution(channels, channels, 3, 1, 0, rng)
            self.second = Convolution(channels, channels, 3, 1, 0, rng)

    def forward(self, x: Variable) -> Variable:
        """(N, channels, H, W) -> the same shape."""
        h = functions.instance_norm_activation(self.first(functions.reflection_pad(x, 1)), slope=0.0)
        if self.dropout:
            h = functions.dropout(h, _DROPOUT, self.noise.draw_key())
        return x + functions.instance_norm_activation(self.second(functions.reflection_pad(h, 1)))


class Encoder(chainer.Chain):
    """A convolution, two that halve, and residual blocks.

    Args:
        ngf: channels of the first convolution.
        n_blocks: number of blocks, of 4 ngf channels.
        dropout, noise: of the blocks.
        rng: draws the initial weights.
    """

    def __init__(self, ngf: int, n_blocks: int, dropout: bool, noise: NoiseSource, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.first = Convolution(3, ngf, 7, 1, 0, rng)
            self.down = chainer.ChainList(
                Convolution(ngf, 2 * ngf, 3, 2, 1, rng), Convolution(2 * ngf, 4 * ngf, 3, 2, 1, rng)
            )
            self.blocks = chainer.ChainList(*(ResidualBlock(4 * ngf, dropout, noise, rng) for _ in range(n_blocks)))

    def forward(self, x: Variable | Array) -> Levels:
        """(N, 3, H, W) -> one level (N, 4 ngf, H / 4, W / 4)."""
        h = functions.instance_norm_activation(self.first(functions.reflection_pad(x, 3)), slope=0.0)
        for convolution in self.down:
            h = functions.instance_norm_activation(convolution(h), slope=0.0)
        for block in self.blocks:
            h = block(h)
        return (h,)


class ResNetGenerator(Generator):
    """Two encoders of residual blocks, and a decoder of their sum. There is no noise but dropout.

    Args:
        size: height and width of pictures, a multiple of 4, 8 at least.
        n_blocks: blocks of each encoder.
        ngf: channels before the first halving.
        dropout: whether training drops half of the numbers within each block.
        noise: draws the dropout.
        rng: draws the initial weights.

    Raises:
        ValueError: the size is not such a multiple.
    """

    def __init__(
        self, *, size: int, n_blocks: int, ngf: int, dropout: bool, noise: NoiseSource, rng: np.random.Generator
    ):
        super().__init__(size)
        if size < _SMALLEST or size % 4:
            raise ValueError(f"size={size}: a residual generator takes multiples of 4 from {_SMALLEST} on")
        with self.init_scope():
            self.base = Encoder(ngf, n_blocks, dropout, noise, rng)
            self.residual = Encoder(ngf, n_blocks, dropout, noise, rng)
            self.up = chainer.ChainList(Deconvolution(4 * ngf, 2 * ngf, 3, rng), Deconvolution(2 * ngf, ngf, 3, rng))
            self.to_rgb = BiasedConvolution(ngf, 3, 7, 1, 0, 1.0, rng)

    def encode_base(self, x: Variable | Array) -> Levels:
        """See :class:`Generator`; in training with the blocks' dropout, fresh at each call."""
        return self.base(x)

    def encode_residual(self, x: Variable | Array) -> Levels:
        """See :class:`Generator`; in training with the blocks' dropout, fresh at each call."""
        return self.residual(x)

    def decode(self, levels: Levels) -> tuple[Variable, Variable]:
        """See :class:`Generator`."""
        (h,) = levels
        for up in self.up:
            h = functions.instance_norm_activation(up(h), slope=0.0)
        return functions.tanh(self.to_rgb(functions.reflection_pad(h, 3))), self.feature(levels)

    def feature(self, levels: Levels) -> Variable:
        """See :class:`Generator`: what the blocks give."""
        return F.reshape(levels[0], (len(levels[0]), -1))
