"""Faults of Chainer 7.8.1 itself, on any NumPy."""

from __future__ import annotations

import types

from mocogan_chainer.compat.hook import after


@after("chainer.functions.connection.deconvolution_2d")
def deconvolution_shapes(module: types.ModuleType) -> None:
    """functions/connection/deconvolution_2d.py:340 gives arrays to _set_cover_all (:350), which wants shapes.

    It shows in the backward of a deconvolution whose input needs no gradient.
    """
    function = module.Deconvolution2DFunction
    set_cover_all = function._set_cover_all

    def from_arrays_too(self: object, x: object, w: object) -> None:
        set_cover_all(self, getattr(x, "shape", x), getattr(w, "shape", w))

    function._set_cover_all = from_arrays_too


@after("chainer.functions.activation.softplus")
def softplus_gradients(module: types.ModuleType) -> None:
    """functions/activation/softplus.py:68 and :75 take 1 - 1 / (1 + exp(x)), and :84 exp(x) / (1 + exp(x))^2.

    The first is 0 from -17 on, where 4e-8 is right; both overflow from 88 on, with a warning, and the second is NaN.
    """
    import numpy
    from chainer import functions as F
    from chainer import utils
    from chainer.backends import cuda

    gradient = module.SoftplusGrad

    def forward_cpu(self: object, inputs: tuple) -> tuple:
        self.retain_inputs((0, 1))
        x, gy = inputs
        bx = self.beta * x
        e = numpy.exp(-numpy.fabs(bx))
        return (utils.force_array(gy * numpy.where(bx < 0, e, 1) / (1 + e), x.dtype),)

    def forward_gpu(self: object, inputs: tuple) -> tuple:
        self.retain_inputs((0, 1))
        kernel = cuda.elementwise(
            "T x, T gy, T beta",
            "T gx",
            "const T e = exp(-fabs(beta * x)); gx = gy * (x * beta < 0 ? e : (T)1) / (1 + e)",
            "softplus_bwd_of_both_signs",
        )
        return (kernel(*inputs, self.beta),)

    def backward(self: object, indexes: tuple, grad_outputs: tuple) -> tuple:
        x, gy = self.get_retained_inputs()
        (ggx,) = grad_outputs
        e = F.exp(-F.absolute(self.beta * x))  # the second derivative is even
        gx = ggx * gy * self.beta * e / (1 + e) ** 2
        return gx, gradient((self.beta,)).apply((x, ggx))[0]

    gradient.forward_cpu, gradient.forward_gpu, gradient.backward = forward_cpu, forward_gpu, backward
