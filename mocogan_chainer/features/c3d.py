"""C3D (Tran et al. 2015, "Learning spatiotemporal features with 3D convolutional networks", section 3.3) and its
published weights, which the Inception Score of TGAN and MoCoGAN is computed with.

Clips are 16 frames of 112 x 112 pixels in BGR order, 0 to 255 less a mean clip (:func:`load_mean`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer import Variable

from mocogan_chainer import functions, npz_files
from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.features.named_arrays import NamedArrays
from mocogan_chainer.functions.pooling import Pads
from mocogan_chainer.links import FoldedConvolution
from mocogan_chainer.torch_files import read_checkpoint

_STAGES = (("conv1a",), ("conv2a",), ("conv3a", "conv3b"), ("conv4a", "conv4b"), ("conv5a", "conv5b"))
_CLIP = (3, 16, 112, 112)
_MEAN = (3, 16, 128, 171)
_MOST_OF_MEAN = 64 << 20  # bytes; it takes 8 MB as float64
TGAN_LEFT, TGANV2_LEFT = 29, 8
"""The first column of the mean clip that each paper's code subtracts."""

# The last pooling makes 4 positions of 7. Caffe rounds up, and so does Chainer: the last window holds one position.
# The definition that goes with c3d.pickle pads both sides by 1: its first window holds one position.
_CAFFE_POOL5: Pads = ((0, 0), (0, 1), (0, 1))
_TORCH_POOL5: Pads = ((0, 0), (1, 0), (1, 0))


@dataclass(frozen=True)
class Form:
    """How a published file names its arrays, and where its network pools.

    Attributes:
        weight, bias: what follows a layer's name.
        renamed: layers that it calls otherwise.
        pool5: positions outside that the last pooling sees.
    """

    weight: str
    bias: str
    renamed: Mapping[str, str]
    pool5: Pads

    def weight_of(self, layer: str) -> str:
        """Return the name of a layer's weight."""
        return self.renamed.get(layer, layer) + self.weight

    def bias_of(self, layer: str) -> str:
        """Return the name of a layer's bias."""
        return self.renamed.get(layer, layer) + self.bias


CHAINER = Form("/W", "/b", {}, _CAFFE_POOL5)
TORCH = Form(".weight", ".bias", {"conv1a": "conv1", "conv2a": "conv2"}, _TORCH_POOL5)


class C3D(chainer.Chain):
    """A :class:`mocogan_chainer.features.network.FeatureNetwork`; its features are fc7 after the ReLU.

    It takes clips of 16 frames, neither more nor fewer. Weights are zeros until :func:`from_arrays` sets them.

    Args:
        classes: K.
        pool5: positions outside that the last pooling sees.
        widths: channels of each of the five stages.
        dimensions: D, of fc6 and fc7.
    """

    size = 112
    least_frames = 16

    def __init__(
        self,
        classes: int,
        pool5: Pads,
        widths: tuple[int, ...] = (64, 128, 256, 512, 512),
        dimensions: int = 4096,
    ):
        super().__init__()
        self.classes, self.dimensions, self._pool5 = classes, dimensions, pool5
        with self.init_scope():
            for name, (out, into, *ksize) in _weight_shapes(widths, dimensions, classes).items():
                layer = FoldedConvolution(into, out, tuple(ksize), 1, 1) if ksize else L.Linear(into, out, initialW=0)
                setattr(self, name, layer)

    def features(self, x: Variable) -> Variable:
        """Return (N, D) of clips (N, 3, 16, 112, 112).

        Raises:
            ValueError: the clips have another shape.
        """
        if x.shape[1:] != _CLIP:
            raise ValueError(f"clips {x.shape}: C3D takes (N, {', '.join(map(str, _CLIP))})")
        h = x
        for number, names in enumerate(_STAGES, 1):
            for name in names:
                h = self[name](h)
            window = (1, 2, 2) if number == 1 else (2, 2, 2)
            pads = self._pool5 if number == len(_STAGES) else ((0, 0), (0, 0), (0, 0))
            h = functions.max_pooling(h, window, window, pads)
        return F.relu(self.fc7(F.relu(self.fc6(h))))  # from (N, width, 1, 4, 4), flattened in this order

    def logits(self, x: Variable) -> Variable:
        """Return (N, K) of clips (N, 3, 16, 112, 112)."""
        return self.fc8(self.features(x))


