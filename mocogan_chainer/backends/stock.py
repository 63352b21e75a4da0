"""The reference backend: Chainer's own im2col code and array-library matrix products, on NumPy and CuPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainer import backend
from chainer.utils import conv_nd

from mocogan_chainer.backends import random
from mocogan_chainer.backends.base import AdamState, Array, Geometry, Noise, NonFiniteRecord, RunningStatistics, Window

name = "stock"
adds_gradients = False


def filters(W: Array) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return W


def convolution_forward(x: Array, W: Array, geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_forward, geometry.groups, (x, 1), (W, 0), out_axis=1, geometry=geometry)


def convolution_backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_backward_data, geometry.groups, (gy, 1), (W, 0), out_axis=1, x_size=x_size, geometry=geometry)


def convolution_backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return _by_group(_backward_weights, geometry.groups, (x, 1), (gy, 1), out_axis=0, ksize=ksize, geometry=geometry)


def convolution_activation(
    x: Array, W: Array, b: Array, geometry: Geometry, residual: Array | None, rectify: bool
) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    y = convolution_forward(x, W, geometry)
    y += _as_channels(b, y)
    if residual is not None:
        y += residual
    return backend.get_array_module(y).maximum(y, 0, out=y) if rectify else y


def max_pooling(x: Array, window: Window) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(x)
    axes = len(window.ksize)
    for axis in range(axes):  # a maximum of maxima: a window of 3 x 3 x 3 takes 9 comparisons, not 27
        ksize, stride, pads = [1] * axes, [1] * axes, [(0, 0)] * axes
        ksize[axis], stride[axis], pads[axis] = window.ksize[axis], window.stride[axis], window.pads[axis]
        along = Window(tuple(ksize), tuple(stride), tuple(pads))
        size = x.shape[2:]
        y = xp.full_like(x, -xp.inf, shape=(*x.shape[:2], *along.output_size(size)))
        for data, outputs in along.taps(size):
            xp.maximum(y[outputs], x[data], out=y[outputs])
        x = y
    return x


def add_noise(x: Array, noise: Noise) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(x)
    numbers = random.normal(x.size, noise.key, xp).reshape(x.shape[0], *x.shape[2:], x.shape[1])
    numbers *= noise.sigma
    return x + xp.moveaxis(numbers, -1, 1).astype(x.dtype, copy=False)


def rectify(x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    positive = x > 0
    y = rectify_backward(positive, x, slope)  # the same multiplication
    return (y if noise is None else add_noise(y, noise)), positive


def rectify_backward(positive: Array, gy: Array, slope: float) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(gy)
    return xp.where(positive, gy, gy * gy.dtype.type(slope))


def drop(x: Array, ratio: float, key: int | Array) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(x)
    words = random.words(x.size, key, xp).reshape(x.shape[0], *x.shape[2:], x.shape[1])
    stays = xp.moveaxis(words >= xp.uint32(random.threshold(ratio)), -1, 1)
    return xp.where(stays, x * x.dtype.type(1 / (1 - ratio)), x.dtype.type(0))


def moments(x: Array, by_sample: bool = False, running: RunningStatistics | None = None) -> tuple[Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    axes = _positions(x, by_sample)
    about = x.mean(axis=axes, keepdims=True)
    rest = x - about  # a float32 sum far from 0 leaves some of the mean in it
    mean = rest.mean(axis=axes)
    mean, variance = about.reshape(mean.shape) + mean, (rest * rest).mean(axis=axes) - mean * mean
    if running is not None:
        move_running(running, mean, variance, x.size // x.shape[1])
    return mean, variance


def move_running(running: RunningStatistics, mean: Array, variance: Array, count: int) -> None:
    """Move running moments towards those of ``count`` numbers per channel, whose variance is the biased one."""
    move_average((running.mean, running.variance), (mean, variance * unbiasing(count)), running.decay)


def unbiasing(count: int) -> float:
    """What the biased variance of ``count`` numbers is multiplied by (Bessel's correction); that of one stays 0."""
    return count / max(count - 1, 1)


def normalize_rectify(
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
    gamma, beta, mean, variance = (_as_channels(a, x) for a in (gamma, beta, mean, variance))
    return rectify((x - mean) / (variance + eps) ** 0.5 * gamma + beta, slope, noise)[0]


def normalize_rectify_backward(
    x: Array, gy: Array, gamma: Array, beta: Array, mean: Array, variance: Array, eps: float, slope: float
) -> tuple[Array, Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    axes, count = _positions(x, by_sample=mean.ndim == 2), x.size // mean.size
    gamma, beta, mean, variance = (_as_channels(a, x) for a in (gamma, beta, mean, variance))
    deviation = (variance + eps) ** 0.5
    x_hat = (x - mean) / deviation
    g = rectify_backward(x_hat * gamma + beta > 0, gy, slope)
    gbeta, ggamma = g.sum(axis=axes), (g * x_hat).sum(axis=axes)
    gx = gamma / deviation * (g - _as_channels(gbeta, x) / count - x_hat * (_as_channels(ggamma, x) / count))
    return gx, ggamma.reshape(-1, x.shape[1]).sum(axis=0), gbeta.reshape(-1, x.shape[1]).sum(axis=0)


def product(a: Array, b: Array) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    return a @ b


def gru(x_projected: Array, h0: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    x = x_projected
    xp = backend.get_array_module(x)
    length, (n, size) = len(x), h0.shape
    h = xp.empty((length + 1, n, size), x.dtype)  # before and after each input
    gates = xp.empty_like(x, order="C")  # reset, update, new
    hidden_n = xp.empty((length, n, size), x.dtype)  # W_hn h + b_hn
    h[0] = h0
    W_t = xp.ascontiguousarray(W.T)
    for t in range(length):
        p = h[t] @ W_t
        p += b
        gates[t, :, : 2 * size] = xp.tanh((x[t, :, : 2 * size] + p[:, : 2 * size]) * 0.5) * 0.5 + 0.5  # sigmoid
        reset, update, new = (gates[t, :, k * size : (k + 1) * size] for k in range(3))
        hidden_n[t] = p[:, 2 * size :]
        new[...] = xp.tanh(x[t, :, 2 * size :] + reset * hidden_n[t])
        h[t + 1] = new + update * (h[t] - new)
    return h, gates, hidden_n


def gru_backward(gy: Array, W: Array, h: Array, gates: Array, hidden_n: Array) -> tuple[Array, Array, Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(W)
    length, n, size = hidden_n.shape
    gates = gates.reshape(length, n, 3, size)
    reset, update, new = (gates[:, :, k] for k in range(3))
    # A state's gradient times these is that of x_projected, and in the last third, times reset, that of W_h h + b_h.
    slopes = xp.empty_like(gates)
    slopes[:, :, 2] = (1 - update) * (1 - new * new)
    slopes[:, :, 0] = slopes[:, :, 2] * hidden_n * reset * (1 - reset)
    slopes[:, :, 1] = (h[:-1] - new) * update * (1 - update)
    to_p = slopes.copy()
    to_p[:, :, 2] *= reset

    gp = xp.empty((length, n, 3 * size), W.dtype)
    gh = xp.empty_like(hidden_n)  # of the state after each input, all that follows counted in
    carried = xp.zeros((n, size), W.dtype)
    for t in range(length - 1, -1, -1):
        xp.add(carried, gy[:, t], out=gh[t])
        xp.multiply(gh[t][:, None], to_p[t], out=gp[t].reshape(n, 3, size))
        carried = gp[t] @ W
        carried += gh[t] * update[t]
    return (gh[:, :, None] * slopes).reshape(length, n, 3 * size), gp, carried


def gather_clips(frames: Array, first: Array, step: Array, mirrored: Array, length: int) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(frames)
    x = frames[first[:, None] + step[:, None] * xp.arange(length)]  # (N, T, H, W, 3)
    x = xp.where(mirrored[:, None, None, None, None], x[:, :, :, ::-1], x).astype(xp.float32)
    x *= 1 / 127.5
    x -= 1
    return xp.moveaxis(x, -1, 1)


def adam_rate(count: Array, alpha: Array, beta1: float, beta2: float) -> Array:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    xp = backend.get_array_module(count)
    count += 1
    return alpha * xp.sqrt(1 - beta2**count) / (1 - beta1**count)


def adam(
    parameters: Sequence[AdamState], *, rate: float | Array, beta1: float, beta2: float, eps: float, decay: float
) -> None:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    rate = rate if isinstance(rate, float) else rate[0]  # of no axes, as a parameter may be
    for p in parameters:
        xp = backend.get_array_module(p.w)
        w, m, v = p.w, p.m, p.v
        g = p.g + decay * w if decay else p.g
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        w -= (rate * m / (xp.sqrt(v) + eps)).astype(w.dtype, copy=False)


def move_average(averages: Sequence[Array], values: Sequence[Array], decay: float | Array) -> None:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    for average, value in zip(averages, values, strict=True):
        stays = decay if isinstance(decay, float) else decay[0].astype(average.dtype)
        average *= stays
        average += (1 - stays) * value


def add(firsts: Sequence[Array], seconds: Sequence[Array]) -> list[Array]:
    """See :class:`~mocogan_chainer.backends.base.Backend`."""
    sums = [backend.get_array_module(first).empty_like(first) for first in firsts]
    for first, second, total in zip(firsts, seconds, sums, strict=True):
        backend.get_array_module(first).add(first, second, out=total)
    return sums


def note_non_finite(arrays: Sequence[Array], step: Array, record: NonFiniteRecord) -> None:
    """See :class:`~mocogan_chainer.backends.base.Backend`; it looks at sums."""
    xp = backend.get_array_module(step)
    sums = xp.empty(len(arrays), xp.float32)
    for i, array in enumerate(arrays):
        array.sum(out=sums[i, ...])  # one by one: stacking sends their addresses
    unseen, finite = record.since == 0, xp.isfinite(sums)
    newly = unseen & ~finite
    record.since[...] += newly * step
    xp.copyto(record.value, sums, where=newly)
    xp.copyto(record.last, sums, where=unseen & finite)


def _positions(x: Array, by_sample: bool) -> tuple[int, ...]:
    """The axes that a channel's moments are taken over."""
    return (*range(2, x.ndim),) if by_sample else (0, *range(2, x.ndim))


def _as_channels(a: Array, x: Array) -> Array:
    """(C,) or (N, C) so that it broadcasts over x (N, C, *size)."""
    return a.reshape(*a.shape, *(1,) * (x.ndim - 2))


def _by_group(
    function: Callable[..., Array],
    groups: int,
    first: tuple[Array, int],
    second: tuple[Array, int],
    out_axis: int,
    **arguments: Any,
) -> Array:
    """Apply ``function`` to each group's slice of both arrays (given with the axis to slice) and join the results."""
    if groups == 1:
        return function(first[0], second[0], **arguments)
    xp = backend.get_array_module(first[0])
    parts = zip(xp.split(first[0], groups, first[1]), xp.split(second[0], groups, second[1]), strict=True)
    return xp.concatenate([function(a, b, **arguments) for a, b in parts], axis=out_axis)


def _forward(x: Array, W: Array, geometry: Geometry) -> Array:
    xp = backend.get_array_module(x)
    g = geometry
    col = conv_nd.im2col_nd(x, W.shape[2:], g.stride, g.pad)  # (N, C, *k, *out)
    axes = tuple(range(1, W.ndim))
    y = xp.tensordot(col, W, (axes, axes))  # (N, *out, O)
    return xp.moveaxis(y, -1, 1)


def _backward_data(gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
    xp = backend.get_array_module(gy)
    g = geometry
    col = xp.tensordot(W, gy, (0, 1))  # (C, *k, N, *out)
    col = xp.moveaxis(col, W.ndim - 1, 0)  # (N, C, *k, *out)
    return conv_nd.col2im_nd(col, g.stride, g.pad, tuple(x_size))


def _backward_weights(x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
    xp = backend.get_array_module(x)
    g = geometry
    col = conv_nd.im2col_nd(x, tuple(ksize), g.stride, g.pad)  # (N, C, *k, *out)
    n_axes = len(ksize)
    out_axes = (0, *range(2, 2 + n_axes))
    col_axes = (0, *range(2 + n_axes, 2 + 2 * n_axes))
    return xp.tensordot(gy, col, (out_axes, col_axes))  # (O, C, *k)
