"""Convolutions by cuDNN: float32 arrays in, results out in channels-last memory, gradients of filters too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from chainer import backend

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.base import Array, Geometry
from mocogan_chainer.backends.cudnn import chosen_plans, device
from mocogan_chainer.backends.cudnn.arrays import channels_last, copied_channels_last, empty_channels_last
from mocogan_chainer.backends.cudnn.chosen_plans import ChosenPlans
from mocogan_chainer.backends.cudnn.launching import Launcher, on_cupy
from mocogan_chainer.backends.cudnn.plans import Choice, Plans
from mocogan_chainer.backends.cudnn.precision import FORMS, Casting
from mocogan_chainer.backends.cudnn.problems import Problem, pose

_ALIGNMENT = 16  # bytes: the alignment given to cuDNN for every array


class CudnnConvolutions:
    """See :class:`~mocogan_chainer.backends.cudnn.operations.Convolutions`.

    A problem's first computation chooses a plan for it, which may take seconds; the choice lasts, and so do results'
    bits. What cuDNN has no plan for, ``stock`` computes.

    Args:
        precision: a key of :data:`~mocogan_chainer.backends.cudnn.precision.FORMS`, which says what each gives.
        launch: starts kernels on the arrays.
        current_device: where cuDNN computes now.
        folder: keeps choices between runs.
    """

    def __init__(self, precision: str, launch: Launcher, current_device: Callable[[], Any], folder: Path):
        self._precision = precision
        self._casting = Casting(launch)
        self._device = current_device
        self._folder = folder
        self._plans: dict[Any, Plans] = {}

    def takes(self, x_shape: tuple[int, ...], W_shape: tuple[int, ...], geometry: Geometry) -> bool:
        """One to three spatial axes, and shapes that go together."""
        if not 3 <= len(x_shape) == len(W_shape) <= 5 or min(*x_shape, *W_shape) < 1:
            return False
        groups, channels, outputs = geometry.groups, x_shape[1], W_shape[0]
        fits = min(geometry.output_size(x_shape[2:], W_shape[2:])) >= 1
        return fits and channels == W_shape[1] * groups and outputs % groups == 0

    def forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        shape = (x.shape[0], W.shape[0], *geometry.output_size(x.shape[2:], W.shape[2:]))
        y = empty_channels_last(backend.get_array_module(x), shape, np.float32)
        problem = pose("forward", x.shape, W.shape, shape, geometry)
        if self._compute(problem, x, W, y):
            return y
        return stock.convolution_forward(x, W, geometry)

    def backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        shape = (gy.shape[0], W.shape[1] * geometry.groups, *x_size)
        gx = empty_channels_last(backend.get_array_module(gy), shape, np.float32)
        problem = pose("backward_data", shape, W.shape, gy.shape, geometry)
        if self._compute(problem, gy, W, gx):
            return gx
        return stock.convolution_backward_data(gy, W, x_size, geometry)

    def backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """See :class:`~mocogan_chainer.backends.base.Backend`."""
        shape = (gy.shape[1], x.shape[1] // geometry.groups, *ksize)
        gW = empty_channels_last(backend.get_array_module(x), shape, np.float32)
        problem = pose("backward_weights", x.shape, shape, gy.shape, geometry)
        if self._compute(problem, x, gy, gW):
            return gW
        return stock.convolution_backward_weights(x, gy, ksize, geometry)

    def _compute(self, problem: Problem, first: Array, second: Array, out: Array) -> bool:
        """Compute ``out``; whether cuDNN has a plan for it."""
        where, first, second = self._device(), _as_taken(first), _as_taken(second)

        def run(choice: Choice, workspace: Callable[[int], Array | None]) -> None:
            form, plan = choice
            multiply = functools.partial(plan, workspace=workspace(plan.workspace))
            self._casting.compute(form, problem.terms, first, second, out, multiply)

        plans = self._plans_on(where)
        choice = plans.find(problem, lambda choice: run(choice, where.passing_workspace))
        if choice is None:
            return False
        run(choice, where.workspace)
        return True

    def _plans_on(self, where: Any) -> Plans:
        if where not in self._plans:
            chosen = ChosenPlans(self._folder, where.label)
            self._plans[where] = Plans(where, self._precision, FORMS[self._precision], chosen)
        return self._plans[where]


@functools.cache
def load(precision: str = "tf32") -> CudnnConvolutions:
    """Convolutions on CuPy's arrays.

    Args:
        precision: "float32", "tf32", "bf16" or "fp16"; :data:`~mocogan_chainer.backends.cudnn.precision.FORMS` says
            what each gives.
    """
    return CudnnConvolutions(precision, on_cupy, device.current, chosen_plans.folder())


def _as_taken(a: Array) -> Array:
    """The array in channels-last memory, from an address on that cuDNN takes."""
    a = channels_last(a)
    return a if address(a) % _ALIGNMENT == 0 else copied_channels_last(a)


def address(a: Array) -> int:
    """Where an array of CuPy's or NumPy's begins."""
    return a.data.ptr if hasattr(a.data, "ptr") else a.ctypes.data
