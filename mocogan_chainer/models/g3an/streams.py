"""How G3AN's three streams meet (G3AN, section 3.1: the factorized spatio-temporal fusion)."""

from __future__ import annotations

import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check


def join(spatial: Variable, video: Variable, temporal: Variable) -> Variable:
    """Return [spatial repeated over time, video + temporal repeated over space], in channels-last memory.

    Args:
        spatial: (N, C, 1, H, W).
        video: (N, C, T, H, W).
        temporal: (N, C, T, 1, 1).

    Returns:
        (N, 2 C, T, H, W).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _Join().apply((spatial, video, temporal))[0]


class _Join(FunctionNode):
    def check_type_forward(self, in_types):
        s, v, t = in_types
        type_check.expect(v.dtype.kind == "f", s.dtype == v.dtype, t.dtype == v.dtype, v.ndim == 5)
        type_check.expect(s.shape[:2] == v.shape[:2], s.shape[2] == 1, s.shape[3:] == v.shape[3:])
        type_check.expect(t.shape[:3] == v.shape[:3], t.shape[3] == 1, t.shape[4] == 1)

    def forward(self, inputs):
        xp = get_array_module(*inputs)
        s, v, t = (xp.moveaxis(x, 1, -1) for x in inputs)
        *size, channels = v.shape
        y = xp.empty((*size, 2 * channels), v.dtype)
        y[..., :channels] = s
        xp.add(v, t, out=y[..., channels:])
        return (xp.moveaxis(y, -1, 1),)

    def backward(self, indexes, grad_outputs):
        (gy,) = grad_outputs
        channels = gy.shape[1] // 2
        of_spatial, of_video = gy[:, :channels], gy[:, channels:]
        gradients = (
            lambda: F.sum(of_spatial, axis=2, keepdims=True),
            lambda: of_video,
            lambda: F.sum(of_video, axis=(3, 4), keepdims=True),
        )
        return tuple(gradients[index]() for index in indexes)
