"""Problems to plan and to check: those of a MoCoGAN step, as its networks ask them, and odd ones."""

from __future__ import annotations

import functools
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import chainer
import numpy as np

from mocogan_chainer import backends, config, models, seeding
from mocogan_chainer.backends import Geometry, stock
from mocogan_chainer.backends.cudnn.problems import Problem, pose
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.optimizer import Adam

KINDS = ("forward", "backward_data", "backward_weights")

CLOSENESS = {"float32": 2.0**-19, "tf32": 2.0**-9.9, "bf16": 2.0**-6.4, "fp16": 2.0**-9.4}
"""What :func:`deviation` is at most: two rounded factors, a rounded result where it is one, and float32's sums."""


def of_a_step(batch: int) -> list[Problem]:
    """The distinct problems of one update with 64 filters, 64 x 64 pixels and 16 frames, six classes."""
    return [scaled(problem, batch // 2) for problem in _of_two_videos()]


def odd(count: int = 64, seed: int = 0) -> list[Problem]:
    """Small problems with one to three axes, groups, and sizes that strides do not divide."""
    rng, problems = np.random.default_rng(seed), []
    while len(problems) < count:
        axes, groups = int(rng.integers(1, 4)), int(rng.integers(1, 4))

        def each(low, high, axes=axes):
            return tuple(int(n) for n in rng.integers(low, high + 1, axes))

        geometry = Geometry(each(1, 3), each(0, 2), groups)
        ksize, size, n = each(1, 4), each(1, 9), int(rng.integers(1, 4))
        c, o = (int(k) * groups for k in rng.integers(1, 9, 2))
        if min(geometry.output_size(size, ksize)) < 1:
            continue
        y = (n, o, *geometry.output_size(size, ksize))
        problems.append(pose(KINDS[len(problems) % 3], (n, c, *size), (o, c // groups, *ksize), y, geometry))
    return problems


def deviation(convolutions, problem: Problem, to_device=lambda a: a, to_host=lambda a: a) -> float:
    """How far a result is from the exact one, as part of its products' sizes, at the worst place.

    Args:
        convolutions: who computes it.
        problem: what.
        to_device: brings a NumPy array to where it computes, such as ``cupy.asarray``.
        to_host: and back, such as ``cupy.asnumpy``.
    """
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape, np.float32) for shape in (problem.x, problem.W, problem.y)]
    got = to_host(_compute(convolutions, problem, *map(to_device, arrays)))
    exact, sizes = (_compute(_STOCK, problem, *operands) for operands in _in_float64(arrays))
    return float((abs(got - exact) / np.maximum(sizes, 1e-30)).max())


_STOCK = SimpleNamespace(
    forward=stock.convolution_forward,
    backward_data=stock.convolution_backward_data,
    backward_weights=stock.convolution_backward_weights,
)


def _in_float64(arrays):
    return [a.astype(np.float64) for a in arrays], [abs(a.astype(np.float64)) for a in arrays]


def _compute(who, problem, x, W, y):
    if problem.kind == "forward":
        return who.forward(x, W, problem.geometry)
    if problem.kind == "backward_data":
        return who.backward_data(y, W, problem.x[2:], problem.geometry)
    return who.backward_weights(x, y, problem.W[2:], problem.geometry)


def scaled(problem: Problem, times: int) -> Problem:
    """The problem with a batch so many times as large."""
    x, y = ((shape[0] * times, *shape[1:]) for shape in (problem.x, problem.y))
    return replace(problem, x=x, y=y)


class _Recorder:
    """``stock``, but for convolutions, which are noted and come to nothing."""

    name = "recorder"

    def __init__(self):
        self.problems = {}

    def __getattr__(self, name):
        return getattr(stock, name)

    def convolution_forward(self, x, W, geometry):
        y = (x.shape[0], W.shape[0], *geometry.output_size(x.shape[2:], W.shape[2:]))
        return self._note(pose("forward", x.shape, W.shape, y, geometry), y)

    def convolution_backward_data(self, gy, W, x_size, geometry):
        x = (gy.shape[0], W.shape[1] * geometry.groups, *x_size)
        return self._note(pose("backward_data", x, W.shape, gy.shape, geometry), x)

    def convolution_backward_weights(self, x, gy, ksize, geometry):
        W = (gy.shape[1], x.shape[1] // geometry.groups, *ksize)
        return self._note(pose("backward_weights", x.shape, W, gy.shape, geometry), W)

    def _note(self, problem, shape):
        self.problems[problem] = None
        return np.zeros(shape, np.float32)


class _BlackFrames(chainer.dataset.Iterator):
    epoch, epoch_detail, is_new_epoch = 0, 0.0, False

    def __init__(self, *shape):
        self.batch_size, self.batch = shape[0], (np.zeros(shape, np.uint8), np.zeros(shape[0], np.int32))

    def __next__(self):
        return self.batch


@functools.cache
def _of_two_videos() -> tuple[Problem, ...]:
    family = models.build(config.resolve("infogan"), DataDescription("black", 64, 3, tuple("abcdef")))
    updater = family.updater(
        iterators={"main": _BlackFrames(2, 16, 64, 64, 3), "image": _BlackFrames(2, 64, 64, 3)},
        optimizers={name: Adam(1e-3, 0.5, 0.999, 1e-5).setup(net) for name, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["generator"], 0.9),
    )
    recorder = _Recorder()
    with mock.patch.object(backends, "_current", recorder):
        updater.update()
    return tuple(recorder.problems)
