"""What passes from AffineGAN's encoders to its decoder: moved along the residual, noised, rectified."""

from __future__ import annotations

import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.backend import get_array_module
from chainer.utils import type_check

from mocogan_chainer import functions
from mocogan_chainer.backends import Noise
from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions.rectifier import RectifierGradient


def move(base: Variable, residual: Variable, alphas: Variable | Array) -> Variable:
    """Return base + alpha * residual for each alpha, AffineGAN's affine transformation, in channels-last memory.

    Args:
        base, residual: (N, C, H, W).
        alphas: (N, K), those of each sample.

    Returns:
        (N * K, C, H, W), sample-major.

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _Move().apply((base, residual, alphas))[0]


def rectify(x: Variable, noise: Noise | None) -> Variable:
    """Add noise, if there is any, to (N, C, H, W); then make what is negative 0."""
    return functions.leaky_relu(functions.add_noise(x, noise), 0.0)


def join(skip: Variable, rectified: Variable, noise: Noise | None) -> Variable:
    """Return [:func:`rectify` of skip, rectified] along the channels, in channels-last memory.

    Args:
        skip: (N, C, H, W).
        rectified: (N, D, H, W), what comes from the level below.
        noise: for the skip, or None.

    Returns:
        (N, C + D, H, W).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    return _Join().apply((functions.add_noise(skip, noise), rectified))[0]


class _Move(FunctionNode):
    def check_type_forward(self, in_types):
        base, residual, alphas = in_types
        type_check.expect(base.dtype.kind == "f", residual.dtype == base.dtype, alphas.dtype == base.dtype)
        type_check.expect(base.ndim == 4, residual.shape == base.shape)
        type_check.expect(alphas.ndim == 2, alphas.shape[0] == base.shape[0])

    def forward(self, inputs):
        self.retain_inputs((1, 2))
        base, residual, alphas = inputs
        xp = get_array_module(base)
        (n, channels, *size), k = base.shape, alphas.shape[1]
        y = xp.empty((n, k, *size, channels), base.dtype)
        base, residual = (xp.moveaxis(x, 1, -1)[:, None] for x in (base, residual))
        xp.multiply(residual, alphas[..., None, None, None], out=y)
        y += base
        return (xp.moveaxis(y.reshape(n * k, *size, channels), -1, 1),)

    def backward(self, indexes, grad_outputs):
        residual, alphas = self.get_retained_inputs()
        (n, k), (_, channels, *size) = alphas.shape, residual.shape
        gy = F.reshape(F.moveaxis(grad_outputs[0], 1, -1), (n, k, -1))  # (N, K, H * W * C)

        def like_base(g: Variable) -> Variable:
            return F.moveaxis(F.reshape(g, (n, *size, channels)), -1, 1)

        def of_alphas() -> Variable:
            flat = F.reshape(F.moveaxis(residual, 1, -1), (n, -1, 1))
            return F.matmul(gy, flat)[..., 0]

        gradients = (
            lambda: like_base(F.sum(gy, axis=1)),
            lambda: like_base(F.sum(F.broadcast_to(alphas[:, :, None], gy.shape) * gy, axis=1)),
            of_alphas,
        )
        return tuple(gradients[index]() for index in indexes)


class _Join(FunctionNode):
    def check_type_forward(self, in_types):
        skip, below = in_types
        type_check.expect(skip.dtype.kind == "f", below.dtype == skip.dtype, skip.ndim == 4, below.ndim == 4)
        type_check.expect(skip.shape[0] == below.shape[0], skip.shape[2:] == below.shape[2:])

    def forward(self, inputs):
        self.retain_outputs((0,))
        xp = get_array_module(*inputs)
        skip, below = (xp.moveaxis(x, 1, -1) for x in inputs)
        *size, channels = skip.shape
        self.channels = channels
        y = xp.empty((*size, channels + below.shape[-1]), skip.dtype)
        xp.maximum(skip, 0, out=y[..., :channels])
        y[..., channels:] = below
        return (xp.moveaxis(y, -1, 1),)

    def backward(self, indexes, grad_outputs):
        (gy,), (y,) = grad_outputs, self.get_retained_outputs()
        of_skip, of_below = gy[:, : self.channels], gy[:, self.channels :]
        gradients = (
            lambda: RectifierGradient(y.array[:, : self.channels] > 0, 0.0).apply((of_skip,))[0],
            lambda: of_below,
        )
        return tuple(gradients[index]() for index in indexes)
