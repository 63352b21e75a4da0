"""What reading published state dicts has in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mocogan_chainer.errors import SnapshotError

StateDict = Mapping[str, np.ndarray]

PREFIX = "module."
"""Before names that DataParallel saves."""

_LARGEST = np.finfo(np.float32).max
_LONGEST_NAME = 60
_VARIANCES = ("running_var", "avg_var")


def plain_names(arrays: StateDict) -> dict[str, np.ndarray]:
    """Return the arrays without DataParallel's prefix before their names, and without counters of batches.

    Raises:
        SnapshotError: an array is there with and without the prefix.
    """
    plain: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        short = name.removeprefix(PREFIX)
        if short in plain:
            raise SnapshotError(f"{shown_name(short)}: the checkpoint has it twice, with and without {PREFIX}")
        if not short.endswith("num_batches_tracked"):
            plain[short] = array
    return plain


def require_weights(arrays: StateDict, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """See that the arrays are those that a network needs.

    Args:
        arrays: by their plain names.
        shapes: what the network needs, by the same names.

    Raises:
        SnapshotError: an array is missing, left over, of another shape or type, not finite, or a negative variance.
    """
    for name in sorted(shapes.keys() - arrays.keys()):
        raise SnapshotError(f"{name}: the checkpoint lacks it; it belongs to another network")
    for name in sorted(arrays.keys() - shapes.keys()):
        raise SnapshotError(
            f"{shown_name(name)}: this network has no such array; the checkpoint belongs to another one"
        )
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape:
            raise SnapshotError(f"{name}: the checkpoint has shape {array.shape} where the network needs {shape}")
        if array.dtype.kind != "f":
            raise SnapshotError(f"{name}: the checkpoint has {array.dtype} where weights are real numbers")
        if not (np.abs(array) <= _LARGEST).all():
            raise SnapshotError(f"{name}: the checkpoint has values that are not finite as float32; it is damaged")
        if name.endswith(_VARIANCES) and (array < 0).any():
            raise SnapshotError(f"{name}: the checkpoint has a negative variance; it is damaged")


def require_shape(arrays: StateDict, name: str, ndim: int) -> tuple[int, ...]:
    """Return an array's shape of ``ndim`` axes.

    Raises:
        SnapshotError: there is no such array, it has another number of axes, or nothing is in it.
    """
    if name not in arrays:
        raise SnapshotError(f"{name}: the checkpoint lacks it; it belongs to another network")
    shape = arrays[name].shape
    if len(shape) != ndim or 0 in shape:
        raise SnapshotError(f"{name}: the checkpoint has shape {shape}, and {ndim} axes of 1 at least are needed")
    return shape


def common_width(arrays: Mapping[str, StateDict], name: str, axes: Mapping[str, int]) -> int | None:
    """Return how many first channels discriminators have, the same number in all; None where there are none.

    Args:
        arrays: by network.
        name: of the first layer's weights.
        axes: of these weights, by the discriminators' names.

    Raises:
        SnapshotError: one lacks the layer or has another form of it, or they differ.
    """
    widths = {net: require_shape(arrays[net], name, ndim)[0] for net, ndim in axes.items() if net in arrays}
    if len(set(widths.values())) > 1:
        raise SnapshotError(f"its discriminators have {widths} first channels, and both must have as many")
    return next(iter(widths.values()), None)


def shown_name(name: str) -> str:
    """Return as much of a stranger's name as an error shows."""
    return name[:_LONGEST_NAME]
