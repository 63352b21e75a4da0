"""Convolutions by cuDNN 9 on NVIDIA GPUs, what surrounds them by our own CUDA kernels, all in channels-last memory.

What it does not handle (arrays other than float32 CuPy ones, more axes, empty ones) goes to ``stock``.
"""

from __future__ import annotations

import importlib

from mocogan_chainer.backends.base import Backend
from mocogan_chainer.backends.cudnn import library
from mocogan_chainer.backends.recorded_step import Recorder

HOW_TO_GET = library.HOW_TO_GET


def problem() -> str | None:
    """Why the backend cannot be used, on whatever device; None if it can."""
    return library.problem()


def load(precision: str = "tf32") -> Backend:
    """Return the backend for CuPy's current device.

    Args:
        precision: what convolutions multiply in: "float32", "tf32", "bf16" or "fp16".
    """
    cupy = importlib.import_module("cupy")
    convolutions = importlib.import_module("mocogan_chainer.backends.cudnn.convolutions")
    launching = importlib.import_module("mocogan_chainer.backends.cudnn.launching")
    operations = importlib.import_module("mocogan_chainer.backends.cudnn.operations")
    return operations.Operations(
        cupy.ndarray,
        launching.on_cupy,
        convolutions.load(precision),
        convolutions.load("float32"),
    )


def recorder() -> Recorder:
    """Return what records a step on CuPy's current device."""
    cupy = importlib.import_module("cupy")
    device = importlib.import_module("mocogan_chainer.backends.cudnn.device").current()
    capture = importlib.import_module("mocogan_chainer.backends.cudnn.capture")
    return capture.GraphRecorder(cupy, library.handle, device.forget_workspace)


def free_memory() -> int:
    """Return the bytes of memory that CuPy's current device has free."""
    return int(importlib.import_module("cupy").cuda.runtime.memGetInfo()[0])
