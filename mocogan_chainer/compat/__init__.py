"""Chainer 7.8.1, unmodified, on NumPy 2, Python 3.10-3.13 and CuPy 13-14.

:func:`install` puts an import hook in place, which costs nothing until ``chainer`` is imported. The patches
are in the modules of this package, a module per concern, a function per fault; each names the fault and its
place in Chainer. No file of Chainer is changed, NumPy's namespace is left as it was, and no warning filter is
touched.
"""

from __future__ import annotations

import sys

from mocogan_chainer.compat import (  # noqa: F401 (importing them registers their patches)
    chainermn,
    deprecations,
    devices,
    dtypes,
    names,
    testing,
    upstream,
    workers,
)
from mocogan_chainer.compat.devices import device_count, device_problem
from mocogan_chainer.compat.hook import PatchFinder

__all__ = ["ImportOrderError", "device_count", "device_problem", "install"]


class ImportOrderError(ImportError):
    """Chainer was imported before this package."""


def install() -> None:
    """Patch Chainer when it is imported; a second call does nothing.

    Raises:
        ImportOrderError: ``chainer`` (or a part of it) is imported already.
    """
    if any(isinstance(finder, PatchFinder) for finder in sys.meta_path):
        return
    if any(name.partition(".")[0] in ("chainer", "chainermn") for name in sys.modules):
        raise ImportOrderError(
            "chainer was imported before mocogan_chainer: put `import mocogan_chainer` above the first "
            "`import chainer` and start Python again"
        )
    sys.meta_path.insert(0, PatchFinder())