def load(path: str | os.PathLike) -> C3D:
    """Read published weights; K is what the file has.

    Args:
        path: TGAN's conv3d_deepnetA_ucf.npz (trained on Sports-1M, then on UCF-101's 101 classes), or a file of
            torch.save such as c3d.pickle (Sports-1M's 487 classes). Files of Chainer end in .npz.

    Raises:
        SnapshotError: the file is missing, damaged, or holds another network.
    """
    if not Path(path).is_file():
        raise SnapshotError(f"{path}: no such file; C3D's weights are conv3d_deepnetA_ucf.npz or c3d.pickle")
    if Path(path).suffix == ".npz":
        return from_arrays(_read_npz(path), CHAINER, source=path)
    return from_arrays(read_checkpoint(path), TORCH, source=path)


def from_arrays(
    arrays: Mapping[str, np.ndarray],
    form: Form,
    source: str | os.PathLike = "the arrays",
) -> C3D:
    """Make a network of a published network's arrays, which say its widths.

    Args:
        arrays: by the form's names.
        form: :data:`CHAINER` or :data:`TORCH`.
        source: where the arrays come from, for messages.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or not finite.
    """
    named = NamedArrays(arrays, source, "C3D")
    widths = tuple(named.rows(form.weight_of(names[0])) for names in _STAGES)
    dimensions, classes = (named.rows(form.weight_of(name)) for name in ("fc7", "fc8"))
    for layer, shape in _weight_shapes(widths, dimensions, classes).items():  # before so much memory is taken
        named.require(form.weight_of(layer), shape)
        named.require(form.bias_of(layer), shape[:1])
    network = C3D(classes, form.pool5, widths, dimensions)
    for layer in network.children():
        layer.W.array[...] = named.take(form.weight_of(layer.name), layer.W.shape)
        layer.b.array[...] = named.take(form.bias_of(layer.name), layer.b.shape)
    named.finish()
    return network


def load_mean(path: str | os.PathLike, left: int = TGANV2_LEFT) -> np.ndarray:
    """Read the mean clip of TGAN's mean2.npz, whose frames are 128 x 171, and cut 112 x 112 pixels out of it.

    Both papers take rows 8 to 119, and differ in what they bring to 112 x 112 and in the columns.

    Args:
        path: the file.
        left: the first column: ``TGANV2_LEFT`` for frames scaled to 112 x 112, ``TGAN_LEFT``, which is the middle, for
            the middle of frames scaled to 128 x 128.

    Returns:
        float32 (3, 16, 112, 112), 0 to 255, in BGR order.

    Raises:
        SnapshotError: the file is missing, damaged, or holds something else.
    """
    if not Path(path).is_file():
        raise SnapshotError(f"{path}: no such file; the mean clip is mean2.npz")
    arrays = _read_npz(path, ["mean"], _MOST_OF_MEAN)
    if "mean" not in arrays:
        raise SnapshotError(f"{path}: mean is missing; the mean clip is mean2.npz")
    mean = arrays["mean"]
    if mean.shape[-len(_MEAN) :] != _MEAN or mean.size != np.prod(_MEAN):
        raise SnapshotError(f"{path}: mean has shape {mean.shape} where it must have {_MEAN}; name mean2.npz")
    if mean.dtype.kind not in "fu" or not np.isfinite(mean).all():
        raise SnapshotError(f"{path}: mean must hold finite numbers; the file is damaged")
    return mean.reshape(_MEAN)[:, :, 8:120, left : left + 112].astype(np.float32)


def _weight_shapes(widths: tuple[int, ...], dimensions: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the layers' weights, from input to output; the arguments are :class:`C3D`'s."""
    shapes, channels = {}, 3
    for width, names in zip(widths, _STAGES, strict=True):
        for name in names:
            shapes[name] = (width, channels, 3, 3, 3)
            channels = width
    fc6, fc7, fc8 = (dimensions, channels * 4 * 4), (dimensions, dimensions), (classes, dimensions)
    return shapes | {"fc6": fc6, "fc7": fc7, "fc8": fc8}


def _read_npz(
    path: str | os.PathLike, wanted: list[str] | None = None, limit: int | None = None
) -> dict[str, np.ndarray]:
    try:
        return npz_files.read(path, wanted, limit=limit)
    except (OSError, npz_files.NpzError) as error:
        raise SnapshotError(f"{path}: not an .npz file, or damaged ({one_line(error)}); get it again") from error
