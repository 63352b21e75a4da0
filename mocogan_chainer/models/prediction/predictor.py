"""A clip that goes on: content and motion of its context, MoCoGAN's motion GRU, and what renders the frames."""

from __future__ import annotations

from dataclasses import dataclass

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import GRU
from mocogan_chainer.models.prediction.encoders import MotionEncoder
from mocogan_chainer.models.prediction.generator import FrameGenerator
from mocogan_chainer.models.prediction.transport import Transport, blend


@dataclass(frozen=True)
class Seen:
    """What a context tells.

    Attributes:
        content: (N, ...), what is shown.
        state: (N, dim_zm), where the motion goes on from.
        frame: (N, 3, size, size), the last frame.
    """

    content: Variable
    state: Variable
    frame: Variable | Array


@dataclass(frozen=True)
class Future:
    """How a context may go on.

    Attributes:
        seen: what the context tells.
        motion: (N, T, dim_zm), the motion code of each frame to come.
        frames: (N, 3, T, size, size) in [-1, 1].
    """

    seen: Seen
    motion: Variable
    frames: Variable


class Predictor(chainer.Chain):
    """Encoders, motion GRU and generator.

    Args:
        generator: encodes what is shown, and draws frames: 3 channels, and one more for each copy of the last frame
            that is carried on.
        motion_encoder: encodes how it moves.
        dim_e: numbers of noise per step.
        rng: draws the initial weights of the rest.
    """

    def __init__(self, generator: FrameGenerator, motion_encoder: MotionEncoder, dim_e: int, rng: np.random.Generator):
        super().__init__()
        self.size, self.dim_e = generator.size, dim_e
        dim_zm, copies = motion_encoder.state_size, generator.channels - 3
        with self.init_scope():
            self.generator = generator
            self.motion_encoder = motion_encoder
            self.motion = GRU(dim_e, dim_zm, rng)
            if copies:
                self.transport = Transport(dim_zm, copies, rng)

    def see(self, context: Variable | Array) -> Seen:
        """Encode context frames (N, 3, k, size, size) in [-1, 1], in the order of time."""
        return Seen(self.generator.content(context), self.motion_encoder(context)[:, -1], context[:, :, -1])

    def predict(self, seen: Seen, e: Array) -> Future:
        """Go on from a context for noise ``e`` (T, N, dim_e); noise of 0 gives the mean future."""
        motion = self.motion(seen.state, e)
        return Future(seen, motion, self.render(seen, motion))

    def reconstruct(self, seen: Seen, clip: Variable | Array) -> Variable:
        """Show what was seen moving as a whole clip (N, 3, T, size, size) does: the same shape."""
        return self.render(seen, self.motion_encoder(clip))

    def render(self, seen: Seen, motion: Variable) -> Variable:
        """Show what was seen at each moment of the motion (N, T, dim_zm): (N, 3, T, size, size) in [-1, 1]."""
        drawn = self.generator.draw(seen.content, motion)  # (N * T, 3 + copies, size, size)
        if self.generator.channels > 3:
            drawn, masks = F.split_axis(drawn, [3], axis=1)
            frames = blend(functions.tanh(drawn), self.transport(seen.frame, seen.state, motion), masks)
        else:
            frames = functions.tanh(drawn)
        return F.transpose(F.reshape(frames, (*motion.shape[:2], *frames.shape[1:])), (0, 2, 1, 3, 4))
