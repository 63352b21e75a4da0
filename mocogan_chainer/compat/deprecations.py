"""Calls that Python or NumPy deprecate and will drop."""

from __future__ import annotations

import threading
import types

import numpy as np

from mocogan_chainer.compat.hook import Overlay, after, rebind


@after("chainer.iterators.multiprocess_iterator")
def thread_daemon(module: types.ModuleType) -> None:
    """iterators/multiprocess_iterator.py:475 calls Thread.setDaemon."""

    class Thread(threading.Thread):
        def setDaemon(self, daemonic: bool) -> None:
            self.daemon = daemonic

    rebind(module._PrefetchLoop, "launch_thread", threading=Overlay(threading, Thread=Thread))


@after("chainer.dataset.convert")
def maximum_out(module: types.ModuleType) -> None:
    """dataset/convert.py:322 gives numpy.maximum its output by position."""

    def maximum(a: object, b: object, out: np.ndarray) -> np.ndarray:
        return np.maximum(a, b, out=out)

    rebind(module, "_concat_arrays_with_padding", numpy=Overlay(np, maximum=maximum))


@after("chainer.functions.math.fix")
def fix_is_trunc(module: types.ModuleType) -> None:
    """functions/math/fix.py:22 calls numpy.fix, which is deprecated since NumPy 2.5 in favour of trunc."""
    import chainer

    upstream = module.fix

    def fix(x: object) -> chainer.Variable:
        array = chainer.as_array(x)
        xp = chainer.backend.get_array_module(array)
        return chainer.as_variable(chainer.utils.force_array(xp.trunc(array), array.dtype))

    fix.__doc__ = upstream.__doc__
    module.fix = fix
