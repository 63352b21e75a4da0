"""AffineGAN's training step, as in its published code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import functions, losses
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import frozen
from mocogan_chainer.models.affinegan.discriminators import AlphaDiscriminator, PatchDiscriminator
from mocogan_chainer.models.affinegan.generator import Generator
from mocogan_chainer.models.affinegan.iterator import UNMARKED
from mocogan_chainer.models.updater import GANUpdater

_TINY = 1e-14
"""Under a root, so that a residual of 0 has a gradient of 0 instead of none."""

OBJECTIVES = {
    "vanilla": (losses.real_loss, losses.fake_loss),
    "lsgan": (losses.squared_real_loss, losses.squared_fake_loss),
}
"""By ``model.gan_loss``: of scores that should be those of real samples, and of those that should not."""

CERTAIN = {"vanilla": GANUpdater.certain, "lsgan": (0.95, 0.05)}
"""By ``model.gan_loss``: mean scores from which on a discriminator has no doubts."""


@dataclass(frozen=True)
class Weights:
    """Of the generator's losses: the distance to the real frame, the alphas, the reconstruction."""

    lambda_L1: float
    lambda_A: float
    lambda_recons: float


@dataclass(frozen=True)
class Batch:
    """Real frames, float32 in [-1, 1], and masks, 0 or 1; a row for each later frame, a video's K rows together.

    Attributes:
        first: (N, 3, S, S), the first frame of each video.
        firsts: (N * K, 3, S, S), the same, once for each row.
        frames: (N * K, 3, S, S), later frames.
        first_masks, masks: (N * K, 1, S, S), of ``firsts`` and ``frames``; None without masks.
    """

    first: Array
    firsts: Array
    frames: Array
    first_masks: Array | None
    masks: Array | None


@dataclass(frozen=True)
class Generated:
    """What the generator makes of a batch.

    Attributes:
        alphas: (N, K), how far each frame is from the first along the video's residual.
        fakes: (N * K, 3, S, S), the first frames moved that far.
        reconstructions: (N * K, 3, S, S), of the frames by the base encoder alone.
    """

    alphas: Variable
    fakes: Variable
    reconstructions: Variable


