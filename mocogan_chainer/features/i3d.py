"""I3D for RGB videos (Carreira and Zisserman 2017), trained on Kinetics-400: the network of FVD.

Inception-v1 with its filters inflated in time, padded as TensorFlow's "SAME" has it. The weights are those of the
TF-hub module that FVD was defined with (Unterthiner et al. 2018), as a pickle of arrays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features.pickled_arrays import read_arrays
from mocogan_chainer.functions.pooling import Pads
from mocogan_chainer.links import FoldedConvolution

EPSILON = 1e-3
"""Added to the variance by the published normalizations."""
_POINT, _CUBE = (1, 1, 1), (3, 3, 3)
_FIRST_SIZE, _FIRST_STRIDE = (7, 7, 7), (2, 2, 2)
_MIXED = {
    "3b": (192, (64, 96, 128, 16, 32, 32)),
    "3c": (256, (128, 128, 192, 32, 96, 64)),
    "4b": (480, (192, 96, 208, 16, 48, 64)),
    "4c": (512, (160, 112, 224, 24, 64, 64)),
    "4d": (512, (128, 128, 256, 24, 64, 64)),
    "4e": (512, (112, 144, 288, 32, 64, 64)),
    "4f": (528, (256, 160, 320, 32, 128, 128)),
    "5b": (832, (256, 160, 320, 32, 128, 128)),
    "5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Channels of each Inception block: the input's; then its branches', in the order of :class:`Mixed`."""
_BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": "branch0",
    "Branch_1/Conv3d_0a_1x1": "branch1_reduction",
    "Branch_1/Conv3d_0b_3x3": "branch1",
    "Branch_2/Conv3d_0a_1x1": "branch2_reduction",
    "Branch_2/Conv3d_0b_3x3": "branch2",
    "Branch_3/Conv3d_0b_1x1": "branch3",
}
"""The published names of a block's layers, and ours."""
_CLASSIFIER = "params/Logits/Conv3d_0c_1x1/Conv_0"
_GET_IT = "get the file again: python evaluate.py fetch i3d"


class Mixed(chainer.Chain):
    """An Inception block, four branches side by side: (N, in_channels, T, H, W) -> (N, sum of branches, T, H, W).

    Args:
        in_channels: of the input.
        widths: channels of branch 0; of branch 1, reduced and at its end; of branch 2, the same; of branch 3.
    """

    def __init__(self, in_channels: int, widths: tuple[int, ...]):
        super().__init__()
        width0, reduced1, width1, reduced2, width2, width3 = widths
        with self.init_scope():
            self.branch0 = FoldedConvolution(in_channels, width0, _POINT)
            self.branch1_reduction = FoldedConvolution(in_channels, reduced1, _POINT)
            self.branch1 = FoldedConvolution(reduced1, width1, _CUBE, pad=1)
            self.branch2_reduction = FoldedConvolution(in_channels, reduced2, _POINT)
            self.branch2 = FoldedConvolution(reduced2, width2, _CUBE, pad=1)
            self.branch3 = FoldedConvolution(in_channels, width3, _POINT)

    def forward(self, x: Variable) -> Variable:
        """Apply the block."""
        branches = (
            self.branch0(x),
            self.branch1(self.branch1_reduction(x)),
            self.branch2(self.branch2_reduction(x)),
            self.branch3(_pool(x, _CUBE, _POINT)),
        )
        return F.concat(branches, axis=1)


class I3D(chainer.Chain):
    """Clips (N, 3, T, 224, 224), float32 RGB in [-1, 1] -> 400 scores.

    Attributes:
        dimensions: 400: FVD's features are the scores before the softmax.
        classes: 400.
        size: 224.
        least_frames: 10, as FVD's authors ask for. (The layers would take 9: three halvings, each rounded up, must
            leave the two steps in time that the last pooling averages.)
    """

    dimensions = 400
    classes = 400
    size = 224
    least_frames = 10

    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.conv1a = FoldedConvolution(3, 64, _FIRST_SIZE, _FIRST_STRIDE)
            self.conv2b = FoldedConvolution(64, 64, _POINT)
            self.conv2c = FoldedConvolution(64, 192, _CUBE, pad=1)
            for name, (in_channels, widths) in _MIXED.items():
                setattr(self, f"mixed{name}", Mixed(in_channels, widths))
            self.classifier = FoldedConvolution(1024, self.classes, _POINT, rectify=False)

    def features(self, x: Variable) -> Variable:
        """Return (N, 400): the same as :meth:`logits`.

        Raises:
            ValueError: the clips have another shape.
        """
        return self.logits(x)

    def logits(self, x: Variable) -> Variable:
        """Return (N, 400), the scores of the classes of Kinetics-400 before the softmax, averaged over time.

        Raises:
            ValueError: the clips have another shape.
        """
        if len(x.shape) != 5 or (x.shape[1], *x.shape[3:]) != (3, 224, 224) or x.shape[2] < self.least_frames:
            raise ValueError(f"clips {x.shape}: I3D takes (N, 3, T, 224, 224) with T of at least {self.least_frames}")
        h = _pad(x, same_pads(x.shape[2:], _FIRST_SIZE, _FIRST_STRIDE))
        h = self.conv1a(h)  # (N, 64, T / 2, 112, 112), T rounded up here and below
        h = _pool(h, (1, 3, 3), (1, 2, 2))
        h = self.conv2c(self.conv2b(h))  # (N, 192, T / 2, 56, 56)
        h = _pool(h, (1, 3, 3), (1, 2, 2))
        h = self.mixed3c(self.mixed3b(h))  # (N, 480, T / 2, 28, 28)
        h = _pool(h, (3, 3, 3), (2, 2, 2))
        for mixed in (self.mixed4b, self.mixed4c, self.mixed4d, self.mixed4e, self.mixed4f):
            h = mixed(h)  # in the end (N, 832, T / 4, 14, 14)
        h = _pool(h, (2, 2, 2), (2, 2, 2))
        h = self.mixed5c(self.mixed5b(h))  # (N, 1024, T / 8, 7, 7)
        h = F.average_pooling_nd(h, (2, 7, 7), 1)  # (N, 1024, T / 8 - 1, 1, 1)
        return F.mean(self.classifier(h), axis=(2, 3, 4))


