"""What is done with all of a network's arrays in few kernels, whose addresses travel with the kernels' arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real

import numpy as np
from chainer import backend

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.base import AdamState, Array, NonFiniteRecord
from mocogan_chainer.backends.cudnn.arrays import is_dense, steps
from mocogan_chainer.backends.cudnn.launching import NULL, Launcher, Struct

_THREADS = 256
_CHUNK = 4096  # numbers of an array that a block updates
_TENSORS = 80  # tensors in a kernel's arguments, which may take 4 KiB


def adam(
    launch: Launcher,
    parameters: Sequence[AdamState],
    *,
    rate: float | Array,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> None:
    """See :meth:`~mocogan_chainer.backends.base.Backend.adam`; the arrays are float32."""
    settings = {"beta1": beta1, "beta2": beta2, "eps": eps, "decay": decay}
    fits = [is_dense(p.w) and steps(p.w) == steps(p.m) == steps(p.v) for p in parameters]
    stock.adam([p for p, ours in zip(parameters, fits, strict=True) if not ours], rate=rate, **settings)
    numbers = [np.float32(number) for number in (1 - beta1, 1 - beta2, eps, decay)]
    tensors = [(p.w, _like(p.g, p.w), p.m, p.v) for p, ours in zip(parameters, fits, strict=True) if ours]
    for struct, chunks in _structs(tensors, ("w", "g", "m", "v")):
        launch("parameters", "adam", (chunks,), _THREADS, struct, *_number(rate), *numbers)


def adam_rate(launch: Launcher, count: Array, alpha: Array, beta1: float, beta2: float) -> Array:
    """See :meth:`~mocogan_chainer.backends.base.Backend.adam_rate`."""
    rate = backend.get_array_module(count).empty(1, np.float64)
    launch("parameters", "adam_rate", (1,), 1, count, alpha, np.float64(beta1), np.float64(beta2), rate)
    return rate


def move_average(launch: Launcher, averages: Sequence[Array], values: Sequence[Array], decay: float | Array) -> None:
    """See :meth:`~mocogan_chainer.backends.base.Backend.move_average`; what is not float32 goes to ``stock``."""
    tensors = []
    for average, value in zip(averages, values, strict=True):
        if _is_float32(average) and _is_float32(value) and average.shape == value.shape and is_dense(average):
            tensors.append((average, _like(value, average)))
        else:
            stock.move_average([average], [value], decay)
    for struct, chunks in _structs(tensors, ("average", "value")):
        launch("parameters", "move_average", (chunks,), _THREADS, struct, *_number(decay))


def add(launch: Launcher, firsts: Sequence[Array], seconds: Sequence[Array]) -> list[Array]:
    """See :meth:`~mocogan_chainer.backends.base.Backend.add`; the arrays are float32."""
    sums = [backend.get_array_module(first).empty_like(first) for first in firsts]
    tensors = [(_like(a, total), _like(b, total), total) for a, b, total in zip(firsts, seconds, sums, strict=True)]
    for struct, chunks in _structs(tensors, ("a", "b", "sum")):
        launch("parameters", "add", (chunks,), _THREADS, struct)
    return sums


def note_non_finite(launch: Launcher, arrays: Sequence[Array], step: Array, record: NonFiniteRecord) -> None:
    """See :meth:`~mocogan_chainer.backends.base.Backend.note_non_finite`; the arrays are float32 without gaps."""
    for number, (struct, chunks) in enumerate(_structs([(a,) for a in arrays], ("x",))):
        part = slice(number * _TENSORS, (number + 1) * _TENSORS)
        noted = record.since[part], record.value[part], record.last[part]
        launch("parameters", "note_non_finite", (chunks,), _THREADS, struct, step, *noted)


def _is_float32(a: Array) -> bool:
    """Whether it is such an array that holds something; a network may keep plain numbers beside its arrays."""
    return getattr(a, "dtype", None) == np.float32 and a.size > 0


def _like(a: Array, other: Array) -> Array:
    """``a`` in the memory order of ``other``, which has no gaps."""
    if steps(a) == steps(other):
        return a
    copy = backend.get_array_module(a).empty_like(other)
    copy[...] = a
    return copy


def _number(value: float | Array) -> tuple[Array, np.float64]:
    """A number as kernels take it: a pointer to it, or none and the number itself."""
    return (NULL, np.float64(value)) if isinstance(value, Real) else (value, np.float64(0))


def _structs(tensors: Sequence[tuple[Array, ...]], names: Sequence[str]) -> Iterator[tuple[Struct, int]]:
    """Yield the arrays' addresses under ``names``, as many as a kernel takes, and how many chunks they have."""
    pointers = [(name, np.uint64, _TENSORS) for name in names]
    layout = np.dtype([*pointers, ("size", np.int64, _TENSORS), ("end", np.int32, _TENSORS)], align=True)
    for start in range(0, len(tensors), _TENSORS):
        part = tensors[start : start + _TENSORS]
        sizes = [arrays[0].size for arrays in part]
        ends = np.cumsum([-(-size // _CHUNK) for size in sizes]).tolist()
        members = dict(zip(names, zip(*part, strict=True), strict=True))
        rest = [ends[-1]] * (_TENSORS - len(part))  # a kernel looks for its array by halves
        yield Struct(layout, {**members, "size": sizes, "end": ends + rest}), ends[-1]
