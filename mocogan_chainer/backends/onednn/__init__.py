"""Convolutions by oneDNN on the CPU, what surrounds them by compiled kernels, all in channels-last memory.

What it does not take (other arrays than float32 NumPy ones, more axes, empty ones) goes to ``stock``. The kernels are
compiled at their first use, so they are imported when the backend is taken and not before.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util

from mocogan_chainer.backends.base import Backend
from mocogan_chainer.backends.onednn import c_api, memory


@functools.cache
def available() -> bool:
    """Whether oneDNN and numba are on this machine."""
    return c_api.load() is not None and importlib.util.find_spec("numba") is not None


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 numbers."""
    return available() and c_api.load().has_bfloat16


def load(bfloat16: bool = False) -> Backend:
    """Return the backend, with its threads and memory set, whose convolutions multiply in float32 or in bfloat16."""
    memory.keep()
    importlib.import_module("mocogan_chainer.backends.onednn.kernels").set_threads()
    operations = importlib.import_module("mocogan_chainer.backends.onednn.operations")
    operations.bfloat16 = bfloat16
    return operations
