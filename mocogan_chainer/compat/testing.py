"""chainer.testing, which chainer.gradient_check imports, without setuptools' pkg_resources."""

from __future__ import annotations

import types
from collections.abc import Iterator
from importlib import metadata

from mocogan_chainer.compat.hook import around, stand_ins


class ResolutionError(Exception):
    """A requirement is not met."""


class WorkingSet:
    """What chainer.testing asks of pkg_resources.WorkingSet."""

    def require(self, *requirements: str) -> None:
        """Raise :class:`ResolutionError` unless every requirement (for example ``numpy>=1.10``) is met."""
        from packaging.requirements import Requirement

        for text in requirements:
            requirement = Requirement(text)
            try:
                version = metadata.version(requirement.name)
            except metadata.PackageNotFoundError:
                raise ResolutionError(text) from None
            if not requirement.specifier.contains(version, prereleases=True):
                raise ResolutionError(text)


@around("chainer.testing.helper", "chainer.testing.doctest_helper")
def no_pkg_resources(module: types.ModuleType) -> Iterator[None]:
    """testing/helper.py:6 and doctest_helper.py:3 import pkg_resources, which setuptools 81 dropped."""
    stand_in = types.ModuleType("pkg_resources")
    stand_in.ResolutionError = ResolutionError
    stand_in.WorkingSet = WorkingSet
    with stand_ins({"pkg_resources": stand_in}):
        yield
