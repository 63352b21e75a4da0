"""Layers of all of AffineGAN's networks: weights from N(0, 0.02), biases from 0."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions, links
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links.initialization import DEVIATION, initial_weights


class Convolution(links.Convolution):
    """Convolution without bias, as before a normalization: (N, in_channels, H, W) -> (N, out_channels, H', W').

    Args:
        in_channels, out_channels: numbers of channels.
        ksize, stride, pad: of both axes.
        rng: draws the initial weights.
    """

    def __init__(
        self, in_channels: int, out_channels: int, ksize: int, stride: int, pad: int, rng: np.random.Generator
    ):
        super().__init__(in_channels, out_channels, (ksize, ksize), stride, pad, rng, deviation=DEVIATION)


class BiasedConvolution(Convolution):
    """Convolution, bias, LeakyReLU of ``slope`` (1: none at all)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: int,
        stride: int,
        pad: int,
        slope: float,
        rng: np.random.Generator,
    ):
        super().__init__(in_channels, out_channels, ksize, stride, pad, rng)
        self.slope = slope
        with self.init_scope():
            self.b = chainer.Parameter(np.zeros(out_channels, np.float32))

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.bias_leaky_relu(super().forward(x), self.b, self.slope)


class Deconvolution(links.Deconvolution):
    """Transposed convolution that doubles the size: (N, in_channels, H, W) -> (N, out_channels, 2 H, 2 W).

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: of both axes, 3 or 4.
        rng: draws the initial weights.
    """

    def __init__(self, in_channels: int, out_channels: int, ksize: int, rng: np.random.Generator):
        super().__init__(in_channels, out_channels, (ksize, ksize), 2, 1, rng, deviation=DEVIATION)
        self.output_pad = 4 - ksize


class BiasedDeconvolution(Deconvolution):
    """Transposed convolution that doubles the size, and a bias."""

    def __init__(self, in_channels: int, out_channels: int, ksize: int, rng: np.random.Generator):
        super().__init__(in_channels, out_channels, ksize, rng)
        with self.init_scope():
            self.b = chainer.Parameter(np.zeros(out_channels, np.float32))

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.bias_leaky_relu(super().forward(x), self.b, 1.0)


class Linear(chainer.Link):
    """(N, inputs) -> (N, outputs).

    Args:
        inputs, outputs: sizes.
        rng: draws the initial weights.
    """

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.W = chainer.Parameter(initial_weights(rng, (outputs, inputs), inputs, DEVIATION))
            self.b = chainer.Parameter(np.zeros(outputs, np.float32))

    def forward(self, x: Variable | Array) -> Variable:
        """Apply the layer."""
        return functions.linear(x, self.W, self.b)
