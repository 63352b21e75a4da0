"""MoCoGAN's training step (MoCoGAN, section 3.3, and 3.4 for categories)."""

from __future__ import annotations

from typing import Any

import chainer
import chainer.functions as F
from chainer import Variable

from mocogan_chainer import losses
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import frozen
from mocogan_chainer.models.mocogan.codes import Codes, draw_batch, one_hot
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.updater import GANUpdater, half_loss


class MoCoGANUpdater(GANUpdater):
    """Image discriminator, video discriminator, generator, each on fresh samples.

    Args:
        generator, image_discriminator, video_discriminator: the networks.
        variant: "normal"; "cgan", where both discriminators see the category as label maps; "infogan", where the video
            discriminator predicts it.
        labels: infogan only: what teaches the video discriminator the categories, "supervised" (labelled real videos,
            as published) or "unsupervised" (the codes of generated ones).
        video_length: frames of a video.
        **common: see :class:`~mocogan_chainer.models.updater.GANUpdater`.
    """

    unrecordable = None

    def __init__(
        self,
        *,
        generator: Generator,
        image_discriminator: Discriminator,
        video_discriminator: Discriminator,
        variant: str,
        labels: str,
        video_length: int,
        **common: Any,
    ):
        super().__init__(**common)
        self.generator = generator
        self.image_discriminator = image_discriminator
        self.video_discriminator = video_discriminator
        self.variant = variant
        self.labels = labels
        self.video_length = video_length

    def update_core(self) -> None:
        """One step of each network."""
        self.update_image_discriminator()
        self.update_video_discriminator()
        self.update_generator()

    def update_image_discriminator(self) -> None:
        """Tell real frames from generated ones."""
        x_real, real_category = self.next_real("image")
        codes = self.draw_codes(len(x_real))
        with chainer.no_backprop_mode():  # the fakes are data here
            x_fake = self.fake_images(codes).array
        with self.descent("image_discriminator") as add:
            add(*self.image_loss(x_real, real_category, real=True))
            add(*self.image_loss(x_fake, codes.z_category, real=False))

    def update_video_discriminator(self) -> None:
        """Tell real videos from generated ones; in infogan also their categories."""
        x_real, real_category = self.next_real("main")
        codes = self.draw_codes(len(x_real))
        with chainer.no_backprop_mode():  # the fakes are data here
            x_fake = self.generator.videos(codes).array
        with self.descent("video_discriminator") as add:
            add(*self.video_loss(x_real, real_category, real=True))
            add(*self.video_loss(x_fake, codes.z_category, real=False))

    def update_generator(self) -> None:
        """Make frames and videos that both discriminators take for real, of the requested category."""
        image_codes = self.draw_codes(self.get_iterator("image").batch_size)
        video_codes = self.draw_codes(self.get_iterator("main").batch_size)
        with frozen(self.image_discriminator, self.video_discriminator), self.descent("generator") as add:
            add(*self.fool_image_discriminator(image_codes))
            add(*self.fool_video_discriminator(video_codes))

    def image_loss(self, x: Array, category: Array, real: bool) -> tuple[Variable, dict[str, Variable]]:
        """Return the image discriminator's loss on real or generated frames, and what to report."""
        y = self.judge(self.image_discriminator, x, category)
        return half_loss(y, real)

    def video_loss(self, x: Array, category: Array, real: bool) -> tuple[Variable, dict[str, Variable]]:
        """Return the video discriminator's loss on real or generated videos, and what to report."""
        y, logits = split(self.judge(self.video_discriminator, x, category))
        loss, observed = half_loss(y, real)
        if self.variant == "infogan" and real == (self.labels == "supervised"):
            observed["category_loss"] = losses.category_loss(logits, category)
            loss += observed["category_loss"]
        return loss, observed

    def fool_image_discriminator(self, codes: Codes) -> tuple[Variable, dict[str, Variable]]:
        """Return the generator's loss on frames, and what to report."""
        y = self.judge(self.image_discriminator, self.fake_images(codes), codes.z_category)
        return losses.generator_loss(y), {}

    def fool_video_discriminator(self, codes: Codes) -> tuple[Variable, dict[str, Variable]]:
        """Return the generator's loss on videos, and what to report."""
        y, logits = split(self.judge(self.video_discriminator, self.generator.videos(codes), codes.z_category))
        loss, observed = losses.generator_loss(y), {}
        if self.variant == "infogan":
            observed["category_loss"] = losses.category_loss(logits, codes.z_category)
            loss += observed["category_loss"]
        return loss, observed

    def draw_codes(self, n: int) -> Codes:
        """Draw the codes of ``n`` fresh videos, on the device."""
        sizes = self.generator.code_sizes
        return Codes(*self.feeds.take(lambda: draw_batch(self.rng, n, self.video_length, sizes).arrays()))

    def fake_images(self, codes: Codes) -> Variable:
        """Generate one random frame of each video, (N, 3, H, W)."""
        (frame,) = self.feeds.take(lambda: (self.rng.integers(self.video_length, size=len(codes)),))
        return self.generator.images(codes, frame)

    def judge(self, discriminator: Discriminator, x: Variable | Array, category: Array) -> Variable:
        """Return the discriminator's output for ``x``, in cgan with label maps of ``category`` (N,)."""
        if self.variant == "cgan":
            x = with_label_maps(x, category, self.generator.code_sizes.categories)
        return discriminator(x)


def with_label_maps(x: Variable | Array, category: Array, n_categories: int) -> Variable:
    """Append one constant map per category to the channels: (N, C, *size) -> (N, C + n_categories, *size)."""
    xp = chainer.backend.get_array_module(x)
    maps = one_hot(category, n_categories, xp).reshape(len(category), n_categories, *(1,) * (x.ndim - 2))
    maps = xp.broadcast_to(maps, (len(category), n_categories, *x.shape[2:]))
    return F.concat([x, maps], axis=1)


def split(y: Variable) -> tuple[Variable, Variable]:
    """Split a video discriminator's output (N, 1 + K, *positions) into scores (N, *positions) and logits (N, K).

    Logits are averaged over positions: a video has one category.
    """
    return y[:, 0], F.mean(y[:, 1:], axis=tuple(range(2, y.ndim)))
