"""Worker processes that start from nothing (spawn, forkserver) need this package before Chainer."""

from __future__ import annotations

import types

from mocogan_chainer.compat.hook import after, rebind


def setup(*arguments: object) -> None:
    """Start a worker of MultiprocessIterator; unpickling this function's name imports this package."""
    from chainer.iterators import multiprocess_iterator

    multiprocess_iterator._fetch_setup(*arguments)


@after("chainer.iterators.multiprocess_iterator")
def package_first(module: types.ModuleType) -> None:
    """iterators/multiprocess_iterator.py:466 gives workers a function of Chainer's, to import before all."""
    rebind(module._PrefetchLoop, "launch_thread", _fetch_setup=setup)
