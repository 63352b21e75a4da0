"""What every backend offers: array-level primitives, without graphs or parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any  # numpy.ndarray or cupy.ndarray


@dataclass(frozen=True)
class Geometry:
    """How a convolution's kernel walks over N-D data; one number per spatial axis.

    Attributes:
        stride: steps between output positions.
        pad: zeros on each side.
        groups: channel groups that do not see each other.
    """

    stride: tuple[int, ...]
    pad: tuple[int, ...]
    groups: int = 1

    def output_size(self, size: tuple[int, ...], ksize: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial size after a convolution of data with spatial ``size``; an entry below 1 means it does not fit."""
        return tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, ksize, self.stride, self.pad, strict=True))

    def input_size(self, size: tuple[int, ...], ksize: tuple[int, ...]) -> tuple[int, ...]:
        """The smallest spatial size that a convolution shrinks to ``size`` (a deconvolution's output)."""
        return tuple(s * (n - 1) + k - 2 * p for n, k, s, p in zip(size, ksize, self.stride, self.pad, strict=True))


Index = tuple[slice, ...]


@dataclass(frozen=True)
class Window:
    """What a pooling looks at in N-D data; one number, or pair, per spatial axis.

    Attributes:
        ksize: positions under the window.
        stride: steps between output positions.
        pads: positions before and after the data, each fewer than ``ksize``.
    """

    ksize: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    def output_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial size after a pooling of data with spatial ``size``; an entry below 1 means it does not fit."""
        return tuple(
            (n + before + after - k) // s + 1
            for n, k, s, (before, after) in zip(size, self.ksize, self.stride, self.pads, strict=True)
        )

    def taps(self, size: tuple[int, ...]) -> Iterator[tuple[Index, Index]]:
        """Yield, for each position under the window in C order, where it lies in (N, C, *size), and for which outputs.

        Outputs for which it lies outside are left out.
        """
        axes = zip(size, self.output_size(size), self.ksize, self.stride, self.pads, strict=True)
        for places in itertools.product(*(_along_axis(n, out, k, s, before) for n, out, k, s, (before, _) in axes)):
            data, outputs = zip(*places, strict=True)
            yield (slice(None), slice(None), *data), (slice(None), slice(None), *outputs)


def _along_axis(size: int, outputs: int, ksize: int, stride: int, before: int) -> list[tuple[slice, slice]]:
    """Where each tap of a window lies along one axis, and for which outputs."""
    places = []
    for tap in range(ksize):
        first = max(-(-(before - tap) // stride), 0)
        count = max(min((size - 1 + before - tap) // stride, outputs - 1) - first + 1, 0)
        start = first * stride + tap - before
        places.append((slice(start, start + count * stride, stride), slice(first, first + count)))
    return places


@dataclass(frozen=True)
class Noise:
    """Normal numbers to add to an array.

    Attributes:
        key: 64 bits that name the stream (:mod:`mocogan_chainer.backends.random`), or a device's array of one uint64,
            which is looked up when the numbers are made: work that is recorded once and run many times needs it there.
        sigma: standard deviation.
    """

    key: int | Array
    sigma: float


@dataclass(frozen=True)
class AdamState:
    """A parameter and its moments, as Adam updates them; four float32 arrays of one shape.

    Attributes:
        w: the weights.
        g: their gradient.
        m, v: its moments of first and second order.
    """

    w: Array
    g: Array
    m: Array
    v: Array


@dataclass(frozen=True)
class RunningStatistics:
    """Means and variances of channels that follow those of batches.

    Attributes:
        mean, variance: (C,).
        decay: how much of them stays each time.
    """

    mean: Array
    variance: Array
    decay: float


@dataclass(frozen=True)
class NonFiniteRecord:
    """Where n arrays were first not finite, over all steps so far.

    Attributes:
        since: int64 (n,), the step in which an array first held a number that is not finite; 0: there was none.
        value: float32 (n,), of an array of one number what it was then.
        last: float32 (n,), of an array of one number what it was the time before; nan: there was none.
    """

    since: Array
    value: Array
    last: Array


class Backend(Protocol):
    """The primitives; ``x`` is (N, C, *size), ``W`` (O, C / groups, *ksize), ``y`` (N, O, *output_size).

    Arrays may have any memory order; results may come in channels-last memory under the same logical shape. Noise is
    added in the order of channels-last memory: number i of its stream goes to position i of (N, *size, C).
    """

    name: str
    adds_gradients: bool
    """Whether gradients of a loss in parts are for :meth:`add`. Otherwise Chainer adds them, one parameter after the
    other as it goes, which takes the least memory."""

    def filters(self, W: Array) -> Array:
        """Return W in the memory order that convolutions take quickest, which is that of its gradient too."""

    def convolution_forward(self, x: Array, W: Array, geometry: Geometry) -> Array:
        """Return y."""

    def convolution_backward_data(self, gy: Array, W: Array, x_size: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of x, whose spatial size is ``x_size``; this is also the deconvolution of gy."""

    def convolution_backward_weights(self, x: Array, gy: Array, ksize: tuple[int, ...], geometry: Geometry) -> Array:
        """Return the gradient of W."""

    def convolution_activation(
        self, x: Array, W: Array, b: Array, geometry: Geometry, residual: Array | None, rectify: bool
    ) -> Array:
        """Return y plus b (O,) and the residual; with ``rectify`` negative numbers become 0.

        It is for inference-only networks: float32 arrays are never computed in less, and W costs least while its
        numbers stay the same.
        """

    def max_pooling(self, x: Array, window: Window) -> Array:
        """Return the maxima under the window, (N, C, *output_size)."""

    def add_noise(self, x: Array, noise: Noise) -> Array:
        """Return x plus noise."""

    def rectify(self, x: Array, slope: float, noise: Noise | None) -> tuple[Array, Array]:
        """Return LeakyReLU(x), plus noise, and where x is positive (bool)."""

    def rectify_backward(self, positive: Array, gy: Array, slope: float) -> Array:
        """Return the gradient of x, which is positive where ``positive`` says."""

    def drop(self, x: Array, ratio: float, key: int | Array) -> Array:
        """Return x / (1 - ratio), and 0 where the word of the stream ``key`` is less than ratio 2**32.

        Words lie as noise does: number i of them decides over position i of (N, *size, C).
        """

    def moments(
        self, x: Array, by_sample: bool = False, running: RunningStatistics | None = None
    ) -> tuple[Array, Array]:
        """Return each channel's mean and biased variance, (C,), or those of each sample, (N, C).

        ``running`` moves towards a channel's mean and unbiased variance in place.
        """

    def normalize_rectify(
        self,
        x: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        variance: Array,
        eps: float,
        slope: float,
        noise: Noise | None,
    ) -> Array:
        """Return LeakyReLU((x - mean) / sqrt(variance + eps) * gamma + beta), plus noise.

        gamma and beta are (C,), the moments (C,) or (N, C).
        """

    def normalize_rectify_backward(
        self,
        x: Array,
        gy: Array,
        gamma: Array,
        beta: Array,
        mean: Array,
        variance: Array,
        eps: float,
        slope: float,
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of x, gamma and beta, where mean and variance are those of x, or of its samples."""

    def product(self, a: Array, b: Array) -> Array:
        """Return the matrix product of a (M, K) and b (K, N): (M, N). Both may be transposed views."""

    def gru(self, x_projected: Array, h0: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
        """Run a GRU in the form of cuDNN and PyTorch (:func:`mocogan_chainer.functions.gru`) over a sequence.

        Args:
            x_projected: (T, N, 3H), gates in order reset, update, new.
            h0: (N, H).
            W: (3H, H).
            b: (3H,).

        Returns:
            States before and after each input (T + 1, N, H), gates (T, N, 3H), and the hidden state's part of the new
            gate, W_hn h + b_hn (T, N, H): the ``hidden_n`` of the backward pass.
        """

    def gru_backward(self, gy: Array, W: Array, h: Array, gates: Array, hidden_n: Array) -> tuple[Array, Array, Array]:
        """Backpropagation through time; gy (N, T, H) is the gradient of the states after each input.

        Returns:
            The gradients of x_projected (T, N, 3H), of W_h h + b_h at each step (T, N, 3H), and of h0 (N, H).
        """

    def gather_clips(self, frames: Array, first: Array, step: Array, mirrored: Array, length: int) -> Array:
        """Cut clips out of frames that lie on the device.

        Args:
            frames: uint8 (F, H, W, 3).
            first: int64 (N,), the number of each clip's first frame.
            step: int32 (N,), from one frame of a clip to its next.
            mirrored: bool (N,), whether a clip is mirrored left to right.
            length: T, frames per clip.

        Returns:
            float32 (N, 3, T, H, W) in [-1, 1].
        """

    def adam_rate(self, count: Array, alpha: Array, beta1: float, beta2: float) -> Array:
        """Count one update more, on the device, and return its step size.

        Args:
            count: int64 (1,), the updates made so far; it grows by one in place.
            alpha: float64 (1,), the step size before the correction of the moments' start.

        Returns:
            float64 (1,), alpha sqrt(1 - beta2**count) / (1 - beta1**count).
        """

    def adam(
        self,
        parameters: Sequence[AdamState],
        *,
        rate: float | Array,
        beta1: float,
        beta2: float,
        eps: float,
        decay: float,
    ) -> None:
        """Update weights and moments in place by gradient g + decay w: w -= rate m / (sqrt(v) + eps).

        ``rate`` may be what :meth:`adam_rate` returned.
        """

    def move_average(self, averages: Sequence[Array], values: Sequence[Array], decay: float | Array) -> None:
        """Move each average towards its value in place: decay average + (1 - decay) value.

        ``decay`` may be a device's array of one float64.
        """

    def add(self, firsts: Sequence[Array], seconds: Sequence[Array]) -> list[Array]:
        """Return the sums of arrays and others of the same shapes, as new arrays in the memory order of the first."""

    def note_non_finite(self, arrays: Sequence[Array], step: Array, record: NonFiniteRecord) -> None:
        """Look for numbers that are not finite, and note in ``record`` where they are the first; nothing is read back.

        Args:
            arrays: of floats; a backend may look at their sums alone, which such a number spoils.
            step: int64 (1,), the number of the step, from 1.
            record: of these arrays, in this order; updated in place.
        """
