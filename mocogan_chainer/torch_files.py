"""Reads and writes PyTorch's files without PyTorch and without executing anything.

Read are the zip form that ``torch.save`` writes since 1.6 and the form of 0.1.9 to 1.5, holding a state dict, a
checkpoint around one, or a whole module. Written is the zip form of a state dict, which torch loads with
``weights_only=True``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.files import atomic_write, open_plain
from mocogan_chainer.torch_forms import legacy_form, writing, zip_form
from mocogan_chainer.torch_forms.networks import state_dict_of
from mocogan_chainer.torch_forms.tensors import arrays_of
from mocogan_chainer.torch_forms.values import Content, shown
from mocogan_chainer.torch_forms.window import Window

_MOST_GROWTH = 8
"""Times the file's bytes that arrays may take: bfloat16 doubles, and arrays that share a storage become several."""
_ALWAYS_ALLOWED = 1 << 20
_TAR = 257, b"ustar"
"""Where a tar archive says that it is one, and how."""


def read_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a network's arrays from a file of ``torch.save``.

    Args:
        path: a file that holds a state dict; a checkpoint with one, preferably as "state_dict", "model_state_dict" or
            "model"; or a whole module, whose classes need not be there.

    Returns:
        The arrays by the names that the network's ``state_dict()`` gives them, in its order, in C order and writable;
        bfloat16 as float32. A prefix such as DataParallel's "module." stays.

    Raises:
        SnapshotError: the file is missing, damaged, of another form, without a network, or not harmless.
    """
    try:
        with open_plain(path) as file:
            window = Window(file)
            content = _read(window)
            most = _MOST_GROWTH * window.size + _ALWAYS_ALLOWED
            return arrays_of(state_dict_of(content.root), content.load, most, content.order)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such file; name a file of torch.save") from None
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error.strerror}; name a file of torch.save") from error
    except Exception as error:  # a damaged archive can raise anything
        raise SnapshotError(f"{path}: not a file of torch.save, or damaged ({shown(one_line(error), 200)})") from error


def write_state_dict(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as torch 1.6 and later save a state dict; the same arrays give the same bytes.

    Args:
        path: the file.
        arrays: by name, in the order in which they shall stand.

    Raises:
        SnapshotError: an array has a type that PyTorch 1.6 and later do not have, or a name is not a text.
        OutputError: the file cannot be written.
    """
    structure = writing.structure_of(arrays)
    with atomic_write(path) as file:
        writing.write(file, structure, arrays.values())


def _read(file: Window) -> Content:
    if not file.size:
        raise SnapshotError("it is empty")
    if file.read(len(zip_form.START)) == zip_form.START:
        return zip_form.read(file)
    place, word = _TAR
    file.seek(place)
    if file.read(len(word)) == word:
        raise SnapshotError(
            "it is a tar archive, as torch before 0.1.9 (2017) wrote, which is not read; load it with a newer PyTorch "
            "and save it again"
        )
    file.seek(0)
    return legacy_form.read(file)
