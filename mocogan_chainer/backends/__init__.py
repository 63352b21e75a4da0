"""Array-level primitives behind one small interface, and the choice among those who provide them.

A backend is a module with the functions of :class:`~mocogan_chainer.backends.base.Backend`. ``stock`` is the reference:
it runs everywhere, on NumPy and CuPy arrays. The others hand it what they do not handle.
"""

from __future__ import annotations

from mocogan_chainer.backends import cudnn, onednn, stock
from mocogan_chainer.backends.base import (
    AdamState,
    Backend,
    Geometry,
    Noise,
    NonFiniteRecord,
    RunningStatistics,
    Window,
)
from mocogan_chainer.errors import DeviceError, require_one_of

__all__ = [
    "NAMES",
    "PRECISIONS",
    "AdamState",
    "Backend",
    "Geometry",
    "Noise",
    "NonFiniteRecord",
    "RunningStatistics",
    "Window",
    "current",
    "use",
]

NAMES = ("auto", "stock", "onednn", "cudnn")
PRECISIONS = ("auto", "float32", "tf32", "bf16", "fp16")

_HOW_TO_GET_ONEDNN = (
    "pip install numba onednn-cpu-gomp (Linux on x86-64; on Windows numba onednn-cpu-vcomp), or numba and your "
    "system's oneDNN 3.2 or later (libdnnl.so.3)"
)

_current: Backend = stock


def use(name: str, on_gpu: bool = False, precision: str = "auto") -> str:
    """Make ``name`` the backend of this process; ``auto`` takes the fastest one that works here.

    Args:
        name: one of ``NAMES``.
        on_gpu: whether the arrays will lie on a GPU: CuPy's current device.
        precision: one of ``PRECISIONS``: what convolutions multiply in; arrays and sums are float32 anyway. ``auto`` is
            tf32 by cuDNN and float32 elsewhere.

    Returns:
        What was taken, and where it is not the fastest, why: one line.

    Raises:
        ConfigError: the name or the precision is unknown.
        DeviceError: the backend or the precision was named and cannot be used here.
    """
    global _current
    require_one_of("backend", name, NAMES)
    require_one_of("precision", precision, PRECISIONS)
    taken = _choose(name, on_gpu)
    if precision == "auto":
        precision = "tf32" if taken == "cudnn" else "float32"
    if precision not in _precisions(taken):
        raise DeviceError(_ABOUT_PRECISIONS[precision])
    if taken == "cudnn":
        _current = cudnn.load(precision)
        return f"cudnn in {precision}"
    if taken == "onednn":
        _current = onednn.load(bfloat16=precision == "bf16")
        line = "onednn in bf16" if precision == "bf16" else "onednn"
        return line if onednn.is_compiled() else f"{line} (its kernels are compiled first: a minute, once)"
    _current = stock
    if name == "stock":
        return "stock"
    fast, how = (cudnn, cudnn.HOW_TO_GET) if on_gpu else (onednn, _HOW_TO_GET_ONEDNN)
    return f"stock (slow: {fast.problem()}; {how})"


def current() -> Backend:
    """Return the backend in use."""
    return _current


def _choose(name: str, on_gpu: bool) -> str:
    """Return the name of the backend to take."""
    if name == "onednn" and on_gpu:
        raise DeviceError("backend=onednn: it computes on the CPU only; use backend=auto with --gpu")
    if name == "cudnn" and not on_gpu:
        raise DeviceError("backend=cudnn: it computes on NVIDIA GPUs only; name one with --gpu 0, or use backend=auto")
    if name == "stock":
        return "stock"
    fast, module, how = ("cudnn", cudnn, cudnn.HOW_TO_GET) if on_gpu else ("onednn", onednn, _HOW_TO_GET_ONEDNN)
    if module.problem() is None:
        return fast
    if name == fast:
        raise DeviceError(f"backend={name}: {module.problem()}; {how}, or use backend=stock")
    return "stock"


def _precisions(name: str) -> tuple[str, ...]:
    """The precisions of a backend on this machine."""
    if name == "cudnn":
        return ("float32", "tf32", "bf16", "fp16")
    return ("float32", "bf16") if name == "onednn" and onednn.has_bfloat16() else ("float32",)


_ABOUT_PRECISIONS = {
    "bf16": "precision=bf16: it needs the backend cudnn on a GPU, or onednn on a processor that multiplies bfloat16 "
    "numbers (AVX-512 with BF16, or AMX); use precision=float32",
    "tf32": "precision=tf32: it needs the backend cudnn on a GPU; use precision=float32",
    "fp16": "precision=fp16: it needs the backend cudnn on a GPU; use precision=float32",
}
