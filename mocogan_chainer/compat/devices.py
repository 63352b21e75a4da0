"""CUDA devices: Chainer must take CuPy for available exactly where there is a device to run on."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
import types
from collections.abc import Iterator

from mocogan_chainer.compat.hook import Overlay, after, around, rebind, stand_ins

_DRIVER = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
_NO_DEVICE = "the NVIDIA driver shows no device"


def device_count() -> int:
    """Return the number of CUDA devices that can be used: 0 without CuPy, driver or device. Never raises."""
    return _runtime_device_count() if device_problem() is None else 0


def device_problem() -> str | None:
    """Say in a few words why no CUDA device can be used; None when one can. Never raises.

    It starts CUDA in this process: processes forked from it later cannot use the device.
    """
    problem = _missing_part()
    if problem is not None:
        return problem
    try:
        # What chainer/backends/cuda.py:57-66 needs: cuBLAS and others may be missing although the driver works.
        from cupy.cuda import cublas  # noqa: F401  (loaded when asked for; not a module of that name)

        for name in ("cupyx.scipy.linalg", "cupyx.scipy.special"):
            importlib.import_module(name)
        count = _runtime_device_count()
    except Exception as error:
        return f"CuPy does not work here ({_first_line(error)})"
    return None if count > 0 else _NO_DEVICE


def has_device() -> bool:
    """Return whether the driver shows a device, on Linux without starting CUDA.

    Chainer is imported before a script or MultiprocessParallelUpdater forks, and a process forked after CUDA
    has started cannot use it; so this asks the management library (NVML), and CUDA only where there is none.
    """
    if _missing_part() is not None:
        return False
    count = _nvml_device_count() if sys.platform == "linux" else None
    return device_count() > 0 if count is None else _any_visible(count)


def _missing_part() -> str | None:
    if "cupy" not in sys.modules and importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    try:
        ctypes.CDLL(_DRIVER[sys.platform])
    except (KeyError, OSError):
        return "there is no NVIDIA driver"
    return None


def _runtime_device_count() -> int:
    from cupy.cuda import runtime

    return int(runtime.getDeviceCount())


def _nvml_device_count() -> int | None:
    """Return the number of devices in the machine; None when NVML cannot say."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    if nvml.nvmlInit_v2() != 0:
        return None
    count = ctypes.c_uint()
    status = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    nvml.nvmlShutdown()
    return count.value if status == 0 else None


def _any_visible(count: int) -> bool:
    """Return whether CUDA_VISIBLE_DEVICES leaves any of ``count`` devices (CUDA stops at a wrong entry)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count == 0 or visible is None:
        return count > 0
    first = visible.split(",")[0].strip()
    return first.startswith(("GPU-", "MIG-")) or (first.isdigit() and int(first) < count)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


_HIDDEN = {"cupy": None, "cupy.cuda": None, "cupy.lib.stride_tricks": None}


@around("chainer.backends.cuda")
def available_with_a_device(module: types.ModuleType) -> Iterator[None]:
    """backends/cuda.py:76 sets available as soon as CuPy can be imported, driver and device or not.

    Without a device Chainer is kept from seeing CuPy, a state that it knows; ``import cupy`` elsewhere works.
    """
    if has_device():
        with _without_advice():
            yield
    else:
        with stand_ins(_HIDDEN):
            yield
        module._resolution_error = f" No CUDA device can be used: {_missing_part() or _NO_DEVICE}."


@around("chainer.functions.pooling.unpooling_2d", "chainer.training.updaters.multiprocess_parallel_updater")
def hide_cupy(module: types.ModuleType) -> Iterator[None]:
    """unpooling_2d.py:4 and multiprocess_parallel_updater.py:15 import CuPy by themselves, device or not."""
    from chainer.backends import cuda

    with _without_advice() if cuda.available else stand_ins(_HIDDEN):
        yield


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Keep CuPy from warning of each optional library (cuDNN, NCCL) that is missing: Chainer does without them."""
    try:
        environment = importlib.import_module("cupy._environment")
    except Exception:  # Chainer is about to find out
        environment = None
    warn = getattr(environment, "_preload_warning", None)
    if warn is None:
        yield
        return
    environment._preload_warning = lambda library, error: None
    try:
        yield
    finally:
        environment._preload_warning = warn


@after("chainer.backends.cuda")
def no_cudnn_advice(module: types.ModuleType) -> None:
    """backends/cuda.py:151-159 warns, at relu.py:12, that CuPy lacks cuDNN; CuPy 14 never has it."""
    module.check_cuda_available._already_warned = True


@after("chainer.training.updaters.multiprocess_parallel_updater")
def float16_kernels(module: types.ModuleType) -> None:
    """multiprocess_parallel_updater.py:324,416 use float16 in kernels; CuPy 14 wants its header included."""
    if module.cuda._cupy_major < 14:
        return

    def elementwise(*args: object, **options: object) -> object:
        return module.cuda.elementwise(*args, preamble='#include "cupy/float16.cuh"', **options)

    for name in ("_memcpy_gather", "_memcpy_scatter"):
        rebind(module, name, cuda=Overlay(module.cuda, elementwise=elementwise))
