"""MoCoGAN's discriminators: one sees single frames, the other whole videos (MoCoGAN, section 3.2 and table 4)."""

from __future__ import annotations

from collections.abc import Iterator

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions
from mocogan_chainer.functions import SLOPE
from mocogan_chainer.links import BatchNormActivation, Convolution, NoiseSource
from mocogan_chainer.models.mocogan.sizes import TEMPORAL_KERNEL, split_size, temporal_kernels
from mocogan_chainer.models.sizes import doubling_widths


class DownBlock(chainer.Chain):
    """Convolution, batch normalization (not in a first block), LeakyReLU, and the noise of the next layer."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ksize: tuple[int, ...],
        normalize: bool,
        noise: NoiseSource,
        sigma: float,
        rng: np.random.Generator,
    ):
        super().__init__()
        self.noise, self.sigma, self.normalize = noise, sigma, normalize
        with self.init_scope():
            self.conv = Convolution(in_channels, out_channels, ksize, *_halving(ksize), rng)
            if normalize:
                self.norm = BatchNormActivation(out_channels, SLOPE)

    def forward(self, x: Variable, noisy: bool = True) -> Variable:
        """(N, in_channels, *size) -> (N, out_channels, *smaller size)."""
        h, noise = self.conv(x), self.noise.draw(self.sigma) if noisy else None
        return self.norm(h, noise) if self.normalize else functions.leaky_relu(h, SLOPE, noise)


class Discriminator(chainer.Chain):
    """Halving blocks, then a convolution to scores.

    Args:
        in_channels: 3, plus the label maps' in the conditional form.
        out_channels: 1 score, plus the category logits'.
        n_filters: channels of the first block.
        ksizes: kernel sizes of the blocks, then of the last convolution.
        patch: the last convolution halves once more and gives one score per patch, instead of one for all.
        noise_last: noise before the last convolution too.
        noise, sigma: source and standard deviation of the instance noise.
        rng: draws the initial weights.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        n_filters: int,
        ksizes: list[tuple[int, ...]],
        patch: bool,
        noise_last: bool,
        noise: NoiseSource,
        sigma: float,
        rng: np.random.Generator,
    ):
        super().__init__()
        self.noise, self.sigma = noise, sigma
        last, sigma_last = len(ksizes) - 2, sigma if noise_last else 0.0
        channels = [in_channels, *doubling_widths(n_filters, len(ksizes) - 1)]
        with self.init_scope():
            self.blocks = chainer.ChainList(
                *(
                    DownBlock(
                        *(channels[i], channels[i + 1], ksize),
                        *(i > 0, noise, sigma if i < last else sigma_last, rng),
                    )
                    for i, ksize in enumerate(ksizes[:-1])
                )
            )
            stride, pad = _halving(ksizes[-1]) if patch else (1, 0)
            self.to_scores = Convolution(channels[-1], out_channels, ksizes[-1], stride, pad, rng)

    def forward(self, x: Variable) -> Variable:
        """(N, in_channels, *size) -> (N, out_channels, *positions)."""
        for feature in self.features(x):
            x = feature
        return self.to_scores(x)

    def features(self, x: Variable, noisy: bool = True) -> Iterator[Variable]:
        """Yield what each block makes of (N, in_channels, *size): (N, width, *smaller size)."""
        if noisy:
            x = functions.add_noise(x, self.noise.draw(self.sigma))
        for block in self.blocks:
            x = block(x, noisy)
            yield x


def image_discriminator(
    *,
    size: int,
    in_channels: int,
    n_filters: int,
    patch: bool,
    noise: NoiseSource,
    sigma: float,
    rng: np.random.Generator,
) -> Discriminator:
    """D_I: frames (N, in_channels, size, size) -> scores (N, 1, 1, 1), or (N, 1, base, base) in the patch form."""
    base, halvings = split_size(size)
    blocks = halvings - 1 if patch else halvings
    last = 4 if patch else base
    return Discriminator(
        in_channels=in_channels,
        out_channels=1,
        n_filters=n_filters,
        ksizes=[(4, 4)] * blocks + [(last, last)],
        patch=patch,
        noise_last=patch,  # as published: only the image patch discriminator has noise there
        noise=noise,
        sigma=sigma,
        rng=rng,
    )


def video_discriminator(
    *,
    size: int,
    in_channels: int,
    n_categories: int,
    n_filters: int,
    patch: bool,
    noise: NoiseSource,
    sigma: float,
    rng: np.random.Generator,
) -> Discriminator:
    """D_V: videos (N, in_channels, T, size, size) -> (N, 1 + n_categories, T', h, w).

    Channel 0 holds scores, the others category logits. T = 16 gives (T', h, w) = (1, 1, 1) at the published size, or
    (4, base, base) in the patch form; longer videos have more positions in time.
    """
    base, halvings = split_size(size)
    ksizes = [(t, 4, 4) for t in temporal_kernels(halvings)]
    if not patch:
        ksizes.append((TEMPORAL_KERNEL, base, base))
    return Discriminator(
        in_channels=in_channels,
        out_channels=1 + n_categories,
        n_filters=n_filters,
        ksizes=ksizes,
        patch=patch,
        noise_last=False,
        noise=noise,
        sigma=sigma,
        rng=rng,
    )


def _halving(ksize: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Stride and pad that halve height and width and let time, if there is any, only shrink by the kernel."""
    time = len(ksize) - 2
    return (1,) * time + (2, 2), (0,) * time + (1, 1)
