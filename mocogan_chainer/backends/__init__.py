"""Array-level primitives behind one small interface, and the choice among those who provide them.

A backend is a module with the functions of :class:`~mocogan_chainer.backends.base.Backend`. ``stock`` is the reference:
it runs everywhere, on NumPy and CuPy arrays. The others hand over to it what they do not take.
"""

from __future__ import annotations

from mocogan_chainer.backends import onednn, stock
from mocogan_chainer.backends.base import Backend, Geometry
from mocogan_chainer.errors import DeviceError, require_one_of

__all__ = ["NAMES", "Backend", "Geometry", "current", "use"]

NAMES = ("auto", "stock", "onednn")

_HOW_TO_GET_ONEDNN = "pip install onednn-cpu-gomp (Linux on x86-64), or your system's oneDNN 3 (libdnnl.so.3)"

_current: Backend = stock


def use(name: str, on_gpu: bool = False) -> str:
    """Make ``name`` the backend of this process; ``auto`` takes the fastest one that works here.

    Args:
        name: one of ``NAMES``.
        on_gpu: whether the arrays will lie on a GPU.

    Returns:
        What was taken, and where it is not the fastest, why: one line.

    Raises:
        ConfigError: the name is unknown.
        DeviceError: the backend was named and cannot be used here.
    """
    global _current
    require_one_of("backend", name, NAMES)
    if name == "onednn" and on_gpu:
        raise DeviceError("backend=onednn: it computes on the CPU only; use backend=auto with --gpu")
    if name == "onednn" and not onednn.available():
        raise DeviceError(f"backend=onednn: the library was not found; {_HOW_TO_GET_ONEDNN}, or use backend=stock")
    _current = stock if name == "stock" or on_gpu or not onednn.available() else onednn
    if name == "auto" and not on_gpu and _current is stock:
        return f"stock (slow: oneDNN was not found; {_HOW_TO_GET_ONEDNN})"
    return _current.name


def current() -> Backend:
    """Return the backend in use."""
    return _current
