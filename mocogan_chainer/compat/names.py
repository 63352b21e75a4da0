"""Names that Chainer 7.8.1 uses and that NumPy 2, Python 3.12 or setuptools 81 no longer have."""

from __future__ import annotations

import types
from collections.abc import Iterator

import numpy as np

from mocogan_chainer.compat.hook import Overlay, after, around, rebind, stand_ins

_SCTYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
}


@around("chainer._environment_check")
def no_environment_check(module: types.ModuleType) -> Iterator[None]:
    """_environment_check.py:6-7 imports numpy.distutils and pkg_resources, for advice on old versions."""
    gone = types.ModuleType("gone")
    with stand_ins({"numpy.distutils": gone, "numpy.distutils.system_info": gone, "pkg_resources": gone}):
        yield
    module.check = lambda: None


@around("chainer.functions.array.as_strided")
def sctypes(module: types.ModuleType) -> Iterator[None]:
    """functions/array/as_strided.py:10 (on import) and :252 (backward) read numpy.sctypes."""
    np.sctypes = _SCTYPES  # noqa: NPY201
    try:
        yield
    finally:
        del np.sctypes  # noqa: NPY201
    rebind(module.AsStridedGrad, "forward", np=Overlay(np, sctypes=_SCTYPES))


@after("chainer.functions.array.resize_images")
def numpy_float(module: types.ModuleType) -> None:
    """functions/array/resize_images.py:179-196 uses numpy.float."""
    rebind(module, "compute_indices_and_weights", numpy=Overlay(np, float=float))


@after("chainer.distributions.categorical")
def meshgrid_list(module: types.ModuleType) -> None:
    """distributions/categorical.py:74,76 adds a list to numpy.meshgrid's result, a tuple since NumPy 2."""
    listed = Overlay(np, meshgrid=lambda *args, **options: list(np.meshgrid(*args, **options)))
    rebind(module.Categorical, "log_prob", numpy=listed)
