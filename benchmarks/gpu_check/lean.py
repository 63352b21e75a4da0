"""A machine that has CuPy, NumPy and cuDNN's front end, and not all that the package imports.

What is imported from here on reads no settings, pictures or videos, so the libraries for these may be missing: empty
modules stand in for them. Chainer and the little that it needs may lie in a folder of wheels.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

NOT_NEEDED = ("yaml", "cv2", "ffmpeg", "imageio_ffmpeg", "PIL")


def prepare(wheels: str | None) -> list[str]:
    """Make what is missing importable, before anything of the package is imported.

    Args:
        wheels: a folder of wheels, or None.

    Returns:
        The modules that something empty stands in for.
    """
    if wheels is not None:
        place = tempfile.mkdtemp(prefix="wheels-")
        for wheel in sorted(Path(wheels).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place)
        sys.path.append(place)  # what is installed comes first
    missing = [name for name in NOT_NEEDED if importlib.util.find_spec(name) is None]
    for name in missing:
        sys.modules[name] = _Empty(name)
    return missing


class _Nothing(type):
    """Of classes that have every attribute: a function that does nothing."""

    def __getattr__(cls, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **options: None


class _Empty(types.ModuleType):
    """A module in which every name is a class that does nothing."""

    __path__: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(name, (), {})
