"""Convolution and deconvolution layers without bias."""

from __future__ import annotations

import math
from typing import Any

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import backends, functions
from mocogan_chainer.functions.convolution import Size
from mocogan_chainer.links.initialization import initial_weights


class FilterLink(chainer.Link):
    """A layer with filters ``W``, which lie on its device as the backend's convolutions want them."""

    W: chainer.Parameter

    def device_resident_accept(self, visitor: Any) -> None:
        """Go where a visitor brings all of a network: Chainer's way to move it."""
        super().device_resident_accept(visitor)
        self.W.array = backends.current().filters(self.W.array)


class _ConvolutionLink(FilterLink):
    """What a convolution and a transposed one share.

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: one number for all axes or one per axis; of a transposed one, those of the convolution.
        rng: draws the initial weights, uniform in +-1 / sqrt(channels * kernel taps), as PyTorch does: the channels are
            those that come in, and of a transposed one those that go out.
        deviation: standard deviation of normal initial weights instead.
    """

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: tuple[int, ...],
        stride: Size,
        pad: Size,
        rng: np.random.Generator,
        *,
        deviation: float | None = None,
    ):
        super().__init__()
        self.stride, self.pad = stride, pad
        with self.init_scope():
            channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
            shape = (*channels, *ksize)
            self.W = chainer.Parameter(initial_weights(rng, shape, math.prod(shape[1:]), deviation))


class Convolution(_ConvolutionLink):
    """N-D convolution (N, in_channels, *size) -> (N, out_channels, *output size); see :class:`_ConvolutionLink`."""

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.convolution(x, self.W, self.stride, self.pad)


class Deconvolution(_ConvolutionLink):
    """N-D transposed convolution (N, in_channels, *size) -> (N, out_channels, *larger size).

    See :class:`_ConvolutionLink`.

    Attributes:
        output_pad: positions more at the end of each axis, fewer than the stride.
    """

    transposed = True
    output_pad: Size = 0

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.deconvolution(x, self.W, self.stride, self.pad, output_pad=self.output_pad)
