"""What a predictor sees in its context: who is there, and how it moves."""

from __future__ import annotations

from itertools import pairwise

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.functions import SLOPE
from mocogan_chainer.links import GRU, BatchNormActivation, Convolution
from mocogan_chainer.models.mocogan.sizes import split_size
from mocogan_chainer.models.sizes import doubling_widths


class FrameEncoder(chainer.Chain):
    """Pictures to numbers: halving convolutions down to 4 or 6 pixels, and one over those.

    Args:
        size: height and width of the pictures, 4 or 6 times a power of two.
        in_channels: of the pictures.
        n_filters: channels of the first layer; the others have up to 8 times as many.
        out_size: numbers.
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, in_channels: int, n_filters: int, out_size: int, rng: np.random.Generator):
        super().__init__()
        base, halvings = split_size(size)
        widths = doubling_widths(n_filters, halvings)
        with self.init_scope():
            self.first = Convolution(in_channels, widths[0], (4, 4), 2, 1, rng)
            self.convolutions = chainer.ChainList(*(Convolution(i, o, (4, 4), 2, 1, rng) for i, o in pairwise(widths)))
            self.norms = chainer.ChainList(*(BatchNormActivation(width, SLOPE) for width in widths[1:]))
            self.to_numbers = Convolution(widths[-1], out_size, (base, base), 1, 0, rng)

    def forward(self, x: Variable | Array) -> Variable:
        """(M, in_channels, size, size) -> (M, out_size)."""
        h = functions.leaky_relu(self.first(x), SLOPE)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = norm(convolution(h))
        return F.reshape(self.to_numbers(h), (len(h), -1))


class MotionEncoder(chainer.Chain):
    """Frames and their differences, in the order of time, to the state that the motion goes on from.

    The first frame's difference is 0, so that a single one is a clip like others: its state is the image's alone.

    Args:
        size: height and width of the frames.
        n_filters: channels of the first layer.
        features: numbers of a frame on the way.
        state_size: of the state.
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, n_filters: int, features: int, state_size: int, rng: np.random.Generator):
        super().__init__()
        self.state_size = state_size
        with self.init_scope():
            self.frames = FrameEncoder(size=size, in_channels=6, n_filters=n_filters, out_size=features, rng=rng)
            self.over_time = GRU(features, state_size, rng)

    def forward(self, x: Variable | Array, after: tuple[Variable | Array, Variable | Array] | None = None) -> Variable:
        """Encode clips, or more of clips.

        Args:
            x: (N, 3, T, size, size).
            after: of the frame before the first, where there is one: the state (N, state_size) and the frame
                (N, 3, size, size).

        Returns:
            The state after each frame, (N, T, state_size).
        """
        n, _, length = x.shape[:3]
        start, before = (self.xp.zeros((n, self.state_size), np.float32), None) if after is None else after
        moves = differences(x, before)
        features = self.frames(rows(F.concat([chainer.as_variable(x), moves], axis=1)))  # (N * T, features)
        inputs = F.transpose(F.reshape(features, (n, length, -1)), (1, 0, 2))  # (T, N, features)
        return self.over_time(start, inputs)


def differences(x: Variable | Array, before: Variable | Array | None = None) -> Variable:
    """Clips (N, C, T, H, W) -> each frame less the one before, the first less ``before`` (N, C, H, W) or else 0."""
    x = chainer.as_variable(x)
    frames = F.split_axis(x, x.shape[2], axis=2)  # slices would add up their gradients number by number
    first = frames[0] if before is None else F.expand_dims(chainer.as_variable(before), 2)
    return x - F.concat([first, *frames[:-1]], axis=2)


def rows(x: Variable) -> Variable:
    """Videos (N, C, T, H, W) -> frames (N * T, C, H, W)."""
    n, channels, length, *size = x.shape
    return F.reshape(F.transpose(x, (0, 2, 1, 3, 4)), (n * length, channels, *size))
