"""G3AN's generator: an appearance, a motion and a video stream, fused after each block (G3AN, section 3.1)."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import BatchNormActivation, Convolution, SpectralDeconvolution
from mocogan_chainer.links.initialization import DEVIATION, fan_in_uniform
from mocogan_chainer.models.g3an import sizes
from mocogan_chainer.models.g3an.attention import FactorizedSelfAttention
from mocogan_chainer.models.g3an.codes import Codes, CodeSizes
from mocogan_chainer.models.g3an.streams import join

MODES = ("1p2d", "2p1d", "3d")
"""What the video stream's layers see: time, then space; space, then time; both at once."""

Layer = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]  # kernel size, stride, pad


class UpBlock(chainer.Chain):
    """Spectrally normalized deconvolution, batch normalization, ReLU.

    The published deconvolutions have a bias, which the normalization takes away again; ours have none.
    """

    def __init__(self, in_channels: int, out_channels: int, layer: Layer, rng: np.random.Generator):
        super().__init__()
        with self.init_scope():
            self.conv = SpectralDeconvolution(in_channels, out_channels, *layer, rng)
            self.norm = BatchNormActivation(out_channels, slope=0)
        self.norm.gamma.array += rng.standard_normal(out_channels, np.float32) * np.float32(DEVIATION)

    def forward(self, x: Variable) -> Variable:
        """(N, in_channels, T, H, W) -> (N, out_channels, T', H', W')."""
        return self.norm(self.conv(x))


class G3Block(chainer.Chain):
    """One step of the three streams.

    Args:
        in_channels: of the spatial, the video and the temporal stream.
        out_channels: of each stream's layers.
        mode: see :data:`MODES`.
        space, time: kernel size, stride and pad in space and in time.
        rng: draws the initial weights.
    """

    def __init__(
        self,
        in_channels: tuple[int, int, int],
        out_channels: int,
        mode: str,
        space: tuple[int, int, int],
        time: tuple[int, int, int],
        rng: np.random.Generator,
    ):
        super().__init__()
        alone = (1, 1, 0)
        in_space, in_time, in_both = _layer(alone, space), _layer(time, alone), _layer(time, space)
        layers = {"1p2d": (in_time, in_space), "2p1d": (in_space, in_time), "3d": (in_both,)}[mode]
        of_spatial, of_video, of_temporal = in_channels
        channels = [of_video] + [out_channels] * len(layers)
        with self.init_scope():
            self.spatial = UpBlock(of_spatial, out_channels, in_space, rng)
            self.temporal = UpBlock(of_temporal, out_channels, in_time, rng)
            self.video = chainer.ChainList(
                *(UpBlock(channels[i], out_channels, layer, rng) for i, layer in enumerate(layers))
            )

    def forward(self, spatial: Variable, video: Variable, temporal: Variable) -> tuple[Variable, Variable, Variable]:
        """Take the streams one step on.

        Args:
            spatial: (N, C_s, 1, H, W).
            video: (N, C_v, T, H, W).
            temporal: (N, C_t, T, 1, 1).

        Returns:
            The same of (N, C, 1, H', W'), (N, 2 C, T', H', W') and (N, C, T', 1, 1).
        """
        spatial, temporal = self.spatial(spatial), self.temporal(temporal)
        for block in self.video:
            video = block(video)
        return spatial, join(spatial, video, temporal), temporal


class Generator(chainer.Chain):
    """Videos from appearance and motion.

    Args:
        size: height and width of the frames, 4 or 6 times a power of two.
        ch: channels of the fifth block; the others' are multiples.
        code_sizes: sizes of appearance and motion, and the number of categories.
        dim_category: size of a category's embedding, which is joined to the appearance.
        mode: see :data:`MODES`.
        attention: whether factorized self-attention follows the fourth block; ``size`` must then be 32 at least.
        rng: draws the initial weights.
    """

    def __init__(
        self,
        *,
        size: int,
        ch: int,
        code_sizes: CodeSizes,
        dim_category: int,
        mode: str,
        attention: bool,
        rng: np.random.Generator,
    ):
        super().__init__()
        self.code_sizes = code_sizes
        base, doublings = sizes.split_size(size)
        widths = sizes.generator_widths(ch, doublings)
        appearance = code_sizes.appearance + (dim_category if code_sizes.categories else 0)
        channels = (appearance, appearance + code_sizes.motion, code_sizes.motion)
        blocks = []
        for i, width in enumerate(widths):
            time = (4, 2, 1) if sizes.doubles_time(i) else (1, 1, 0)
            space, time = ((4, 2, 1), time) if i else ((base, 1, 0), (4, 1, 0))
            blocks.append(G3Block(channels, width, mode, space, time, rng))
            channels = (width, 2 * width, width)
        with self.init_scope():
            if code_sizes.categories:
                embedding = rng.standard_normal((code_sizes.categories, dim_category), np.float32)
                self.embedding = chainer.Parameter(embedding)
            self.blocks = chainer.ChainList(*blocks)
            if attention:
                self.attention = FactorizedSelfAttention(2 * widths[sizes.BLOCK_BEFORE_ATTENTION], rng)
            self.to_rgb = Convolution(2 * widths[-1], 3, (1, 3, 3), 1, (0, 1, 1), rng)
            self.rgb_bias = chainer.Parameter(fan_in_uniform(rng, (3,), 9 * 2 * widths[-1]))
        weights = self.to_rgb.W.array
        weights[...] = rng.standard_normal(weights.shape, np.float32) * np.float32(DEVIATION)

    def forward(self, codes: Codes) -> Variable:
        """Codes of S motion steps -> videos (N, 3, 16 + 4 (S - 1), size, size) in [-1, 1]."""
        spatial, temporal = self._appearance(codes), codes.zm[..., None, None]  # (N, C, 1, 1, 1), (N, motion, S, 1, 1)
        n, channels = spatial.shape[:2]
        repeated = F.broadcast_to(spatial, (n, channels, temporal.shape[2], 1, 1))
        video = F.concat([repeated, temporal], axis=1)  # (N, C + motion, S, 1, 1)
        for i, block in enumerate(self.blocks):
            spatial, video, temporal = block(spatial, video, temporal)  # see G3Block.forward
            if i == sizes.BLOCK_BEFORE_ATTENTION and hasattr(self, "attention"):
                video = self.attention(video)
        return functions.tanh(functions.bias_leaky_relu(self.to_rgb(video), self.rgb_bias, 1.0))

    def _appearance(self, codes: Codes) -> Variable | Array:
        """(N, appearance and embedding, 1, 1, 1)."""
        za = codes.za
        if self.code_sizes.categories:
            za = F.concat([za, self.embedding[codes.z_category]], axis=1)
        return za[..., None, None, None]


def _layer(time: tuple[int, int, int], space: tuple[int, int, int]) -> Layer:
    """Join kernel size, stride and pad in time with those in space."""
    return tuple((t, s, s) for t, s in zip(time, space, strict=True))
