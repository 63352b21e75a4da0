"""The backend's primitives (see :class:`~mocogan_chainer.backends.base.Backend`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.base import AdamState, Array, Geometry, Noise, NonFiniteRecord, RunningStatistics
from mocogan_chainer.backends.cudnn import activation, clips, normalization, parameters, products, recurrence
from mocogan_chainer.backends.cudnn.arrays import channels_last, is_dense
from mocogan_chainer.backends.cudnn.launching import Launcher


class Convolutions(Protocol):
    """What computes convolutions of float32 arrays."""

    def takes(self, x_shape: tuple[int, ...], W_shape: tuple[int, ...], geometry: Geometry) -> bool:
        """Whether convolutions of such shapes are among what it does."""

    def forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """As :meth:`Backend.convolution_forward`."""

    def backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """As :meth:`Backend.convolution_backward_data`."""

    def backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """As :meth:`Backend.convolution_backward_weights`."""


class Operations:
    """Kernels of our own and somebody's convolutions; what they do not handle goes to ``stock``.

    Args:
        array_type: the arrays that it is for, CuPy's.
        launch: starts kernels on them.
        convolutions: computes convolutions of them.
        exact: the same, in float32 whatever the precision, for inference-only networks.
    """

    name = "cudnn"
    adds_gradients = True

    max_pooling = staticmethod(stock.max_pooling)

    def __init__(self, array_type: type, launch: Launcher, convolutions: Convolutions, exact: Convolutions):
        self._type = array_type
        self._launch = launch
        self._convolutions = convolutions
        self._exact = exact

    def filters(self, W: Array) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        return channels_last(W) if isinstance(W, self._type) else W

    def convolution_forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        return self._forward(self._convolutions, x, W, geometry)

    def convolution_backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        x_shape = (gy.shape[0], W.shape[1] * geometry.groups, *x_size)
        if not self._takes(gy, W) or not self._convolutions.takes(x_shape, W.shape, geometry):
            return stock.convolution_backward_data(gy, W, x_size, geometry)
        return self._convolutions.backward_data(gy, W, x_size, geometry)

    def convolution_backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        W_shape = (gy.shape[1], x.shape[1] // geometry.groups, *ksize)
        if not self._takes(x, gy) or not self._convolutions.takes(x.shape, W_shape, geometry):
            return stock.convolution_backward_weights(x, gy, ksize, geometry)
        return self._convolutions.backward_weights(x, gy, ksize, geometry)

    def convolution_activation(
        self, x: Array, W: Array, b: Array, geometry: Geometry, residual: Array | None, rectify: bool
    ) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        y = self._forward(self._exact, x, W, geometry)
        y += b.reshape(-1, *(1,) * (y.ndim - 2))
        if residual is not None:
            y += residual
        return y.clip(0, None, out=y) if rectify else y

    def add_noise(self, x: Array, noise: Noise) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x):
            return stock.add_noise(x, noise)
        return activation.add_noise(self._launch, x, noise)

    def rectify(self, x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x):
            return stock.rectify(x, slope, noise)
        return activation.rectify(self._launch, x, slope, noise)

    def rectify_backward(self, positive: Array, gy: Array, slope: float) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(gy):
            return stock.rectify_backward(positive, gy, slope)
        return activation.rectify_backward(self._launch, positive, gy, slope)

    def drop(self, x: Array, ratio: float, key: int | Array) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x):
            return stock.drop(x, ratio, key)
        return activation.drop(self._launch, x, ratio, key)

    def moments(
        self, x: Array, by_sample: bool = False, running: RunningStatistics | None = None
    ) -> tuple[Array, Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x, *((running.mean, running.variance) if running else ())):
            return stock.moments(x, by_sample, running)
        return normalization.moments(self._launch, x, by_sample, running)

    def normalize_rectify(
        self,
        x: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        variance: Array,
        eps: float,
        slope: float,
        noise: Noise | None,
    ) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x, gamma, beta, mean, variance):
            return stock.normalize_rectify(x, gamma, beta, mean, variance, eps, slope, noise)
        return normalization.normalize_rectify(self._launch, x, gamma, beta, mean, variance, eps, slope, noise)

    def normalize_rectify_backward(
        self, x: Array, gy: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float, slope: float
    ) -> tuple[Array, Array, Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x, gy, gamma, beta, mean, variance):
            return stock.normalize_rectify_backward(x, gy, gamma, beta, mean, variance, eps, slope)
        return normalization.normalize_rectify_backward(self._launch, x, gy, gamma, beta, mean, variance, eps, slope)

    def product(self, a: Array, b: Array) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(a, b):
            return stock.product(a, b)
        return products.product(self._launch, a, b)

    def gru(self, x_projected: Array, h0: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(x_projected, h0, W, b) or not recurrence.takes(h0.shape[1]):
            return stock.gru(x_projected, h0, W, b)
        return recurrence.gru(self._launch, x_projected, h0, W, b)

    def gru_backward(self, gy: Array, W: Array, h: Array, gates: Array, hidden_n: Array) -> tuple[Array, Array, Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(gy, W, h, gates, hidden_n) or not recurrence.takes(W.shape[1]):
            return stock.gru_backward(gy, W, h, gates, hidden_n)
        return recurrence.gru_backward(self._launch, gy, W, h, gates, hidden_n)

    def gather_clips(self, frames: Array, first: Array, step: Array, mirrored: Array, length: int) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not isinstance(frames, self._type):
            return stock.gather_clips(frames, first, step, mirrored, length)
        return clips.gather(self._launch, frames, first, step, mirrored, length)

    def adam_rate(self, count: Array, alpha: Array, beta1: float, beta2: float) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        return parameters.adam_rate(self._launch, count, alpha, beta1, beta2)

    def adam(
        self,
        updated: Sequence[AdamState],
        *,
        rate: float | Array,
        beta1: float,
        beta2: float,
        eps: float,
        decay: float,
    ) -> None:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        settings = {"rate": rate, "beta1": beta1, "beta2": beta2, "eps": eps, "decay": decay}
        takes = [self._takes(p.w, p.g, p.m, p.v) for p in updated]
        parameters.adam(self._launch, [p for p, ours in zip(updated, takes, strict=True) if ours], **settings)
        stock.adam([p for p, ours in zip(updated, takes, strict=True) if not ours], **settings)

    def move_average(self, averages: Sequence[Array], values: Sequence[Array], decay: float | Array) -> None:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        parameters.move_average(self._launch, averages, values, decay)

    def add(self, firsts: Sequence[Array], seconds: Sequence[Array]) -> list[Array]:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(*firsts, *seconds):
            return stock.add(firsts, seconds)
        return parameters.add(self._launch, firsts, seconds)

    def note_non_finite(self, arrays: Sequence[Array], step: Array, record: NonFiniteRecord) -> None:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        if not self._takes(*arrays) or not all(map(is_dense, arrays)):
            stock.note_non_finite(arrays, step, record)
            return
        parameters.note_non_finite(self._launch, arrays, step, record)

    def _forward(self, convolutions: Convolutions, x: Array, W: Array, geometry: Geometry) -> Array:
        if not self._takes(x, W) or not convolutions.takes(x.shape, W.shape, geometry):
            return stock.convolution_forward(x, W, geometry)
        return convolutions.forward(x, W, geometry)

    def _takes(self, *arrays: Array) -> bool:
        """Float32 arrays of its module that hold something."""
        return all(isinstance(a, self._type) and a.dtype == np.float32 and a.size > 0 for a in arrays)
