"""Padding by reflection."""

from __future__ import annotations

from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check

from mocogan_chainer.backends.base import Array


def reflection_pad(x: Variable, pad: int) -> Variable:
    """Continue each picture beyond its borders by what a mirror on its outermost rows and columns would show.

    Args:
        x: (N, C, H, W).
        pad: rows and columns to add on each side; fewer than H and than W.

    Returns:
        (N, C, H + 2 pad, W + 2 pad), in channels-last memory where x is.

    Raises:
        chainer.utils.type_check.InvalidType: x has other axes or is too small.
    """
    return _ReflectionPad(pad).apply((x,))[0]


class _ReflectionPad(FunctionNode):
    """x -> y."""

    def __init__(self, pad: int):
        self.pad = pad

    def check_type_forward(self, in_types):
        (x,) = in_types
        type_check.expect(x.dtype.kind == "f", x.ndim == 4)
        type_check.expect(x.shape[2] > self.pad, x.shape[3] > self.pad)

    def forward(self, inputs):
        (x,) = inputs
        xp, around = get_array_module(x), (self.pad, self.pad)
        channels_last = xp.moveaxis(x, 1, -1)
        if not channels_last.flags.c_contiguous:
            return (xp.pad(x, ((0, 0), (0, 0), around, around), "reflect"),)
        y = xp.pad(channels_last, ((0, 0), around, around, (0, 0)), "reflect")
        return (xp.moveaxis(y, -1, 1),)

    def backward(self, indexes, grad_outputs):
        return _Fold(self.pad).apply(grad_outputs)


class _Fold(FunctionNode):
    """gy -> gx: what was added on the borders falls back on where it came from."""

    def __init__(self, pad: int):
        self.pad = pad

    def forward(self, inputs):
        (gy,) = inputs
        for axis in (2, 3):
            gy = _fold(gy, self.pad, axis)
        return (gy,)

    def backward(self, indexes, grad_outputs):
        return _ReflectionPad(self.pad).apply(grad_outputs)


def _fold(gy: Array, pad: int, axis: int) -> Array:
    """Fold both ends of one axis of (N, C, H, W)."""
    if pad == 0:
        return gy

    def along(*bounds: int | None) -> tuple[slice, ...]:
        return (slice(None),) * axis + (slice(*bounds),)

    last = gy.shape[axis] - 2 * pad - 1
    gx = gy[along(pad, -pad)].copy(order="K")
    gx[along(1, pad + 1)] += gy[along(pad - 1, None, -1)]
    gx[along(last - pad, last)] += gy[along(None, -pad - 1, -1)]
    return gx
