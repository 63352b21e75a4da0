"""cuDNN 9 and its Python front end: where they are found, and their handles."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import os
import sys
import sysconfig
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

HOW_TO_GET = (
    'pip install "nvidia-cudnn-frontend>=1.24,<1.27" and, for cupy-cuda12x, nvidia-cudnn-cu12 (for cupy-cuda13x, '
    "nvidia-cudnn-cu13)"
)

_CUDART = {12: "nvidia/cuda_runtime/lib/libcudart.so.12", 13: "nvidia/cu13/lib/libcudart.so.13"}
_CUDNN = "nvidia/cudnn/lib/libcudnn.so.9"
_handles = threading.local()


@functools.cache
def problem() -> str | None:
    """Why cuDNN cannot be used, whatever the device; None if it can."""
    try:
        cudnn = load()
        version = cudnn.backend_version()
    except ModuleNotFoundError:
        return "nvidia-cudnn-frontend was not found"
    except (ImportError, OSError, RuntimeError, AssertionError) as error:
        return f"cuDNN was not found ({' '.join(str(error).split())})"
    if not 90000 <= version < 100000:
        return f"cuDNN {version // 10000} was found, and 9 is needed"
    return None


@functools.cache
def load() -> ModuleType:
    """Return the front end, with the libraries loaded that it looks for by their bare names.

    Raises:
        ImportError: there is no front end, or it cannot be read here.
        RuntimeError: it found no cuDNN.
    """
    if importlib.util.find_spec("cudnn") is None:
        raise ModuleNotFoundError("cudnn")
    if sys.platform == "linux":
        _preload()
    cudnn = _import_alone()
    cudnn.backend_version()
    return cudnn


def version() -> str:
    """cuDNN's version, such as 9.10.2."""
    number = load().backend_version()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def handle() -> Any:
    """The handle of CuPy's current device and this thread, on CuPy's current stream."""
    import cupy  # the rest of this module works without a device

    cudnn, device, stream = load(), cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr
    handles, streams = (_handles.__dict__.setdefault(name, {}) for name in ("of", "on"))
    if device not in handles:
        handles[device] = cudnn.create_handle()
    if streams.get(device) != stream:  # not again within a capture
        cudnn.set_stream(handle=handles[device], stream=stream)
        streams[device] = stream
    return handles[device]


def _import_alone() -> ModuleType:
    """Import the front end, without PyTorch, which it imports where there is one: seconds, for wrappers of its own."""
    if "torch" in sys.modules:
        return importlib.import_module("cudnn")
    sys.modules["torch"] = None  # type: ignore[assignment]  # "not there"
    try:
        return importlib.import_module("cudnn")
    finally:
        del sys.modules["torch"]


def _preload() -> None:
    """Load the CUDA runtime that CuPy is made for, and cuDNN, from where pip puts them.

    The front end asks the system for a runtime by its bare name, where what is loaded already counts, and must not find
    two; of two, its later versions take the one that the environment names.
    """
    for major in _cuda_majors():
        if _loaded(_CUDART[major]):
            os.environ.setdefault("CUDNN_FRONTEND_CUDART_LIB_NAME", f"libcudart.so.{major}")
            break
    else:
        _load_with_pathfinder()
    chosen = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    if not any(Path(folder, "libcudnn.so.9").exists() for folder in chosen):  # which the front end would take
        _loaded(_CUDNN)


def _cuda_majors() -> list[int]:
    """CUDA's major versions, CuPy's first."""
    try:
        import cupy

        ours = cupy.cuda.runtime.runtimeGetVersion() // 1000
    except (ImportError, RuntimeError, AttributeError):
        ours = None
    return sorted(_CUDART, key=lambda major: major != ours)


def _loaded(name: str) -> bool:
    """Load a wheel's library, so that its bare name means it from now on; whether it is there."""
    for path in (folder / name for folder in _folders()):
        if path.exists():
            with contextlib.suppress(OSError):  # for another machine
                ctypes.CDLL(str(path))
                return True
    return False


def _folders() -> list[Path]:
    """Where wheels are unpacked, in the front end's order: both have to load the same file."""
    found = importlib.util.find_spec("nvidia")
    others = (found.submodule_search_locations if found else None) or ()
    return [Path(sysconfig.get_path("purelib")), *(Path(folder).parent for folder in others)]


def _load_with_pathfinder() -> None:
    """Load the CUDA runtime of a toolkit or of conda, by what CuPy 14 finds its own libraries with."""
    with contextlib.suppress(ImportError, RuntimeError):
        importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib("cudart")
