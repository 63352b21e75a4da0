"""A convolution with the batch normalization behind it folded in: a layer of a network that is only evaluated."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.functions.convolution import Size
from mocogan_chainer.links.convolution import FilterLink


class FoldedConvolution(FilterLink):
    """N-D convolution, bias, residual, ReLU: (N, in_channels, *size) -> (N, out_channels, *output size).

    Weights are zeros until :meth:`fold` sets them.

    Args:
        in_channels, out_channels: numbers of channels.
        ksize: kernel size, one number per spatial axis.
        stride, pad: one number for all axes or one per axis.
        groups: channel groups that do not see each other.
        rectify: whether a ReLU ends the layer.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: tuple[int, ...],
        stride: Size = 1,
        pad: Size = 0,
        groups: int = 1,
        rectify: bool = True,
    ):
        super().__init__()
        self.stride, self.pad, self.groups, self.rectify = stride, pad, groups, rectify
        with self.init_scope():
            self.W = chainer.Parameter(np.zeros((out_channels, in_channels // groups, *ksize), np.float32))
            self.b = chainer.Parameter(np.zeros(out_channels, np.float32))

    def fold(
        self, weight: np.ndarray, bias: np.ndarray | float, scale: np.ndarray | float, shift: np.ndarray | float
    ) -> None:
        """Set the weights so that the layer computes (convolution + bias) * scale + shift.

        Of a batch normalization, scale is gamma / sqrt(variance + eps) and shift is beta - mean * scale.

        Args:
            weight: (out_channels, in_channels / groups, *ksize).
            bias, scale, shift: (out_channels,), or one number for all.

        Raises:
            ValueError: the weight has another shape.
        """
        if weight.shape != self.W.shape:
            raise ValueError(f"weight {weight.shape}: the layer needs {self.W.shape}")
        factor = np.broadcast_to(np.asarray(scale, np.float64), self.b.shape)
        self.W.array[...] = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        self.b.array[...] = bias * factor + shift

    def forward(self, x: Variable, residual: Variable | None = None) -> Variable:
        """Apply the layer; ``residual`` is added before the ReLU."""
        return functions.convolution_activation(
            x, self.W, self.b, self.stride, self.pad, self.groups, residual=residual, rectify=self.rectify
        )
