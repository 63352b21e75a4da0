"""Single arrays in untrusted ``.npy`` files: their headers, and whole files mapped into memory.

Nothing in a file is run, and a header that states more than the file holds is refused before memory is taken.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from mocogan_chainer.errors import one_line
from mocogan_chainer.files import open_plain

_MOST_DIMENSIONS = 32


class NpyError(ValueError):
    """A file is not a ``.npy`` file, is damaged or is refused; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Header:
    """What stands before the values.

    Attributes:
        dtype: their type; no objects, whose values would be a pickle.
        shape: whole numbers of at least 0.
        order: "C", or "F" for Fortran order.
        size: bytes of the header itself.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    order: str
    size: int

    @property
    def end(self) -> int:
        """Bytes of the header and of the values that it speaks of."""
        return self.size + math.prod(self.shape) * self.dtype.itemsize


def read_header(file: BinaryIO) -> Header:
    """Read the header that a file begins with.

    Raises:
        NpyError: there is no header of version 1.0 or 2.0, or it states something impossible or not supported.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise NpyError(f"of .npy version {version[0]}.{version[1]}; 1.0 and 2.0 are read")
    except NpyError:
        raise
    except Exception as error:  # the header is Python's text of a dict: damage to it can raise anything
        raise NpyError(one_line(error)) from error
    if dtype.hasobject:
        raise NpyError("it holds objects, which are pickled; pickles are not opened")
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > _MOST_DIMENSIONS:
        raise NpyError("it has no shape")
    return Header(dtype, shape, "F" if fortran else "C", file.tell())


def mapped(path: str | os.PathLike) -> np.ndarray:
    """Map a file of one array, which is read as it is used and cannot be written.

    Raises:
        NpyError: it is not a whole ``.npy`` file.
        OSError: it cannot be opened.
    """
    with open_plain(path) as file:
        header = read_header(file)
        size = os.fstat(file.fileno()).st_size
        if size < header.end:
            raise NpyError(f"cut short: {header.end} bytes by its shape and type, and it has {size}")
        if header.end == header.size:
            raise NpyError("it holds no values")
        array = np.memmap(file, header.dtype, "r", header.size, header.shape, header.order)
    return array.view(np.ndarray)  # a memmap's own indexing is several times slower
