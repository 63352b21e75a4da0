"""MoCoGAN's training step (MoCoGAN, section 3.3, and 3.4 for categories)."""

from __future__ import annotations

from typing import Any

import chainer
import chainer.functions as F
from chainer import Variable

from mocogan_chainer import losses
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import frozen
from mocogan_chainer.models.mocogan import codes as code_module
from mocogan_chainer.models.mocogan.codes import Codes, one_hot
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.updater import GANUpdater


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
        y_real = self.judge(self.image_discriminator, x_real, real_category)
        y_fake = self.judge(self.image_discriminator, x_fake, codes.z_category)
        loss = losses.discriminator_loss(y_real, y_fake)
        self.step("image_discriminator", loss, real=F.mean(y_real), fake=F.mean(y_fake))

    def update_video_discriminator(self) -> None:
        """Tell real videos from generated ones; in infogan also their categories."""
        x_real, real_category = self.next_real("main")
        codes = self.draw_codes(len(x_real))
        with chainer.no_backprop_mode():  # the fakes are data here
            x_fake = self.generator.videos(codes).array
        y_real, real_logits = split(self.judge(self.video_discriminator, x_real, real_category))
        y_fake, fake_logits = split(self.judge(self.video_discriminator, x_fake, codes.z_category))
        loss = losses.discriminator_loss(y_real, y_fake)
        observed = {"real": F.mean(y_real), "fake": F.mean(y_fake)}
        if self.variant == "infogan":
            taught = (real_logits, real_category) if self.labels == "supervised" else (fake_logits, codes.z_category)
            observed["category_loss"] = losses.category_loss(*taught)
            loss += observed["category_loss"]
        self.step("video_discriminator", loss, **observed)

    def update_generator(self) -> None:
        """Make frames and videos that both discriminators take for real, of the category that was asked for."""
        image_codes = self.draw_codes(self.get_iterator("image").batch_size)
        video_codes = self.draw_codes(self.get_iterator("main").batch_size)
        with frozen(self.image_discriminator, self.video_discriminator):
            y_image = self.judge(self.image_discriminator, self.fake_images(image_codes), image_codes.z_category)
            y_video, logits = split(
                self.judge(self.video_discriminator, self.generator.videos(video_codes), video_codes.z_category)
            )
            loss = losses.generator_loss(y_image) + losses.generator_loss(y_video)
            observed = {}
            if self.variant == "infogan":
                observed["category_loss"] = losses.category_loss(logits, video_codes.z_category)
                loss += observed["category_loss"]
            self.step("generator", loss, **observed)

    def draw_codes(self, n: int) -> Codes:
        """Draw the codes of ``n`` fresh videos, on the device."""
        sizes = self.generator.code_sizes
        return code_module.draw(self.rng, n, self.video_length, sizes).map(self.device.send)

    def fake_images(self, codes: Codes) -> Variable:
        """Generate one random frame of each video, (N, 3, H, W)."""
        frame = self.rng.integers(self.video_length, size=len(codes))
        return self.generator.images(codes, self.device.send(frame))

    def judge(self, discriminator: Discriminator, x: Variable | Array, category: Array) -> Variable:
        """Return the discriminator's output for ``x``, in cgan with label maps of ``category`` (N,)."""
        if self.variant == "cgan":
            x = with_label_maps(x, category, self.generator.code_sizes.categories)
        return discriminator(x)


def with_label_maps(x: Variable | Array, category: Array, n_categories: int) -> Variable:
    """Append one constant map a category to the channels: (N, C, *size) -> (N, C + n_categories, *size)."""
    xp = chainer.backend.get_array_module(x)
    maps = one_hot(category, n_categories, xp).reshape(len(category), n_categories, *(1,) * (x.ndim - 2))
    maps = xp.broadcast_to(maps, (len(category), n_categories, *x.shape[2:]))
    return F.concat([x, maps], axis=1)


def split(y: Variable) -> tuple[Variable, Variable]:
    """Split a video discriminator's output (N, 1 + K, *positions) into scores (N, *positions) and logits (N, K).

    Logits are averaged over positions: a video has one category.
    """
    return y[:, 0], F.mean(y[:, 1:], axis=tuple(range(2, y.ndim)))