def load(path: str | os.PathLike) -> I3D:
    """Build the network from its published weight file.

    Args:
        path: ``i3d-kinetics-400.ckpt``: a pickle of the dicts "params" and "batch_stats" with float32 arrays.

    Raises:
        SnapshotError: the file is missing, damaged, of another network, or not harmless.
    """
    try:
        arrays = read_arrays(path)
        return _network(arrays)
    except SnapshotError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise SnapshotError(f"{path}: {text}; {_GET_IT}") from error


def same_pads(size: tuple[int, ...], ksize: tuple[int, ...], stride: tuple[int, ...]) -> Pads:
    """Return TensorFlow's "SAME" padding before and after each axis, for size / stride outputs, rounded up.

    Args:
        size, ksize, stride: of the data, the window and its steps, one number per axis.
    """
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, ksize, stride, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _pool(x: Variable, ksize: tuple[int, ...], stride: tuple[int, ...]) -> Variable:
    return functions.max_pooling(x, ksize, stride, same_pads(x.shape[2:], ksize, stride))


def _pad(x: Variable, pads: Pads) -> Variable:
    """Put zeros around the last three axes; the result is channels-last in memory."""
    last = F.pad(F.moveaxis(x, 1, -1), ((0, 0), *pads, (0, 0)), "constant")
    return F.moveaxis(last, -1, 1)


def _network(arrays: Mapping[str, np.ndarray]) -> I3D:
    network = I3D()
    left = dict(arrays)
    for name, layer in _layers(network).items():
        channels = layer.b.shape
        variance = _take(left, f"batch_stats/{name}/BatchNorm_0/var", (1, 1, 1, 1, *channels)).reshape(channels)
        mean = _take(left, f"batch_stats/{name}/BatchNorm_0/mean", (1, 1, 1, 1, *channels)).reshape(channels)
        if variance.min() < 0:
            raise SnapshotError(f"{name}: it has a negative variance; it is damaged")
        scale = 1 / np.sqrt(variance.astype(np.float64) + EPSILON)
        bias = _take(left, f"params/{name}/BatchNorm_0/bias", channels)
        layer.fold(_take_kernel(left, f"params/{name}/Conv_0", layer), 0, scale, bias - mean * scale)
    classifier = network.classifier
    bias = _take(left, f"{_CLASSIFIER}/bias", classifier.b.shape)
    classifier.fold(_take_kernel(left, _CLASSIFIER, classifier), bias, 1, 0)
    if left:
        raise SnapshotError(f"{min(left)}: I3D has no such array; the file belongs to another network")
    return network


def _layers(network: I3D) -> dict[str, FoldedConvolution]:
    """Return the layers that end in a normalization, by their published names."""
    layers = {
        "Conv3d_1a_7x7": network.conv1a,
        "Conv3d_2b_1x1": network.conv2b,
        "Conv3d_2c_3x3": network.conv2c,
    }
    for name in _MIXED:
        block = network[f"mixed{name}"]
        layers |= {f"Mixed_{name}/{published}": block[ours] for published, ours in _BRANCHES.items()}
    return layers


def _take_kernel(arrays: dict[str, np.ndarray], name: str, layer: FoldedConvolution) -> np.ndarray:
    """Take out a kernel (T, H, W, in, out) as (out, in, T, H, W)."""
    out_channels, in_channels, *ksize = layer.W.shape
    return _take(arrays, f"{name}/kernel", (*ksize, in_channels, out_channels)).transpose(4, 3, 0, 1, 2)


def _take(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = arrays.pop(name, None)
    if array is None:
        raise SnapshotError(f"{name} is missing; the file belongs to another network")
    if array.shape != shape:
        raise SnapshotError(f"{name}: its shape is {array.shape} and I3D needs {shape}")
    if not np.isfinite(array).all():
        raise SnapshotError(f"{name}: it has numbers that are not finite; it is damaged")
    return array
