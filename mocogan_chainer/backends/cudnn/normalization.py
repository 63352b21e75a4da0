"""Statistics of channels, and normalization with what follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from chainer import backend

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.base import Array, Noise, RunningStatistics
from mocogan_chainer.backends.cudnn import activation
from mocogan_chainer.backends.cudnn.activation import empty_like, noise_arguments
from mocogan_chainer.backends.cudnn.arrays import channels_last, rows
from mocogan_chainer.backends.cudnn.launching import NULL, Launcher

_THREADS = 256  # of a block that adds up rows; these four as statistics.cuh has them
_TOGETHER = 8  # rows that a thread reads at a time
_COLUMNS = 32  # channels of a block that adds up what those gave
_LANES = 16  # threads, at most, that share a channel there

_BLOCKS = 528
"""Blocks to divide an array among: four a multiprocessor of an H100, and on every device, so that sums are the same."""


def moments(launch: Launcher, x: Array, by_sample: bool, running: RunningStatistics | None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = channels_last(x)
    table = _Table.of(x, by_sample)
    xp = backend.get_array_module(x)
    mean, variance = (xp.empty(x.shape[:2] if by_sample else x.shape[1], np.float32) for _ in range(2))
    partial = _add_rows(launch, "add_powers", table, x)
    arguments = [partial, np.float64(1 / table.rows), *table.sizes, mean, variance]
    arguments += (NULL, NULL) if running is None else (running.mean, running.variance)
    arguments += np.float64(running.decay if running else 0), np.float32(stock.unbiasing(table.rows))
    launch("statistics", "finish_moments", table.finishing_grid, table.finishing_threads, *arguments)
    return mean, variance


def normalize_rectify(
    launch: Launcher,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    eps: float,
    slope: float,
    noise: Noise | None,
) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = channels_last(x)
    y = empty_like(x)
    by = *_whole(gamma, beta, mean, variance), np.float32(eps), np.float32(slope)
    arguments = x, y, *_sizes(x, mean), *by, *noise_arguments(noise)
    launch("normalization", "normalize_rectify", activation.blocks(x.size), activation.THREADS, *arguments)
    return y


def normalize_rectify_backward(
    launch: Launcher,
    x: Array,
    gy: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    eps: float,
    slope: float,
) -> tuple[Array, Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x, gy = channels_last(x), channels_last(gy)
    gx = empty_like(x)
    by = *_whole(gamma, beta, mean, variance), np.float32(eps), np.float32(slope)
    table = _Table.of(x, by_sample=mean.ndim == 2)
    sums, rounded = _finish(launch, table, _add_rows(launch, "add_gradients", table, x, gy, of_rows=by))
    arguments = x, gy, gx, *_sizes(x, mean), *by, rounded, np.float32(1 / table.rows)
    launch("normalization", "normalize_rectify_backward", activation.blocks(x.size), activation.THREADS, *arguments)
    if table.samples > 1:
        _, rounded = _finish(launch, _Table(1, table.samples, table.channels, table.samples, 1), sums)
    return gx, rounded[0, 1], rounded[0, 0]


def _whole(*arrays: Array) -> list[Array]:
    """Arrays without gaps, in C order."""
    xp = backend.get_array_module(*arrays)
    return [xp.ascontiguousarray(a) for a in arrays]


def _sizes(x: Array, mean: Array) -> tuple[np.int64, np.int64, np.int32]:
    """Numbers in all, numbers that share moments, channels."""
    return np.int64(x.size), np.int64(x.size // mean.shape[0] if mean.ndim == 2 else x.size), np.int32(x.shape[1])


@dataclass(frozen=True)
class _Table:
    """An array as (samples, rows, channels), and the blocks that a sample's rows are divided among."""

    samples: int
    rows: int
    channels: int
    blocks: int
    block_rows: int

    @classmethod
    def of(cls, x: Array, by_sample: bool) -> _Table:
        samples = x.shape[0] if by_sample else 1
        all_rows, channels = rows(x)
        chunks = -(-channels // _THREADS)
        at_a_time = _TOGETHER * (_THREADS // min(channels, _THREADS))  # what a block reads at a time
        block_rows = max(-(-all_rows * chunks // (_BLOCKS * at_a_time)), 2) * at_a_time
        count = all_rows // samples
        return cls(samples, count, channels, -(-count // block_rows), block_rows)

    @property
    def sizes(self) -> tuple[np.int32, np.int32]:
        """Channels and blocks, as kernels take them."""
        return np.int32(self.channels), np.int32(self.blocks)

    @property
    def grid(self) -> tuple[int]:
        """The blocks that add up rows."""
        return (self.blocks * -(-self.channels // _THREADS) * self.samples,)

    @property
    def finishing_grid(self) -> tuple[int]:
        """The blocks that add up what those gave."""
        return (-(-self.channels // _COLUMNS) * self.samples,)

    @property
    def finishing_threads(self) -> int:
        """Threads of such a block."""
        return _COLUMNS * min(self.blocks, _LANES)


def _add_rows(launch: Launcher, kernel: str, table: _Table, *arrays: Array, of_rows: tuple[Any, ...] = ()) -> Array:
    """The first stage: two sums per block, (samples, blocks, 2, channels)."""
    xp = backend.get_array_module(*arrays)
    partial = xp.empty((table.samples, table.blocks, 2, table.channels), np.float64)
    sizes = np.int64(table.rows), *table.sizes, np.int64(table.block_rows)
    launch("statistics", kernel, table.grid, _THREADS, *arrays, *sizes, *of_rows, partial)
    return partial


def _finish(launch: Launcher, table: _Table, partial: Array) -> tuple[Array, Array]:
    """The second stage: (samples, 2, channels) in float64 and in float32."""
    xp = backend.get_array_module(partial)
    sums, rounded = (xp.empty((table.samples, 2, table.channels), dtype) for dtype in (np.float64, np.float32))
    arguments = partial, *table.sizes, sums, rounded
    launch("statistics", "finish_sums", table.finishing_grid, table.finishing_threads, *arguments)
    return sums, rounded
