"""Faults of Chainer 7.8.1 itself, on any NumPy."""

from __future__ import annotations

import types

from mocogan_chainer.compat.hook import after


@after("chainer.functions.connection.deconvolution_2d")
def deconvolution_shapes(module: types.ModuleType) -> None:
    """functions/connection/deconvolution_2d.py:340 gives arrays to _set_cover_all (:350), which wants shapes.

    It shows in the backward of a deconvolution whose input needs no gradient.
    """
    function = module.Deconvolution2DFunction
    set_cover_all = function._set_cover_all

    def from_arrays_too(self: object, x: object, w: object) -> None:
        set_cover_all(self, getattr(x, "shape", x), getattr(w, "shape", w))

    function._set_cover_all = from_arrays_too
