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


class Convolution(FilterLink):
    """N-D convolution (N, in_channels, *size) -> (N, out_channels, *output size).

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: one number for all axes or one per axis.
        rng: draws the initial weights, uniform in +-1 / sqrt(fan in).
        deviation: standard deviation of normal initial weights instead.
    """

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
            shape = (out_channels, in_channels, *ksize)
            self.W = chainer.Parameter(initial_weights(rng, shape, math.prod(shape[1:]), deviation))

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.convolution(x, self.W, self.stride, self.pad)


class Deconvolution(FilterLink):
    """N-D transposed convolution (N, in_channels, *size) -> (N, out_channels, *larger size).

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: those of the convolution that is transposed.
        rng: draws the initial weights, uniform in +-1 / sqrt(out_channels * kernel taps), as PyTorch does.
        deviation: standard deviation of normal initial weights instead.
        output_pad: positions more at the end of each axis, fewer than the stride.
    """

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
        output_pad: Size = 0,
    ):
        super().__init__()
        self.stride, self.pad, self.output_pad = stride, pad, output_pad
        with self.init_scope():
            shape = (in_channels, out_channels, *ksize)
            self.W = chainer.Parameter(initial_weights(rng, shape, math.prod(shape[1:]), deviation))

    def forward(self, x: Variable) -> Variable:
        """Apply the layer."""
        return functions.deconvolution(x, self.W, self.stride, self.pad, output_pad=self.output_pad)
