"""Convolutions by oneDNN on the CPU, what surrounds them by compiled kernels, all in channels-last memory.

What it does not handle (arrays other than float32 NumPy ones, more axes, empty ones) goes to ``stock``. The kernels are
compiled at their first use, so they are imported when the backend is taken and not before.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from mocogan_chainer.backends.base import Backend
from mocogan_chainer.backends.onednn import c_api, memory


@functools.cache
def problem() -> str | None:
    """Why the backend cannot be used on this machine; None if it can."""
    if c_api.load() is None:
        return "oneDNN was not found"
    try:
        importlib.import_module("mocogan_chainer.backends.onednn.kernels.activation")
    except ModuleNotFoundError:
        return "numba was not found"
    except (ImportError, RuntimeError) as error:  # not for this NumPy; no folder where it may keep what it compiled
        return f"numba cannot be used ({' '.join(str(error).split())})"
    return None


def available() -> bool:
    """Whether oneDNN and numba are on this machine."""
    return problem() is None


def is_compiled() -> bool:
    """Whether an earlier run has compiled the kernels; else that takes most of a minute now."""
    kernels = importlib.import_module("mocogan_chainer.backends.onednn.kernels.activation")
    return any(Path(kernels.normalize.stats.cache_path).glob("activation.normalize-*.nbi"))


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
