"""Layers whose weights are divided by their largest singular value (Miyato et al., ICLR 2018).

State and arithmetic are those of PyTorch's older ``torch.nn.utils.spectral_norm``: W is its ``weight_orig``, u and v
are its ``weight_u`` and ``weight_v``.
"""

from __future__ import annotations

import math

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.functions.convolution import Size
from mocogan_chainer.links.initialization import DEVIATION, fan_in_uniform, initial_weights


class SpectralLink(chainer.Link):
    """Weights W with estimates u, v of the singular vectors of their largest singular value.

    Args:
        shape: the weights'.
        axis: of the outputs, 0 or 1; u lies along it, v along the others.
        rng: draws the initial weights, N(0, 0.02), and directions.
    """

    def __init__(self, shape: tuple[int, ...], axis: int, rng: np.random.Generator):
        super().__init__()
        self.axis = axis
        with self.init_scope():
            self.W = chainer.Parameter(initial_weights(rng, shape, math.prod(shape), DEVIATION))
        for name, size in (("u", shape[axis]), ("v", math.prod(shape) // shape[axis])):
            vector = rng.standard_normal(size, np.float32)
            self.add_persistent(name, vector / np.linalg.norm(vector))

    def iterate(self) -> None:
        """Improve u and v by one power iteration."""
        functions.power_iteration(self.W.array, self.u, self.v, self.axis)

    def weights(self) -> Variable:
        """Return W / (u' W v), in training after one power iteration."""
        if chainer.config.train:
            self.iterate()
        return functions.spectral_norm(self.W, self.u, self.v, self.axis)


class SpectralConvolution(SpectralLink):
    """N-D convolution, bias, LeakyReLU: (N, in_channels, *size) -> (N, out_channels, *output size).

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: one number for all axes or one per axis.
        slope: LeakyReLU's slope below 0; 1 is no rectifier at all.
        rng: draws the initial weights; biases are uniform in +-1 / sqrt(fan in).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: tuple[int, ...],
        stride: Size,
        pad: Size,
        slope: float,
        rng: np.random.Generator,
    ):
        super().__init__((out_channels, in_channels, *ksize), 0, rng)
        self.stride, self.pad, self.slope = stride, pad, slope
        with self.init_scope():
            self.b = chainer.Parameter(fan_in_uniform(rng, (out_channels,), in_channels * math.prod(ksize)))

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        y = functions.convolution(x, self.weights(), self.stride, self.pad)
        return functions.bias_leaky_relu(y, self.b, self.slope)


class SpectralDeconvolution(SpectralLink):
    """N-D transposed convolution without bias: (N, in_channels, *size) -> (N, out_channels, *larger size).

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: those of the convolution that is transposed.
        rng: draws the initial weights.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: tuple[int, ...],
        stride: Size,
        pad: Size,
        rng: np.random.Generator,
    ):
        super().__init__((in_channels, out_channels, *ksize), 1, rng)
        self.stride, self.pad = stride, pad

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.deconvolution(x, self.weights(), self.stride, self.pad)
