"""How kernels are started."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn import kernels

OPTIONS = ("-std=c++17", "--fmad=true")
"""Options for NVRTC."""


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
            threads: threads per block.
            *arguments: arrays, for pointers, in whatever memory order the kernel expects; NumPy scalars of exactly the
                types that the kernel declares; ``NULL`` for a pointer to nothing; :class:`Struct`.
            shared: bytes of dynamic shared memory per block.
        """


NULL = np.uint64(0)
"""A pointer to nothing."""


@dataclass(frozen=True)
class Struct:
    """A struct of C arrays that travels by value: a table on the device would have to be copied there from the host.

    Attributes:
        layout: the struct as the kernel declares it (``align=True``), 4096 bytes at most with all other arguments.
        members: what each holds from its start on, arrays for their addresses or whole numbers; the rest is 0.
    """

    layout: np.dtype
    members: Mapping[str, Sequence[Array | int]]

    def arrays(self) -> list[Array]:
        """Its arrays, in the order in which :meth:`pack` asks for their addresses."""
        return [value for values in self.members.values() for value in values if not isinstance(value, int)]

    def pack(self, address: Callable[[Array], int]) -> np.ndarray:
        """Return its bytes as an array of no axes; ``address`` says where an array lies."""
        packed = np.zeros((), self.layout)
        for name, values in self.members.items():
            packed[name][: len(values)] = [value if isinstance(value, int) else address(value) for value in values]
        return packed


def on_cupy(source: str, kernel: str, blocks: tuple[int, ...], threads: int, *arguments: Any, shared: int = 0) -> None:
    """Start a kernel on CuPy arrays, on CuPy's current device and stream; see :class:`Launcher`."""
    values = tuple(a.pack(lambda array: array.data.ptr) if isinstance(a, Struct) else a for a in arguments)
    _compiled(source, kernel)(blocks, (threads,), values, shared_mem=shared)


@functools.cache
def _compiled(source: str, kernel: str) -> Any:
    return _module(source).get_function(kernel)


@functools.cache
def _module(source: str) -> Any:
    import cupy  # on a machine without a device this module is read, and nothing started

    return cupy.RawModule(code=kernels.source(source), options=OPTIONS)
