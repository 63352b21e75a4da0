"""MoCoGAN's generator: a GRU that draws a path of motion codes and a deconvolution network that draws its frames."""

from __future__ import annotations

from itertools import pairwise

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.links import GRU, BatchNormActivation, Deconvolution
from mocogan_chainer.models.mocogan.codes import Codes, CodeSizes, one_hot
from mocogan_chainer.models.mocogan.sizes import split_size
from mocogan_chainer.models.sizes import doubling_widths


class UpBlock(chainer.Chain):
    """Deconvolution, batch normalization, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, ksize: int, stride: int, pad: int, rng: np.random.Generator
    ):
        super().__init__()
        with self.init_scope():
            self.conv = Deconvolution(in_channels, out_channels, (ksize, ksize), stride, pad, rng)
            self.norm = BatchNormActivation(out_channels, slope=0)

    def forward(self, x: Variable) -> Variable:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return self.norm(self.conv(x))


class Generator(chainer.Chain):
    """The motion network R_M and the image generator G_I (MoCoGAN, section 3.1 and table 4).

    Args:
        size: height and width of the frames, 4 or 6 times a power of two.
        n_filters: channels before the last layer.
        code_sizes: sizes of content, category and motion.
        category_to: where the category enters: "image_generator" (the code of every frame, as in the published code) or
            "motion" (the GRU's input, the paper's better setting).
        rng: draws the initial weights.
    """

    def __init__(self, *, size: int, n_filters: int, code_sizes: CodeSizes, category_to: str, rng: np.random.Generator):
        super().__init__()
        self.size = size
        self.code_sizes = code_sizes
        self.category_to = category_to
        base, doublings = split_size(size)
        out_channels = doubling_widths(n_filters, doublings)[::-1]
        sizes = code_sizes
        to_motion = sizes.categories if category_to == "motion" else 0
        code_size = sizes.content + sizes.categories - to_motion + sizes.motion
        with self.init_scope():
            self.motion = GRU(sizes.motion + to_motion, sizes.motion, rng)
            self.blocks = chainer.ChainList(
                UpBlock(code_size, out_channels[0], base, 1, 0, rng),
                *(UpBlock(i, o, 4, 2, 1, rng) for i, o in pairwise(out_channels)),
            )
            self.to_rgb = Deconvolution(out_channels[-1], 3, (4, 4), 2, 1, rng)

    def draw_motion(self, codes: Codes) -> Variable:
        """Return z_motion (N, T, motion), the GRU's states over the codes' ``h0`` and ``e``."""
        e = codes.e
        if self.category_to == "motion":
            category = one_hot(codes.z_category, self.code_sizes.categories, self.xp)  # (N, K)
            category = self.xp.broadcast_to(category, (len(e), *category.shape))  # (T, N, K)
            e = self.xp.concatenate([e, category], axis=2)
        return self.motion(codes.h0, e)

    def assemble(self, codes: Codes, z_motion: Variable) -> Variable:
        """Return the code of each frame, (N, T, code size), in the published order content, category, motion."""
        n, length = z_motion.shape[:2]
        fixed = codes.z_content
        if self.category_to == "image_generator":
            category = one_hot(codes.z_category, self.code_sizes.categories, self.xp)
            fixed = self.xp.concatenate([fixed, category], axis=1)
        fixed = self.xp.broadcast_to(fixed[:, None], (n, length, fixed.shape[1]))
        return F.concat([fixed, z_motion], axis=2)

    def decode(self, z: Variable) -> Variable:
        """Turn frame codes (M, code size) into frames (M, 3, size, size) in [-1, 1]."""
        h = z[:, :, None, None]  # (M, code size, 1, 1)
        for block in self.blocks:
            h = block(h)  # (M, width, 4 or 6, ...), then twice the size each time
        return functions.tanh(self.to_rgb(h))

    def videos(self, codes: Codes) -> Variable:
        """Generate (N, 3, T, size, size) in [-1, 1]."""
        z = self.assemble(codes, self.draw_motion(codes))
        n, length, code_size = z.shape
        frames = self.decode(z.reshape(n * length, code_size))
        frames = frames.reshape(n, length, 3, self.size, self.size)
        return frames.transpose(0, 2, 1, 3, 4)

    def images(self, codes: Codes, frame: np.ndarray) -> Variable:
        """Generate one frame of each video, number ``frame`` (N,): (N, 3, size, size) in [-1, 1]."""
        z = self.assemble(codes, self.draw_motion(codes))
        return self.decode(z[self.xp.arange(len(frame)), frame])
