"""The import hook: patches that run as part of importing the one module that each fixes.

A patch is registered under a module's name and runs right after (or around) that module's own code, so that
nobody sees the module half-patched. Nothing is imported early and no file is changed.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.machinery import ModuleSpec

Patch = Callable[[types.ModuleType], None]
PatchAround = Callable[[types.ModuleType], Iterator[None]]

_patches: dict[str, list[Callable[[types.ModuleType], AbstractContextManager[None]]]] = {}


def around(*names: str) -> Callable[[PatchAround], PatchAround]:
    """Register a generator function of one ``yield``, at which the code of each module in ``names`` runs."""

    def register(function: PatchAround) -> PatchAround:
        for name in names:
            _patches.setdefault(name, []).append(contextlib.contextmanager(function))
        return function

    return register


def after(name: str) -> Callable[[Patch], Patch]:
    """Register a function to run on the module called ``name`` right after its code."""

    def register(function: Patch) -> Patch:
        @around(name)
        def patch(module: types.ModuleType) -> Iterator[None]:
            yield
            function(module)

        return function

    return register


class PatchFinder(importlib.abc.MetaPathFinder):
    """Leaves finding a module to the other finders and puts its patches around what they find."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module that has patches, None for any other module."""
        if name not in _patches:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = _PatchLoader(spec.loader, name)
                return spec
        return None


class _PatchLoader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader, name: str) -> None:
        self._loader = loader
        self._name = name

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        with contextlib.ExitStack() as stack:
            for patch in _patches[self._name]:
                stack.enter_context(patch(module))
            self._loader.exec_module(module)


class Overlay:
    """A module with some names replaced, to be seen by one function only (see :func:`rebind`)."""

    def __init__(self, module: types.ModuleType, **names: object) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> object:
        return getattr(self._module, name)


def rebind(owner: object, name: str, **names: object) -> None:
    """Give the function ``owner.name`` its own view of some global names.

    A whole module never gets one, because Chainer asks ``xp is numpy`` in many places.
    """
    function = getattr(owner, name)
    view = types.FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    view.__kwdefaults__ = function.__kwdefaults__
    view.__doc__ = function.__doc__
    setattr(owner, name, view)


@contextlib.contextmanager
def stand_ins(modules: dict[str, types.ModuleType | None]) -> Iterator[None]:
    """Put modules (None: "there is no such module") into ``sys.modules`` for a while."""
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update(before)
