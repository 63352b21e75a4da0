"""float32 to bfloat16: its upper half, rounded."""

from __future__ import annotations

import numpy as np
from numba import njit, prange, uint16, uint32

from mocogan_chainer.backends.onednn import memory

_BLOCK = 1 << 14


@njit(inline="always")
def rounded(bits):
    """The bfloat16 number next to a float32 number's bits, the even one of two; NaN stays NaN."""
    odd = (bits >> uint32(16)) & uint32(1)
    nearest = uint32(bits + uint32(0x7FFF) + odd) >> uint32(16)
    is_nan = (bits & uint32(0x7FFFFFFF)) > uint32(0x7F800000)
    return uint16((bits >> uint32(16)) | uint32(0x40)) if is_nan else uint16(nearest)


@njit(inline="always")
def _round_row(bits, out):
    for i in range(out.size):
        out[i] = rounded(bits[i])


@njit(parallel=True, cache=True)
def _round(bits, out):
    for block in prange((bits.size + _BLOCK - 1) // _BLOCK):
        part = slice(block * _BLOCK, min(block * _BLOCK + _BLOCK, bits.size))
        _round_row(bits[part], out[part])


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Return contiguous float32 ``x`` as bfloat16, in uint16."""
    out = memory.empty(x.shape, np.uint16)
    _round(x.reshape(-1).view(np.uint32), out.reshape(-1))
    return out
