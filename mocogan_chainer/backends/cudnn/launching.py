"""How kernels are started."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import numpy as np

from mocogan_chainer.backends.cudnn import kernels

OPTIONS = ("-std=c++17", "--fmad=true")
"""What NVRTC is told."""


class Launcher(Protocol):
    """Starts kernels on arrays of one array module."""

    def __call__(
        self, source: str, kernel: str, blocks: tuple[int, ...], threads: int, *arguments: Any, shared: int = 0
    ) -> None:
        """Start ``kernel`` of ``kernels/source.cuh``.

        Args:
            source: the file's name without its suffix.
            kernel: the kernel's name in it.
            blocks: the grid, one to three numbers.
            threads: threads a block.
            *arguments: arrays, for pointers, in whatever memory order the kernel expects; NumPy scalars of exactly the
                types that the kernel declares; ``NULL`` for a pointer to nothing.
            shared: bytes of dynamic shared memory a block.
        """


NULL = np.uint64(0)
"""A pointer to nothing."""


def on_cupy(
    source: str, kernel: str, blocks: tuple[int, ...], threads: int, *arguments: Any, shared: int = 0
) -> None:
    """Start a kernel on CuPy arrays, on CuPy's current device and stream; see :class:`Launcher`."""
    _compiled(source, kernel)(blocks, (threads,), arguments, shared_mem=shared)


@functools.cache
def _compiled(source: str, kernel: str) -> Any:
    return _module(source).get_function(kernel)


@functools.cache
def _module(source: str) -> Any:
    import cupy  # on a machine without a device this module is read, and nothing started

    return cupy.RawModule(code=kernels.source(source), options=OPTIONS)
