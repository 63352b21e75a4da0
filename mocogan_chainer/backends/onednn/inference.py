"""oneDNN's primitives for inference-only networks: whole layers, and pooling."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from mocogan_chainer.backends.base import Geometry, Window
from mocogan_chainer.backends.onednn import c_api as api
from mocogan_chainer.backends.onednn.c_api import Dims, Library
from mocogan_chainer.backends.onednn.memory import address
from mocogan_chainer.backends.onednn.primitives import (
    Primitive,
    buffer,
    by_group,
    c_strides,
    channels_last_strides,
    reorder,
    walk,
    weights_form,
)


class InferenceConvolution:
    """Convolution, bias, residual and ReLU of one shape as one primitive, in float32.

    Activations are in channels-last memory.

    Args:
        library: oneDNN.
        x_shape, w_shape, y_shape: (N, C, *size), (O, C / groups, *ksize), (N, O, *output size).
        geometry: of the convolution.
        residual: whether something is added.
        rectify: whether negative numbers become 0.
    """

    def __init__(
        self,
        library: Library,
        x_shape: tuple[int, ...],
        w_shape: tuple[int, ...],
        y_shape: tuple[int, ...],
        geometry: Geometry,
        residual: bool,
        rectify: bool,
    ):
        w_shape = by_group(w_shape, geometry.groups)
        x = library.descriptor(x_shape, channels_last_strides(x_shape))
        y = library.descriptor(y_shape, channels_last_strides(y_shape))
        b = library.descriptor((y_shape[1],), (1,))
        descriptor = library.create(
            "dnnl_convolution_forward_primitive_desc_create",
            library.engine,
            api.FORWARD_INFERENCE,
            api.CONVOLUTION_DIRECT,
            x,
            library.descriptor(w_shape, None),
            b,
            y,
            *walk(x_shape, w_shape, y_shape, geometry),
            library.activation_attributes(y if residual else None, rectify),
        )
        self._library = library
        self._weights = library.query(descriptor, api.QUERY_WEIGHTS)
        self._to_weights = reorder(library, library.descriptor(w_shape, c_strides(w_shape)), self._weights)
        self.form: Hashable = weights_form(library, (w_shape, False, False), self._weights)
        addend = {"FIRST_ADDEND": y} if residual else {}
        self._primitive = Primitive(library, descriptor, SRC=x, WEIGHTS=self._weights, BIAS=b, DST=y, **addend)

    def prepare(self, W: np.ndarray) -> np.ndarray:
        """Return C-ordered weights in the form that the primitive takes; ``form`` tells it from others."""
        weights = buffer(self._library, self._weights)
        self._to_weights(address(W), address(weights))
        return weights

    def __call__(
        self, x: np.ndarray, weights: np.ndarray, b: np.ndarray, y: np.ndarray, residual: np.ndarray | None
    ) -> None:
        """Fill ``y``."""
        arrays = (x, weights, b, y) if residual is None else (x, weights, b, y, residual)
        self._primitive(*map(address, arrays))


class MaxPooling:
    """Max pooling of one shape, (N, C, *size) to (N, C, *output size), both in channels-last memory."""

    def __init__(self, library: Library, x_shape: tuple[int, ...], y_shape: tuple[int, ...], window: Window):
        x = library.descriptor(x_shape, channels_last_strides(x_shape))
        y = library.descriptor(y_shape, channels_last_strides(y_shape))
        before = [pad for pad, _ in window.pads]
        after = (  # positions there of which no output sees one count as taken off
            (out - 1) * s + k - n - p
            for out, s, k, n, p in zip(y_shape[2:], window.stride, window.ksize, x_shape[2:], before, strict=True)
        )
        descriptor = library.create(
            "dnnl_pooling_forward_primitive_desc_create",
            library.engine,
            api.FORWARD_INFERENCE,
            api.POOLING_MAX,
            x,
            y,
            Dims(*window.stride),
            Dims(*window.ksize),
            Dims(),
            Dims(*before),
            Dims(*after),
            library.attributes,
        )
        self._primitive = Primitive(library, descriptor, SRC=x, DST=y)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> None:
        """Fill ``y``."""
        self._primitive(address(x), address(y))
