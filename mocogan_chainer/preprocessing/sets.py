"""Finds the raw datasets: every module of this package that defines a :class:`Source` is one."""

from __future__ import annotations

import importlib
import pkgutil

from mocogan_chainer import preprocessing
from mocogan_chainer.errors import ConfigError, nearest
from mocogan_chainer.preprocessing.source import Source


def sets() -> dict[str, type[Source]]:
    """Return every raw dataset by its name, sorted."""
    found: dict[str, type[Source]] = {}
    for info in pkgutil.iter_modules(preprocessing.__path__):
        module = importlib.import_module(f"{preprocessing.__name__}.{info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, Source) and hasattr(value, "NAME"):
                found[value.NAME] = value
    return dict(sorted(found.items()))


def find(name: str) -> type[Source]:
    """Return the raw dataset called ``name``.

    Raises:
        ConfigError: there is none.
    """
    known = sets()
    if name not in known:
        raise ConfigError(f"{name}: no such dataset; it must be one of {', '.join(known)}{nearest(name, known)}")
    return known[name]
