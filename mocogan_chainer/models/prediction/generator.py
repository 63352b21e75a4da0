"""What renders a predictor's frames: encodes what a few frames show, and decodes it with each motion code."""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import Deconvolution
from mocogan_chainer.models.mocogan.generator import UpBlock
from mocogan_chainer.models.mocogan.sizes import split_size
from mocogan_chainer.models.prediction.encoders import FrameEncoder, rows
from mocogan_chainer.models.sizes import doubling_widths


class FrameGenerator(chainer.Chain):
    """Base of the generators.

    Args:
        size: height and width of frames.
        channels: of what it draws.
    """

    def __init__(self, size: int, channels: int):
        super().__init__()
        self.size, self.channels = size, channels

    @abstractmethod
    def encode(self, x: Variable) -> Variable:
        """Frames (M, 3, size, size) -> what each shows (M, ...)."""

    @abstractmethod
    def decode(self, content: Variable, motion: Variable) -> Variable:
        """Content (M, ...) and motion codes (M, dim_zm) -> (M, channels, size, size)."""

    def content(self, x: Variable | Array) -> Variable:
        """Clips (N, 3, T, size, size) -> what they show (N, ...), whatever the order of their frames."""
        each = self.encode(rows(chainer.as_variable(x)))  # (N * T, ...)
        return F.mean(F.reshape(each, (x.shape[0], x.shape[2], *each.shape[1:])), axis=1)

    def summary(self, content: Variable) -> Variable:
        """What of the content (N, ...) does not depend on where things are: (N, D)."""
        return content

    def draw(self, content: Variable, motion: Variable) -> Variable:
        """Content (N, ...) and motion codes (N, T, dim_zm) -> each frame (N * T, channels, size, size)."""
        n, length, width = motion.shape
        each = F.broadcast_to(F.expand_dims(content, 1), (n, length, *content.shape[1:]))
        return self.decode(F.reshape(each, (n * length, *content.shape[1:])), F.reshape(motion, (-1, width)))


class DeconvolutionGenerator(FrameGenerator):
    """MoCoGAN's image generator (table 4), on [content, motion]; content is numbers.

    Args:
        size: height and width of frames, 4 or 6 times a power of two.
        dim_zc, dim_zm: sizes of content and of a step of motion.
        n_filters: channels before the last layer.
        n_filters_enc: channels of the encoder's first layer.
        channels: of what it draws.
        rng: draws the initial weights.
    """

    def __init__(
        self,
        *,
        size: int,
        dim_zc: int,
        dim_zm: int,
        n_filters: int,
        n_filters_enc: int,
        channels: int,
        rng: np.random.Generator,
    ):
        super().__init__(size, channels)
        base, doublings = split_size(size)
        widths = doubling_widths(n_filters, doublings)[::-1]
        with self.init_scope():
            self.encoder = FrameEncoder(size=size, in_channels=3, n_filters=n_filters_enc, out_size=dim_zc, rng=rng)
            self.blocks = chainer.ChainList(
                UpBlock(dim_zc + dim_zm, widths[0], base, 1, 0, rng),
                *(UpBlock(i, o, 4, 2, 1, rng) for i, o in pairwise(widths)),
            )
            self.last = Deconvolution(widths[-1], channels, (4, 4), 2, 1, rng)

    def encode(self, x: Variable) -> Variable:
        """See :class:`FrameGenerator`: (M, dim_zc)."""
        return self.encoder(x)

    def decode(self, content: Variable, motion: Variable) -> Variable:
        """See :class:`FrameGenerator`."""
        h = F.reshape(F.concat([content, motion]), (len(motion), -1, 1, 1))  # (M, dim_zc + dim_zm, 1, 1)
        for block in self.blocks:
            h = block(h)  # (M, width, 4 or 6, ...), then twice the size each time
        return self.last(h)
