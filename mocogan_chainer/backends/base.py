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


class Backend(Protocol):
    """The primitives; ``x`` is (N, C, *size), ``W`` (O, C / groups, *ksize), ``y`` (N, O, *output_size).

    Arrays may have any memory order; results may come in channels-last memory under the same logical shape.
    """

    name: str

    def convolution_forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """Return y."""

    def convolution_backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of x, whose spatial size is ``x_size``; this is also the deconvolution of gy."""

    def convolution_backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of W."""

    def normal(self, shape: tuple[int, ...], seed: int, xp: Any) -> Array:
        """Return float32 N(0, 1) numbers, always the same for a seed, as an array of module ``xp``."""
