"""A recurrent layer in the published form."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.links.initialization import fan_in_uniform


class GRU(chainer.Link):
    """A GRU in the form of cuDNN and PyTorch, over a sequence.

    Args:
        in_size: size of the inputs.
        state_size: size of the state.
        rng: draws the initial weights, uniform in +-1 / sqrt(state_size).
    """

    def __init__(self, in_size: int, state_size: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            for name, shape in (
                ("W_i", (3 * state_size, in_size)),
                ("W_h", (3 * state_size, state_size)),
                ("b_i", (3 * state_size,)),
                ("b_h", (3 * state_size,)),
            ):
                setattr(self, name, chainer.Parameter(fan_in_uniform(rng, shape, state_size)))

    def forward(self, h: Variable, inputs: Variable) -> Variable:
        """Run over a sequence.

        Args:
            h: (N, state_size), the initial state.
            inputs: (T, N, in_size).

        Returns:
            (N, T, state_size), the state after each input.
        """
        projected = functions.linear(inputs, self.W_i, self.b_i)  # (T, N, 3 * state_size)
        return functions.gru(projected, h, self.W_h, self.b_h)
