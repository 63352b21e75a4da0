"""Feature networks by the names of their weight files (:mod:`mocogan_chainer.features.weights`)."""

from __future__ import annotations

import os

from mocogan_chainer.features import c3d, i3d, resnext
from mocogan_chainer.features.network import FeatureNetwork

_LOADERS = {
    "i3d": i3d.load,
    "resnext-101-kinetics": resnext.load,
    "resnext-101-kinetics-ucf101": resnext.load,
    "resnet-101-kinetics-ucf101": resnext.load_resnet,
    "c3d-ucf101": c3d.load,
}


def load(name: str, path: str | os.PathLike) -> FeatureNetwork:
    """Read a network's weights.

    Args:
        name: of a network.
        path: its weight file.

    Raises:
        SnapshotError: the file is missing, damaged, or another network's.
    """
    return _LOADERS[name](path)
