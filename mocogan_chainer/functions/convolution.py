"""N-D convolution and deconvolution as graph nodes, differentiable any number of times.

Three nodes close the circle: the gradients of each are made of the other two.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import chainer
import chainer.functions as F
from chainer import FunctionNode, Variable
from chainer.utils import type_check

from mocogan_chainer import backends
from mocogan_chainer.backends import Geometry
from mocogan_chainer.functions.rectifier import RectifierGradient

Size = int | Sequence[int]


def convolution(x: Variable, W: Variable, stride: Size = 1, pad: Size = 0) -> Variable:
    """Convolve ``x`` with ``W``, without bias.

    Args:
        x: (N, C, *size).
        W: (O, C, *ksize).
        stride, pad: one number for all spatial axes or one per axis.

    Returns:
        (N, O, *output size).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    geometry = _geometry(len(W.shape) - 2, stride, pad)
    return _Convolution(geometry).apply((x, W))[0]


def convolution_activation(
    x: Variable,
    W: Variable,
    b: Variable,
    stride: Size = 1,
    pad: Size = 0,
    groups: int = 1,
    *,
    residual: Variable | None = None,
    rectify: bool = True,
) -> Variable:
    """Convolve, add a bias and a residual, rectify: a layer of an inference-only network.

    It is float32 in every precision of the backend; gradients have that precision.

    Args:
        x: (N, C, *size).
        W: (O, C / groups, *ksize).
        b: (O,).
        stride, pad: one number for all spatial axes or one per axis.
        groups: a divisor of C and O.
        residual: (N, O, *output size) to add, or None.
        rectify: whether negative numbers become 0.

    Returns:
        (N, O, *output size).

    Raises:
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    geometry = _geometry(len(W.shape) - 2, stride, pad, groups)
    addends = (b,) if residual is None else (b, residual)
    return _ConvolutionActivation(geometry, rectify).apply((x, W, *addends))[0]


def deconvolution(
    x: Variable,
    W: Variable,
    stride: Size = 1,
    pad: Size = 0,
    output_pad: Size = 0,
) -> Variable:
    """Apply the transposed convolution of ``W`` to ``x``, without bias.

    Args:
        x: (N, C, *size).
        W: (C, O, *ksize).
        stride, pad: those of the convolution that is transposed.
        output_pad: positions more at the end of each axis, fewer than the stride.

    Returns:
        (N, O, *output size); without ``output_pad`` the smallest size that the convolution would shrink to ``size``.

    Raises:
        ValueError: ``output_pad`` is negative or not less than the stride.
        chainer.utils.type_check.InvalidType: shapes or dtypes do not fit together.
    """
    geometry = _geometry(len(W.shape) - 2, stride, pad)
    more = _tuple(output_pad, len(geometry.stride))
    if not all(0 <= m < s for m, s in zip(more, geometry.stride, strict=True)):
        raise ValueError(f"output_pad={output_pad}: it must be at least 0 and less than the stride {geometry.stride}")
    size = geometry.input_size(x.shape[2:], W.shape[2:])
    return _ConvolutionData(geometry, tuple(n + m for n, m in zip(size, more, strict=True))).apply((x, W))[0]


def _geometry(ndim: int, stride: Size, pad: Size, groups: int = 1) -> Geometry:
    return Geometry(_tuple(stride, ndim), _tuple(pad, ndim), groups)


def _tuple(value: Size, ndim: int) -> tuple[int, ...]:
    return (int(value),) * ndim if isinstance(value, Integral) else tuple(value)


class _Bilinear(FunctionNode):
    """A function of two arrays, linear in each.

    The gradient of one takes the other. The first, which is large, is kept only if the second wants a gradient as the
    graph is built: in a frozen network no weight does.
    """

    def apply(self, inputs):
        self.keeps_first = chainer.as_variable(inputs[1]).requires_grad
        return super().apply(inputs)

    def forward(self, inputs):
        self.retain_inputs((0, 1) if self.keeps_first else (1,))
        return (self.compute(*inputs),)

    def backward(self, indexes, grad_outputs):
        *first, second = self.get_retained_inputs()
        gradients = (
            lambda: self.first_gradient(second, *grad_outputs),
            lambda: self.second_gradient(*first, *grad_outputs) if first else None,
        )
        return tuple(gradients[index]() for index in indexes)


class _Convolution(_Bilinear):
    """(x, W) -> y."""

    def __init__(self, geometry: Geometry):
        self.geometry = geometry

    def check_type_forward(self, in_types):
        x, W = in_types
        type_check.expect(x.dtype.kind == "f", x.dtype == W.dtype, x.ndim == W.ndim)
        type_check.expect(x.shape[1] == W.shape[1] * self.geometry.groups)

    def compute(self, x, W):
        self.x_size, self.ksize = x.shape[2:], W.shape[2:]
        return backends.current().convolution_forward(x, W, self.geometry)

    def first_gradient(self, W, gy):
        return _ConvolutionData(self.geometry, self.x_size).apply((gy, W))[0]

    def second_gradient(self, x, gy):
        return _ConvolutionWeights(self.geometry, self.ksize).apply((x, gy))[0]


class _ConvolutionActivation(FunctionNode):
    """(x, W, b) or (x, W, b, residual) -> y. As of :class:`_Bilinear`, x is kept only for a gradient of W."""

    def __init__(self, geometry: Geometry, rectify: bool):
        self.geometry, self.rectify = geometry, rectify

    def check_type_forward(self, in_types):
        x, W, b, *residual = in_types
        type_check.expect(x.dtype.kind == "f", W.dtype == x.dtype, b.dtype == x.dtype)
        type_check.expect(x.ndim == W.ndim, x.shape[1] == W.shape[1] * self.geometry.groups)
        type_check.expect(W.shape[0] % self.geometry.groups == 0)
        type_check.expect(b.ndim == 1, b.shape[0] == W.shape[0])
        for added in residual:
            (n, _, *size), (o, _, *ksize) = (type_check.eval(a.shape) for a in (x, W))
            type_check.expect(added.dtype == x.dtype, added.shape == (n, o, *self.geometry.output_size(size, ksize)))

    def apply(self, inputs):
        self.keeps_x = chainer.as_variable(inputs[1]).requires_grad
        return super().apply(inputs)

    def forward(self, inputs):
        x, W, b, *residual = inputs
        self.retain_inputs((0, 1) if self.keeps_x else (1,))
        if self.rectify:
            self.retain_outputs((0,))
        self.x_size, self.ksize = x.shape[2:], W.shape[2:]
        residual = residual[0] if residual else None
        return (backends.current().convolution_activation(x, W, b, self.geometry, residual, self.rectify),)

    def backward(self, indexes, grad_outputs):
        *x, W = self.get_retained_inputs()
        (gy,) = grad_outputs
        if self.rectify:
            positive = self.get_retained_outputs()[0].array > 0
            (gy,) = RectifierGradient(positive, 0.0).apply((gy,))
        gradients = (
            lambda: _ConvolutionData(self.geometry, self.x_size).apply((gy, W))[0],
            lambda: _ConvolutionWeights(self.geometry, self.ksize).apply((*x, gy))[0] if x else None,
            lambda: F.sum(gy, axis=(0, *range(2, gy.ndim))),
            lambda: gy,
        )
        return tuple(gradients[index]() for index in indexes)


class _ConvolutionData(_Bilinear):
    """(gy, W) -> gx: the gradient of a convolution's data, which is the deconvolution of gy."""

    def __init__(self, geometry: Geometry, x_size: tuple[int, ...]):
        self.geometry = geometry
        self.x_size = tuple(x_size)

    def check_type_forward(self, in_types):
        gy, W = in_types
        type_check.expect(gy.dtype.kind == "f", gy.dtype == W.dtype, gy.ndim == W.ndim)
        type_check.expect(gy.shape[1] == W.shape[0])

    def compute(self, gy, W):
        self.ksize = W.shape[2:]
        return backends.current().convolution_backward_data(gy, W, self.x_size, self.geometry)

    def first_gradient(self, W, ggx):
        return _Convolution(self.geometry).apply((ggx, W))[0]

    def second_gradient(self, gy, ggx):
        return _ConvolutionWeights(self.geometry, self.ksize).apply((ggx, gy))[0]


class _ConvolutionWeights(_Bilinear):
    """(x, gy) -> gW: the gradient of a convolution's weights."""

    def __init__(self, geometry: Geometry, ksize: tuple[int, ...]):
        self.geometry = geometry
        self.ksize = tuple(ksize)

    def compute(self, x, gy):
        self.x_size = x.shape[2:]
        return backends.current().convolution_backward_weights(x, gy, self.ksize, self.geometry)

    def first_gradient(self, gy, ggW):
        return _ConvolutionData(self.geometry, self.x_size).apply((gy, ggW))[0]

    def second_gradient(self, x, ggW):
        return _Convolution(self.geometry).apply((x, ggW))[0]
