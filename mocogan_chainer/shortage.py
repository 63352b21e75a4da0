"""Memory that ran out: who asked for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mocogan_chainer.errors import ShortageError, one_line

_OF_LIBRARIES = ("cudaErrorMemoryAllocation", "ALLOC_FAILED", "out of memory")
"""In the messages of CUDA's libraries, whose errors are of types that are there only where CUDA is."""


@contextlib.contextmanager
def memory_errors_as_shortage(kind: str, part: str) -> Iterator[None]:
    """Let memory that runs out in the block be a :class:`~mocogan_chainer.errors.ShortageError`.

    Args:
        kind: see :class:`~mocogan_chainer.errors.ShortageError`.
        part: who asks, in words.
    """
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        raise ShortageError(kind, part, one_line(error)) from error


def is_shortage(error: Exception) -> bool:
    """Whether an error says that memory ran out, of the host (NumPy, oneDNN, numba) or of a GPU (CuPy, CUDA)."""
    if isinstance(error, MemoryError):  # CuPy's is one too
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OF_LIBRARIES)
