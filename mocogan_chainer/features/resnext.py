"""The 3-D ResNeXt-101 and ResNet-101 of Hara et al. 2018 ("Can spatiotemporal 3D CNNs retrace the history of 2D CNNs
and ImageNet?", table 1) with shortcuts of type B, and their published weights.

Clips are 0 to 255 less the channels' means, which are subtracted beforehand. The published network pools over
ceil(T / 16) x 4 x 4 positions, a length that it is built for; here all positions there are become one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.features.named_arrays import NamedArrays
from mocogan_chainer.links import FoldedConvolution
from mocogan_chainer.torch_files import read_checkpoint

_NORMALIZATION_EPS = 1e-5
_STEM = (3, 7, 7, 7)  # channels in and kernel of the first convolution


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which residual network it is.

    Attributes:
        name: what messages call it.
        blocks: blocks of each layer; all layers but the first halve time and space.
        planes: channels inside a block of each layer.
        expansion: channels of a block's result, in planes.
        cardinality: groups of a block's middle convolution.
        stem: channels of the first convolution.
    """

    name: str
    blocks: tuple[int, ...] = (3, 4, 23, 3)
    planes: tuple[int, ...]
    expansion: int
    cardinality: int
    stem: int = 64


RESNEXT_101 = Layout(name="3-D ResNeXt-101", planes=(128, 256, 512, 1024), expansion=2, cardinality=32)
RESNET_101 = Layout(name="3-D ResNet-101", planes=(64, 128, 256, 512), expansion=4, cardinality=1)


class Bottleneck(chainer.Chain):
    """(N, in_channels, T, H, W) -> (N, out_channels, T', H', W'), divided by the stride and rounded up."""

    def __init__(self, in_channels: int, planes: int, out_channels: int, stride: int, cardinality: int):
        super().__init__()
        with self.init_scope():
            self.conv1 = FoldedConvolution(in_channels, planes, (1, 1, 1))
            self.conv2 = FoldedConvolution(planes, planes, (3, 3, 3), stride, 1, cardinality)
            self.conv3 = FoldedConvolution(planes, out_channels, (1, 1, 1))
            if stride == 1 and in_channels == out_channels:
                self.shortcut = None
            else:
                self.shortcut = FoldedConvolution(in_channels, out_channels, (1, 1, 1), stride, rectify=False)

    def forward(self, x: Variable) -> Variable:
        residual = x if self.shortcut is None else self.shortcut(x)
        return self.conv3(self.conv2(self.conv1(x)), residual)


class ResidualNetwork(chainer.Chain):
    """A :class:`mocogan_chainer.features.network.FeatureNetwork`; its features are what the last layer averages to.

    Weights are zeros until :func:`from_state_dict` sets them.

    Args:
        classes: K.
        layout: its widths and depths.
    """

    size = 112
    least_frames = 1

    def __init__(self, classes: int, layout: Layout):
        super().__init__()
        self.classes = classes
        self.dimensions = layout.planes[-1] * layout.expansion
        with self.init_scope():
            self.conv1 = FoldedConvolution(_STEM[0], layout.stem, _STEM[1:], (1, 2, 2), 3)
            self.blocks = chainer.ChainList(*_blocks(layout))
            self.fc = L.Linear(self.dimensions, classes, initialW=0)

    def features(self, x: Variable) -> Variable:
        """Return (N, D) of clips (N, 3, T, 112, 112)."""
        h = self.conv1(x)  # (N, stem, T, 56, 56)
        h = functions.max_pooling(h, (3, 3, 3), (2, 2, 2), ((1, 1), (1, 1), (1, 1)))  # (N, stem, T / 2, 28, 28)
        for block in self.blocks:
            h = block(h)
        return F.mean(h, axis=(2, 3, 4))  # of (N, D, T / 16, 4, 4)

    def logits(self, x: Variable) -> Variable:
        """Return (N, K) of clips (N, 3, T, 112, 112)."""
        return self.fc(self.features(x))


def load(path: str | os.PathLike) -> ResidualNetwork:
    """Read a published 3-D ResNeXt-101, such as resnext-101-kinetics.pth; K is what the file has.

    Raises:
        SnapshotError: the file is missing, damaged, or holds another network.
    """
    return from_state_dict(read_checkpoint(path), RESNEXT_101, source=path)


def load_resnet(path: str | os.PathLike) -> ResidualNetwork:
    """Read a published 3-D ResNet-101, such as resnet-101-kinetics-ucf101_split1.pth; K is what the file has.

    Raises:
        SnapshotError: the file is missing, damaged, or holds another network.
    """
    return from_state_dict(read_checkpoint(path), RESNET_101, source=path)


def from_state_dict(
    state_dict: Mapping[str, np.ndarray], layout: Layout, source: str | os.PathLike = "the state dict"
) -> ResidualNetwork:
    """Make a network of the published network's arrays.

    Args:
        state_dict: arrays as PyTorch names them.
        layout: which network they belong to.
        source: where they come from, for messages.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or not finite.
    """
    arrays = NamedArrays(state_dict, source, layout.name)
    classes = arrays.rows("fc.weight")
    arrays.require("conv1.weight", (layout.stem, *_STEM))
    arrays.require("fc.weight", (classes, layout.planes[-1] * layout.expansion))  # before so much memory is taken
    network = ResidualNetwork(classes, layout)
    _fold(network.conv1, arrays, "conv1", "bn1")
    for name, block in zip(_block_names(layout), network.blocks, strict=True):
        for i, convolution in enumerate((block.conv1, block.conv2, block.conv3), 1):
            _fold(convolution, arrays, f"{name}.conv{i}", f"{name}.bn{i}")
        if block.shortcut is not None:
            _fold(block.shortcut, arrays, f"{name}.downsample.0", f"{name}.downsample.1")
    network.fc.W.array[...] = arrays.take("fc.weight", network.fc.W.shape)
    network.fc.b.array[...] = arrays.take("fc.bias", network.fc.b.shape)
    arrays.finish()
    return network


def _blocks(layout: Layout) -> list[Bottleneck]:
    blocks, channels = [], layout.stem
    for layer, (count, planes) in enumerate(zip(layout.blocks, layout.planes, strict=True)):
        for number in range(count):
            stride = 2 if layer > 0 and number == 0 else 1
            blocks.append(Bottleneck(channels, planes, planes * layout.expansion, stride, layout.cardinality))
            channels = planes * layout.expansion
    return blocks


def _block_names(layout: Layout) -> list[str]:
    return [f"layer{layer}.{number}" for layer, count in enumerate(layout.blocks, 1) for number in range(count)]


def _fold(convolution: FoldedConvolution, arrays: NamedArrays, name: str, norm: str) -> None:
    weight = arrays.take(f"{name}.weight", convolution.W.shape)
    parts = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, variance = (
        arrays.take(f"{norm}.{part}", convolution.b.shape).astype(np.float64) for part in parts
    )
    scale = gamma / np.sqrt(variance + _NORMALIZATION_EPS)
    convolution.fold(weight, 0.0, scale, beta - mean * scale)
