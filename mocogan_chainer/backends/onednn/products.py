"""Matrix products of bfloat16 numbers, summed in float32, by oneDNN."""

from __future__ import annotations

import numpy as np

from mocogan_chainer.backends.onednn import c_api as api
from mocogan_chainer.backends.onednn.c_api import Library
from mocogan_chainer.backends.onednn.memory import address
from mocogan_chainer.backends.onednn.primitives import Primitive


class Product:
    """c = a b, or c += a b, for matrices of one size, each contiguous as it lies or transposed.

    Args:
        library: oneDNN.
        rows, inner, columns: a is (rows, inner), b (inner, columns) and c (rows, columns).
        transposed_a, transposed_b: whether it lies as its transpose.
        adds: whether to add to what is in c.
    """

    def __init__(
        self,
        library: Library,
        rows: int,
        inner: int,
        columns: int,
        *,
        transposed_a: bool = False,
        transposed_b: bool = False,
        adds: bool = False,
    ):
        a = library.descriptor((rows, inner), (1, rows) if transposed_a else (inner, 1), api.BFLOAT16)
        b = library.descriptor((inner, columns), (1, inner) if transposed_b else (columns, 1), api.BFLOAT16)
        c = library.descriptor((rows, columns), (columns, 1))
        attributes = library.adding_attributes() if adds else library.attributes
        create = "dnnl_matmul_primitive_desc_create"
        descriptor = library.create(create, library.engine, a, b, None, c, attributes)
        self._primitive = Primitive(library, descriptor, SRC=a, WEIGHTS=b, DST=c)
        self._sizes = rows * inner, inner * columns, rows * columns

    def __call__(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
        """Fill ``c``, or add to it; all are contiguous, ``a`` and ``b`` bfloat16 in uint16, ``c`` float32."""
        assert (a.size, b.size, c.size) == self._sizes
        assert (a.dtype, b.dtype, c.dtype) == (np.uint16, np.uint16, np.float32)
        assert all(array.flags.c_contiguous for array in (a, b, c))
        self._primitive(address(a), address(b), address(c))
