"""Array-level primitives behind one small interface, and the choice among those who provide them.

A backend is a module with the functions of :class:`~mocogan_chainer.backends.base.Backend`. ``stock`` is the reference:
it runs everywhere, on NumPy and CuPy arrays. The others hand over to it what they do not take.
"""

from __future__ import annotations

from mocogan_chainer.backends import onednn, stock
from mocogan_chainer.backends.base import Backend, Geometry, Moments, Noise, Window
from mocogan_chainer.errors import DeviceError, require_one_of

__all__ = ["NAMES", "PRECISIONS", "Backend", "Geometry", "Moments", "Noise", "Window", "current", "use"]

NAMES = ("auto", "stock", "onednn")
PRECISIONS = ("float32", "bf16")

_HOW_TO_GET_ONEDNN = (
    "pip install numba onednn-cpu-gomp (Linux on x86-64; on Windows numba onednn-cpu-vcomp), or numba and your "
    "system's oneDNN 3.2 or later (libdnnl.so.3)"
)

_current: Backend = stock


def use(name: str, on_gpu: bool = False, precision: str = "float32") -> str:
    """Make ``name`` the backend of this process; ``auto`` takes the fastest one that works here.

    Args:
        name: one of ``NAMES``.
        on_gpu: whether the arrays will lie on a GPU.
        precision: one of ``PRECISIONS``: what convolutions multiply in; arrays and sums are float32 anyway.

    Returns:
        What was taken, and where it is not the fastest, why: one line.

    Raises:
        ConfigError: the name or the precision is unknown.
        DeviceError: the backend or the precision was named and cannot be used here.
    """
    global _current
    require_one_of("backend", name, NAMES)
    require_one_of("precision", precision, PRECISIONS)
    if name == "onednn" and on_gpu:
        raise DeviceError("backend=onednn: it computes on the CPU only; use backend=auto with --gpu")
    if name == "onednn" and not onednn.available():
        raise DeviceError(f"backend=onednn: {onednn.problem()}; {_HOW_TO_GET_ONEDNN}, or use backend=stock")
    is_stock = name == "stock" or on_gpu or not onednn.available()
    if precision == "bf16" and (is_stock or not onednn.has_bfloat16()):
        raise DeviceError(
            "precision=bf16: it takes the backend onednn on a processor that multiplies bfloat16 numbers (AVX-512 with "
            "BF16, or AMX); use precision=float32"
        )
    _current = stock if is_stock else onednn.load(bfloat16=precision == "bf16")
    if name == "auto" and not on_gpu and is_stock:
        return f"stock (slow: {onednn.problem()}; {_HOW_TO_GET_ONEDNN})"
    line = f"{_current.name} in {precision}" if precision != "float32" else _current.name
    return line if is_stock or onednn.is_compiled() else f"{line} (its kernels are compiled first: a minute, once)"


def current() -> Backend:
    """Return the backend in use."""
    return _current
