"""CycleGAN's residual generator, whose blocks are conditioned on the motion."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.links import Convolution, Deconvolution
from mocogan_chainer.links.initialization import fan_in_uniform
from mocogan_chainer.models.prediction.generator import FrameGenerator


class ResidualBlock(chainer.Chain):
    """Two convolutions, whose result is added to what came in; the motion code scales and shifts what lies between.

    Without that, no block could do another thing at another moment: instance normalization takes out of a feature map
    whatever is the same everywhere, as a code is.

    Args:
        channels: of everything.
        dim_zm: size of a motion code.
        rng: draws the initial weights.
    """

    def __init__(self, channels: int, dim_zm: int, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.first = Convolution(channels, channels, (3, 3), 1, 0, rng)
            self.modulation = chainer.links.Linear(
                dim_zm, 2 * channels, initialW=fan_in_uniform(rng, (2 * channels, dim_zm), dim_zm)
            )
            self.second = Convolution(channels, channels, (3, 3), 1, 0, rng)

    def forward(self, x: Variable, motion: Variable) -> Variable:
        """(M, channels, H, W) and (M, dim_zm) -> (M, channels, H, W)."""
        h = functions.instance_norm_activation(self.first(functions.reflection_pad(x, 1)))
        scale, shift = F.split_axis(
            F.reshape(self.modulation(motion), (len(x), -1, 1, 1)), 2, axis=1
        )  # (M, channels, 1, 1) each
        h = F.relu(h * F.broadcast_to(1 + scale, h.shape) + F.broadcast_to(shift, h.shape))
        return x + functions.instance_norm_activation(self.second(functions.reflection_pad(h, 1)))


class ResNetGenerator(FrameGenerator):
    """CycleGAN's residual network (Zhu et al., ICCV 2017); content is a feature map of the context's frames.

    After the two halvings, the feature map is joined with the motion code and, so that something can be put at a place
    that the code names, with each place's coordinates.

    Args:
        size: height and width of frames, a multiple of 4.
        dim_zm: size of a step of motion.
        ngf: channels before the first halving.
        n_blocks: blocks between halvings and doublings, 6 or 9 in CycleGAN.
        channels: of what it draws.
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, dim_zm: int, ngf: int, n_blocks: int, channels: int, rng: np.random.Generator):
        super().__init__(size, channels)
        wide = 4 * ngf
        with self.init_scope():
            self.first = Convolution(3, ngf, (7, 7), 1, 0, rng)
            self.down = chainer.ChainList(
                Convolution(ngf, 2 * ngf, (3, 3), 2, 1, rng), Convolution(2 * ngf, wide, (3, 3), 2, 1, rng)
            )
            self.join = Convolution(wide + dim_zm + 2, wide, (3, 3), 1, 1, rng)
            self.blocks = chainer.ChainList(*(ResidualBlock(wide, dim_zm, rng) for _ in range(n_blocks)))
            self.up = chainer.ChainList(
                Deconvolution(wide, 2 * ngf, (4, 4), 2, 1, rng), Deconvolution(2 * ngf, ngf, (4, 4), 2, 1, rng)
            )
            self.last = Convolution(ngf, channels, (7, 7), 1, 0, rng)

    def encode(self, x: Variable) -> Variable:
        """See :class:`FrameGenerator`: (M, 4 ngf, size / 4, size / 4)."""
        h = functions.instance_norm_activation(self.first(functions.reflection_pad(x, 3)), slope=0.0)
        for convolution in self.down:
            h = functions.instance_norm_activation(convolution(h), slope=0.0)
        return h

    def summary(self, content: Variable) -> Variable:
        """See :class:`FrameGenerator`: the mean and the mean square over places, (N, 8 ngf)."""
        return F.concat([F.mean(content, axis=(2, 3)), F.mean(content * content, axis=(2, 3))])

    def decode(self, content: Variable, motion: Variable) -> Variable:
        """See :class:`FrameGenerator`."""
        everywhere = F.reshape(motion, (*motion.shape, 1, 1))
        everywhere = F.broadcast_to(everywhere, (*motion.shape, *content.shape[2:]))
        places = chainer.as_variable(self.device.send(_places(len(motion), content.shape[-1])))
        h = functions.instance_norm_activation(self.join(F.concat([content, everywhere, places])), slope=0.0)
        for block in self.blocks:
            h = block(h, motion)
        for up in self.up:
            h = functions.instance_norm_activation(up(h), slope=0.0)
        return self.last(functions.reflection_pad(h, 3))


def _places(count: int, side: int) -> np.ndarray:
    """Return each place's x and y from -1 to 1, (count, 2, side, side)."""
    line = np.linspace(-1, 1, side, dtype=np.float32)
    return np.broadcast_to(np.stack(np.meshgrid(line, line)), (count, 2, side, side))