class AffineGANUpdater(GANUpdater):
    """The discriminators of alphas, frames and masked parts, then the generator, all on the same generated frames.

    Args:
        generator, discriminator, alpha_discriminator: the networks.
        patch_discriminator: of what the masks show; None without masks.
        gan_loss: one of :data:`OBJECTIVES`.
        sorts_alphas: compare alphas with sorted uniform numbers; frames are in the order of time then.
        weights: of the generator's losses.
        **common: see :class:`~mocogan_chainer.models.updater.GANUpdater`.
    """

    unrecordable = None

    def __init__(
        self,
        *,
        generator: Generator,
        discriminator: PatchDiscriminator,
        alpha_discriminator: AlphaDiscriminator,
        patch_discriminator: PatchDiscriminator | None = None,
        gan_loss: str,
        sorts_alphas: bool,
        weights: Weights,
        **common: Any,
    ):
        super().__init__(**common)
        self.generator = generator
        self.discriminator = discriminator
        self.alpha_discriminator = alpha_discriminator
        self.patch_discriminator = patch_discriminator
        self.toward_real, self.toward_fake = OBJECTIVES[gan_loss]
        self.certain = CERTAIN[gan_loss]
        self.sorts_alphas = sorts_alphas
        self.weights = weights

    def update_core(self) -> None:
        """One step of each network."""
        batch = self.next_batch()
        generated = self.generate(batch)
        self.update_alpha_discriminator(generated.alphas.array)
        self.update_discriminator(batch, generated.fakes.array)
        if self.patch_discriminator is not None:
            self.update_patch_discriminator(batch, generated.fakes.array)
        self.update_generator(batch, generated)

    def next_batch(self) -> Batch:
        """Return the next real frames, and masks if there are any, on the device."""
        masked = self.patch_discriminator is not None
        frames, *masks = self.feeds.take(lambda: self.get_iterator("main").next()[: 1 + masked])
        count = frames.shape[1] - 1  # (N, 1 + K, S, S, 3), and masks (N, 1 + K, S, S)

        def rows(x: Array) -> Array:  # (N, K, ...) -> (N * K, ...)
            return x.reshape(-1, *x.shape[2:])

        first_masks = later_masks = None
        if masked:
            marked = (masks[0] > UNMARKED).astype(np.float32)[:, :, None]  # (N, 1 + K, 1, S, S)
            first_masks, later_masks = rows(marked[:, :1].repeat(count, axis=1)), rows(marked[:, 1:])
        return Batch(
            first=functions.to_float(frames[:, 0]),
            firsts=functions.to_float(rows(frames[:, :1].repeat(count, axis=1))),
            frames=functions.to_float(rows(frames[:, 1:])),
            first_masks=first_masks,
            masks=later_masks,
        )

    def generate(self, batch: Batch) -> Generated:
        """Reconstruct each frame, measure how far it is from the first, and move the first as far."""
        generator, n = self.generator, len(batch.first)
        encoded = generator.encode_base(self.device.xp.concatenate([batch.first, batch.frames]))  # N + N * K at once
        base, bases = zip(*(F.split_axis(level, [n], axis=0) for level in encoded), strict=True)
        residual = generator.encode_residual(batch.first)
        start, direction = generator.feature(base), generator.feature(residual)  # (N, D)
        features = generator.feature(bases).reshape(n, -1, start.shape[1])  # (N, K, D)
        alphas = measure_alphas(start, features, direction)  # (N, K)
        moved = generator.move(base, residual, alphas.array)  # how far is given, not learnt here
        both = tuple(F.concat(levels, axis=0) for levels in zip(bases, moved, strict=True))
        reconstructions, fakes = F.split_axis(generator.decode(both)[0], 2, axis=0)  # (N * K, ...) each
        return Generated(alphas, fakes, reconstructions)

    def update_alpha_discriminator(self, alphas: Array) -> None:
        """Tell a video's alphas (N, K) from uniform numbers."""
        (samples,) = self.feeds.take(lambda: (self.draw_alphas(alphas.shape),))
        self._learn("alpha_discriminator", self.alpha_discriminator, samples, alphas, self.weights.lambda_A)

    def draw_alphas(self, shape: tuple[int, ...]) -> np.ndarray:
        """Draw uniform numbers (N, K), in order where alphas are."""
        uniform = self.rng.random(shape, dtype=np.float32)
        return np.sort(uniform, axis=1) if self.sorts_alphas else uniform

    def update_discriminator(self, batch: Batch, fakes: Array) -> None:
        """Tell real frames from generated ones, each paired with the first."""
        real, fake = (self.device.xp.concatenate([batch.firsts, x], axis=1) for x in (batch.frames, fakes))
        self._learn("discriminator", self.discriminator, real, fake)

    def update_patch_discriminator(self, batch: Batch, fakes: Array) -> None:
        """The same for what the masks show; a generated frame has the mask of the real one."""
        first = batch.firsts * batch.first_masks
        real, fake = (self.device.xp.concatenate([first, x * batch.masks], axis=1) for x in (batch.frames, fakes))
        self._learn("patch_discriminator", self.patch_discriminator, real, fake)

    def update_generator(self, batch: Batch, generated: Generated) -> None:
        """Make frames that are like the real ones and alphas that are like uniform numbers.

        The sum is divided by K as published, so lambda_A weighs a K-th of what it says, relative to the frames' means.
        """
        count, weights = generated.alphas.shape[1], self.weights
        with frozen(*self._discriminators()):
            parts = {
                "gan_loss": self.toward_real(self.discriminator(F.concat([batch.firsts, generated.fakes]))),
                "alpha_loss": self.toward_real(self.alpha_discriminator(generated.alphas)) * (weights.lambda_A / count),
                "l1_loss": F.mean_absolute_error(generated.fakes, batch.frames) * weights.lambda_L1,
                "recons_loss": F.mean_absolute_error(generated.reconstructions, batch.frames) * weights.lambda_recons,
            }
            if self.patch_discriminator is not None:
                pair = F.concat([batch.firsts * batch.first_masks, generated.fakes * batch.masks])
                parts["patch_loss"] = self.toward_real(self.patch_discriminator(pair))
            self.step("generator", sum(parts.values()), alpha=F.mean(generated.alphas), **parts)

    def _learn(self, name: str, network: Any, real: Array, fake: Array, weight: float = 1.0) -> None:
        """Take a discriminator's step: half of both losses, as published."""
        y_real, y_fake = F.split_axis(network(self.device.xp.concatenate([real, fake])), 2, axis=0)
        loss = (self.toward_real(y_real) + self.toward_fake(y_fake)) * (0.5 * weight)
        self.step(name, loss, real=F.mean(y_real), fake=F.mean(y_fake))

    def _discriminators(self) -> list[PatchDiscriminator | AlphaDiscriminator]:
        found = [self.discriminator, self.alpha_discriminator]
        return found if self.patch_discriminator is None else [*found, self.patch_discriminator]


def measure_alphas(start: Variable, features: Variable, direction: Variable) -> Variable:
    """Return how far features are from the start along a direction: |<f_t - f_0, r_0>| / (||r_0|| + 1e-6).

    Args:
        start: (N, D), the first frames' features.
        features: (N, K, D), the later frames'.
        direction: (N, D), the first frames' residual features.

    Returns:
        (N, K), not negative.
    """
    change = features - F.broadcast_to(start[:, None], features.shape)
    along = F.sum(change * F.broadcast_to(direction[:, None], features.shape), axis=2)  # (N, K)
    squares = F.sum(direction**2, axis=1, keepdims=True)  # (N, 1)
    length = F.sqrt(squares + _TINY) + 1e-6
    return F.absolute(along) / F.broadcast_to(length, along.shape)
