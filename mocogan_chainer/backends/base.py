"""What every backend offers: array-level primitives, without graphs or parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Array = Any  # numpy.ndarray or cupy.ndarray


@dataclass(frozen=True)
class Geometry:
    """How a convolution's kernel walks over N-D data; one number per spatial axis.

    Attributes:
        stride: steps between output positions.
        pad: zeros on each side.
        dilate: distance between kernel taps.
        groups: channel groups that do not see each other.
    """

    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilate: tuple[int, ...]
    groups: int = 1

    def output_size(self, size: tuple[int, ...], ksize: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial size after a convolution of data with spatial ``size``; an entry below 1 means it does not fit."""
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, ksize, self.stride, self.pad, self.dilate, strict=True)
        )

    def input_size(self, size: tuple[int, ...], ksize: tuple[int, ...]) -> tuple[int, ...]:
        """The smallest spatial size that a convolution shrinks to ``size`` (a deconvolution's output)."""
        return tuple(
            s * (n - 1) + d * (k - 1) + 1 - 2 * p
            for n, k, s, p, d in zip(size, ksize, self.stride, self.pad, self.dilate, strict=True)
        )


@dataclass(frozen=True)
class Noise:
    """Normal numbers to add to an array.

    Attributes:
        key: 64 bits that name the stream (:mod:`mocogan_chainer.backends.random`).
        sigma: standard deviation.
    """

    key: int
    sigma: float


class Backend(Protocol):
    """The primitives; ``x`` is (N, C, *size), ``W`` (O, C / groups, *ksize), ``y`` (N, O, *output_size).

    Arrays may have any memory order; results may come in channels-last memory under the same logical shape. Noise is
    added in the order of channels-last memory: number i of its stream goes to position i of (N, *size, C).
    """

    name: str

    def convolution_forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """Return y."""

    def convolution_backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of x, whose spatial size is ``x_size``; this is also the deconvolution of gy."""

    def convolution_backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of W."""

    def add_noise(self, x: Array, noise: Noise) -> Array:
        """Return x plus noise."""

    def rectify(self, x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
        """Return LeakyReLU(x), plus noise, and where x is positive (bool)."""

    def rectify_backward(self, positive: Array, gy: Array, slope: float) -> Array:
        """Return the gradient of x, which is positive where ``positive`` says."""

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Return each channel's mean and biased variance, (C,)."""

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
        """Return LeakyReLU((x - mean) / sqrt(variance + eps) * gamma + beta), plus noise."""

    def normalize_rectify_backward(
        self,
        x: Array,
        gy: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        variance: Array,
        eps: float,
        slope: float,
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of x, gamma and beta, where mean and variance are those of x."""

    def adam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        rate: float,
        beta1: float,
        beta2: float,
        eps: float,
        decay: float,
    ) -> None:
        """Update w and its moments m, v in place by gradient g + decay w: w -= rate m / (sqrt(v) + eps)."""
