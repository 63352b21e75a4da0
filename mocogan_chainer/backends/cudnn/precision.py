"""What numbers convolutions multiply: forms of factors, and arrays on their way into a form and back.

Arrays are float32 outside, and products are summed in float32 in every form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from chainer import backend

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.launching import Launcher

FORMS = {
    "float32": ("float32",),
    "tf32": ("tf32",),
    "bf16": ("bf16", "tf32"),
    "fp16": ("fp16", "tf32"),
}
"""Forms that a precision allows.

- float32: factors of 24 bits, no tensor cores.
- tf32: factors rounded to 11 bits (a relative error of at most 2**-11), with float32's range, or not rounded.
- bf16: factors and results rounded to 8 bits, with float32's range; or tf32, where that is quicker.
- fp16: factors and results rounded to 11 bits, each array after multiplication by the power of two that leaves its
  largest number just so small that no sum can overflow. In sums of 2**k products, numbers smaller than 2**(k / 2 - 21)
  of their array's largest lose bits, and those smaller than 2**(k / 2 - 32) become 0; no loss scaling is needed. Or
  tf32, where that is quicker.
"""

_THREADS = 256
_MOST_BLOCKS = 1056  # 8 on each of 132 multiprocessors


class Casting:
    """Computes with two arrays in a form.

    Args:
        launch: starts kernels on the arrays.
    """

    def __init__(self, launch: Launcher):
        self._launch = launch

    def compute(
        self,
        form: str,
        terms: int,
        first: Array,
        second: Array,
        out: Array,
        multiply: Callable[[Array, Array, Array], None],
    ) -> None:
        """Call ``multiply(first, second, out)`` with the arrays in ``form``, and bring the result back.

        Args:
            form: one that a precision allows.
            terms: products in a sum, at most.
            first, second, out: float32, without gaps, from multiples of 16 bytes on; narrow arrays are flat and have
                their memory order.
            multiply: computes sums of products.
        """
        if form not in _NARROW:
            multiply(first, second, out)
            return
        result = backend.get_array_module(out).empty(out.size, np.uint16)
        _NARROW[form](self, terms, first, second, result, out, multiply)

    def _in_bf16(self, _, first, second, result, out, multiply) -> None:
        multiply(self._cast("to_bf16", first), self._cast("to_bf16", second), result)
        self._start("from_bf16", result, result, out, np.int64(out.size))

    def _in_fp16(self, terms, first, second, result, out, multiply) -> None:
        to = np.int32((15 - (terms - 1).bit_length()) // 2)  # terms * 2**to * 2**to is at most 2**15
        scales = [self._largest(a) for a in (first, second)]
        multiply(
            *(self._cast("to_fp16", a, scale, to) for a, scale in zip((first, second), scales, strict=True)), result
        )
        self._start("from_fp16", result, result, *scales, to, out, np.int64(out.size))

    def _cast(self, kernel: str, x: Array, *scale: Any) -> Array:
        y = backend.get_array_module(x).empty(x.size, np.uint16)
        self._start(kernel, x, x, *scale, y, np.int64(x.size))
        return y

    def _largest(self, x: Array) -> Array:
        largest = backend.get_array_module(x).zeros(1, np.uint32)
        self._start("find_largest", x, x, largest, np.int64(x.size))
        return largest

    def _start(self, kernel: str, over: Array, *arguments: Any) -> None:
        blocks = min(-(-over.size // (4 * _THREADS)), _MOST_BLOCKS)
        self._launch("casting", kernel, (blocks,), _THREADS, *arguments)


_NARROW = {"bf16": Casting._in_bf16, "fp16": Casting._in_fp16}
