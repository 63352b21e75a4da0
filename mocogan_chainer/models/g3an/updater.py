"""G3AN's training step (G3AN, section 3.3)."""

from __future__ import annotations

from typing import Any

from chainer import Variable

from mocogan_chainer import losses
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import SpectralLink, frozen
from mocogan_chainer.models.g3an.codes import Codes, draw_batch
from mocogan_chainer.models.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from mocogan_chainer.models.g3an.generator import Generator
from mocogan_chainer.models.updater import GANUpdater, half_loss


class G3ANUpdater(GANUpdater):
    """Video discriminator, image discriminator, generator, all on the same generated videos.

    Args:
        generator, image_discriminator, video_discriminator: the networks.
        motion_steps: motion codes of a video.
        **common: see :class:`~mocogan_chainer.models.updater.GANUpdater`.
    """

    def __init__(
        self,
        *,
        generator: Generator,
        image_discriminator: ImageDiscriminator,
        video_discriminator: VideoDiscriminator,
        motion_steps: int,
        **common: Any,
    ):
        super().__init__(**common)
        self.generator = generator
        self.image_discriminator = image_discriminator
        self.video_discriminator = video_discriminator
        self.motion_steps = motion_steps

    @property
    def unrecordable(self) -> str | None:
        """See :class:`~mocogan_chainer.models.updater.GANUpdater`."""
        return "attention is made of cuBLAS's products" if hasattr(self.generator, "attention") else None

    def update_average(self) -> None:
        """Move the average towards the generator's new weights.

        Singular vectors turn as weights change, and their average is not one: the averaged weights get their own.
        """
        super().update_average()
        for link in self.ema.average.links():
            if isinstance(link, SpectralLink):
                link.iterate()

    def update_core(self) -> None:
        """One step of each network."""
        x_real, category = self.next_real("main")
        x_fake = self.generate(category)
        real_frame, fake_frame = (self.draw_frame(x_real.shape[2]) for _ in range(2))
        detached = x_fake.array  # for the discriminators, the fakes are data

        self.update_video_discriminator(x_real, detached, category)
        self.update_image_discriminator(frame_of(x_real, real_frame), frame_of(detached, fake_frame))
        self.update_generator(x_fake, fake_frame, category)

    def generate(self, category: Array) -> Variable:
        """Generate a video of each category (N,) from fresh codes, (N, 3, T, H, W).

        The categories are those of the real videos, so that they alone tell a discriminator nothing.
        """
        sizes, steps = self.generator.code_sizes, self.motion_steps
        za, zm = self.feeds.take(lambda: draw_batch(self.rng, len(category), steps, sizes))
        return self.generator(Codes(za, zm, category))

    def draw_frame(self, length: int) -> int | Array:
        """Draw which of ``length`` frames is seen, one for the whole batch: a number, or (1,) in a recorded step."""
        return self.feeds.take_number(lambda: self.rng.integers(length))

    def update_video_discriminator(self, x_real: Array, x_fake: Array, category: Array) -> None:
        """Tell real videos from generated ones."""
        with self.descent("video_discriminator") as add:
            add(*half_loss(self.video_discriminator(x_real, category), real=True))
            add(*half_loss(self.video_discriminator(x_fake, category), real=False))

    def update_image_discriminator(self, x_real: Array, x_fake: Array) -> None:
        """Tell real frames from generated ones."""
        with self.descent("image_discriminator") as add:
            add(*half_loss(self.image_discriminator(x_real), real=True))
            add(*half_loss(self.image_discriminator(x_fake), real=False))

    def update_generator(self, x_fake: Variable, frame: int | Array, category: Array) -> None:
        """Make videos, and a frame of each, that both discriminators take for real."""
        with frozen(self.image_discriminator, self.video_discriminator):
            image_loss = losses.generator_loss(self.image_discriminator(frame_of(x_fake, frame)))
            video_loss = losses.generator_loss(self.video_discriminator(x_fake, category))
            self.step("generator", image_loss + video_loss, image_loss=image_loss, video_loss=video_loss)


def frame_of(x: Variable | Array, frame: int | Array) -> Variable | Array:
    """Return one frame of each video: (N, 3, T, H, W), and a number or (1,) -> (N, 3, H, W)."""
    chosen = x[:, :, frame]
    return chosen if isinstance(frame, int) else chosen[:, :, 0]
