"""NEP 50: since NumPy 2 a NumPy scalar keeps its dtype, and float64 scalars turn float32 arrays into float64.

Python floats stay weak, as every scalar was before: most patches here make Python numbers of NumPy ones.
"""

from __future__ import annotations

import types

import numpy as np

from mocogan_chainer.compat.hook import after


def plain(value: object) -> object:
    """Return a NumPy scalar as a Python number, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


@after("chainer.reporter")
def summary_in_float64(module: types.ModuleType) -> None:
    """reporter.py:298-300 adds float32 values to Python floats: that was float64 and is float32 now.

    Sums of many iterations then drift, and with them every mean and deviation that LogReport shows.
    """
    add = module.Summary.add

    def add_float64(self: object, value: object, weight: object = 1) -> None:
        add(self, _double(value), _double(weight))

    add_float64.__doc__ = add.__doc__
    module.Summary.add = add_float64


def _double(value: object) -> object:
    from chainer.backends import cuda

    if isinstance(value, np.ndarray | np.generic):
        return np.float64(value)
    return value.astype(np.float64) if isinstance(value, cuda.ndarray) else value


@after("chainer.optimizer")
def plain_hyperparameters(module: types.ModuleType) -> None:
    """optimizer.py:92 keeps hyper-parameters as given; rules mix them with arrays (adam.py:215, for one)."""

    def __setattr__(self: object, name: str, value: object) -> None:
        object.__setattr__(self, name, plain(value))

    module.Hyperparameter.__setattr__ = __setattr__


@after("chainer.link_hooks.spectral_normalization")
def plain_spectral_normalization(module: types.ModuleType) -> None:
    """link_hooks/spectral_normalization.py:30 adds eps to a float32 norm."""
    _make_arguments_plain(module.SpectralNormalization)


@after("chainer.functions.normalization.layer_normalization")
def plain_layer_normalization(module: types.ModuleType) -> None:
    """functions/normalization/layer_normalization.py:34,64 adds eps to a float32 variance."""
    _make_arguments_plain(module.LayerNormalization)


@after("chainer.functions.normalization.local_response_normalization")
def plain_local_response_normalization(module: types.ModuleType) -> None:
    """functions/normalization/local_response_normalization.py:77-78,156 mixes k, alpha, beta with arrays."""
    _make_arguments_plain(module.LocalResponseNormalization)


@after("chainer.functions.normalization.batch_normalization")
def plain_fixed_batch_normalization(module: types.ModuleType) -> None:
    """functions/normalization/batch_normalization.py:676,708 adds eps to a float32 variance."""
    _make_arguments_plain(module.FixedBatchNormalization)


@after("chainer.functions.normalization.batch_renormalization")
def plain_batch_renormalization(module: types.ModuleType) -> None:
    """functions/normalization/batch_renormalization.py:80-88 mixes eps, rmax and dmax with arrays."""
    _make_arguments_plain(module.BatchRenormalizationFunction)


def _make_arguments_plain(cls: type) -> None:
    init = cls.__init__

    def __init__(self: object, *args: object, **options: object) -> None:
        init(self, *map(plain, args), **{name: plain(value) for name, value in options.items()})

    __init__.__doc__ = init.__doc__
    cls.__init__ = __init__
