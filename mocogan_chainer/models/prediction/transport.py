"""Pixels of the last given frame, carried to where the motion says."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer.backends.base import Array
from mocogan_chainer.links.initialization import fan_in_uniform

HIDDEN = 128

_MOST_STRETCH = 5.0
"""Of the logarithm, either way: a frame in less than a pixel, or a pixel over a frame. Beyond, gradients overflow."""


class Transport(chainer.Chain):
    """Copies of a frame, each shifted and stretched along both axes as two moments of the motion differ.

    In the manner of the spatial transformers of Finn et al. (NIPS 2016) without rotation and shear: a copy is then two
    products with matrices of bilinear weights, whose gradients need no scattered sums.

    Args:
        dim_zm: size of a motion code.
        copies: of the frame.
        rng: draws the initial weights; at first, copies stay nearly where they are.
    """

    def __init__(self, dim_zm: int, copies: int, rng: np.random.Generator):
        super().__init__()
        self.copies = copies
        with self.init_scope():
            self.hidden = chainer.links.Linear(
                2 * dim_zm, HIDDEN, initialW=fan_in_uniform(rng, (HIDDEN, 2 * dim_zm), 2 * dim_zm)
            )
            first = 0.1 * fan_in_uniform(rng, (4 * copies, HIDDEN), HIDDEN)
            self.to_places = chainer.links.Linear(HIDDEN, 4 * copies, initialW=first)

    def forward(self, frame: Variable | Array, start: Variable, motion: Variable) -> Variable:
        """Carry each frame from the moment ``start`` to those of ``motion``.

        Args:
            frame: (N, 3, S, S).
            start: motion codes (N, dim_zm) of the frames' own moment.
            motion: motion codes (N, T, dim_zm).

        Returns:
            (N * T, copies, 3, S, S).
        """
        n, length, width = motion.shape
        side = frame.shape[-1]
        starts = F.broadcast_to(F.expand_dims(start, 1), motion.shape)
        codes = F.reshape(F.concat([starts, motion], axis=2), (n * length, 2 * width))
        moves = F.reshape(self.to_places(F.tanh(self.hidden(codes))), (n * length * self.copies, 4))
        rows, columns = (self._weights(move, side) for move in F.split_axis(moves, 2, axis=1))  # (M, S, S) each
        pixels = F.reshape(F.transpose(chainer.as_variable(frame), (0, 2, 1, 3)), (n, side, 3 * side))
        moved = F.matmul(F.reshape(rows, (n, -1, side)), pixels)  # (N, T * copies * S, 3 * S): along y
        moved = F.matmul(F.reshape(moved, (len(moves), side * 3, side)), columns, transb=True)  # and along x
        moved = F.reshape(moved, (n * length, self.copies, side, 3, side))
        return F.transpose(moved, (0, 1, 3, 2, 4))

    def _weights(self, moves: Variable, side: int) -> Variable:
        """Shift (in half frames) and logarithm of the stretch (M, 2) -> weight of each source place for each place.

        Places outside of the frame take from its border.
        """
        places = self.xp.linspace(-1, 1, side, dtype=np.float32)[None]
        shift, stretch = F.split_axis(moves, 2, axis=1)  # (M, 1) each
        shape = len(moves), side
        stretch = F.exp(F.clip(stretch, -_MOST_STRETCH, _MOST_STRETCH))
        sources = F.broadcast_to(places, shape) * F.broadcast_to(stretch, shape) + F.broadcast_to(shift, shape)
        sources = F.clip((sources + 1) * (0.5 * (side - 1)), 0.0, side - 1.0)  # in pixels
        each = F.broadcast_to(F.expand_dims(sources, 2), (*shape, side))
        return F.relu(1 - abs(each - self.xp.arange(side, dtype=np.float32)))


def blend(drawn: Variable, carried: Variable, masks: Variable) -> Variable:
    """Mix a drawn frame and carried ones at each place.

    Args:
        drawn: (M, 3, S, S).
        carried: (M, K, 3, S, S).
        masks: (M, K, S, S), each place's leaning to the carried frames; that to the drawn one is 0.

    Returns:
        (M, 3, S, S).
    """
    level = masks.xp.zeros((len(masks), 1, *masks.shape[2:]), masks.dtype)
    parts = F.softmax(F.concat([masks, level]), axis=1)  # (M, K + 1, S, S)
    frames = F.concat([carried, F.expand_dims(drawn, 1)])  # (M, K + 1, 3, S, S)
    return F.sum(frames * F.broadcast_to(F.expand_dims(parts, 2), frames.shape), axis=1)
