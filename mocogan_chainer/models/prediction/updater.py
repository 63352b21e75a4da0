"""The training step of MoCoGAN for prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import chainer
import chainer.functions as F
import numpy as np
from chainer import Variable

from mocogan_chainer import losses
from mocogan_chainer.backends.base import Array
from mocogan_chainer.links import frozen, statistics_kept
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.prediction.predictor import Future, Predictor
from mocogan_chainer.models.updater import GANUpdater, half_loss

Add = Callable[[Variable, Mapping[str, Variable]], None]


@dataclass(frozen=True)
class Weights:
    """Of the predictor's losses; where one is 0, that loss is not computed.

    Attributes:
        image, video: of the discriminators' losses.
        L1, L2: of the mean future's distance to the truth, and of a reconstruction's.
        perceptual: of the mean future's distance in the image discriminator's features.
        latent: of the distance of a generated clip's codes to those that it was made from.
        recons: of the reconstruction of clips from their own motion.
    """

    image: float
    video: float
    L1: float
    L2: float
    perceptual: float
    latent: float
    recons: float


@dataclass(frozen=True)
class Batch:
    """Clips (N, 3, T, S, S) in [-1, 1], cut into what is given and what is to be predicted.

    Attributes:
        context: (N, 3, k, S, S).
        future: (N, 3, T - k, S, S).
        near: its first frames, (N, 3, H, S, S), which the mean future is held to.
    """

    context: Array
    future: Array
    near: Array


class PredictionUpdater(GANUpdater):
    """Image discriminator, video discriminator, predictor, all on the same futures.

    Args:
        predictor, image_discriminator, video_discriminator: the networks; a discriminator may be None.
        most_context: frames that are given; each step draws how many, from 1 to this.
        least_horizon: frames to come that the mean future is held to; each step draws how many, from this to all.
        noise_scale: standard deviation of the futures' noise.
        weights: of the predictor's losses.
        **common: see :class:`~mocogan_chainer.models.updater.GANUpdater`.
    """

    def __init__(
        self,
        *,
        predictor: Predictor,
        image_discriminator: Discriminator | None = None,
        video_discriminator: Discriminator | None = None,
        most_context: int,
        least_horizon: int,
        noise_scale: float,
        weights: Weights,
        **common: Any,
    ):
        super().__init__(**common)
        self.predictor = predictor
        self.image_discriminator = image_discriminator
        self.video_discriminator = video_discriminator
        self.most_context, self.least_horizon = most_context, least_horizon
        self.noise_scale = noise_scale
        self.weights = weights

    def update_core(self) -> None:
        """One step of each network."""
        batch = self.next_batch()
        future = self.draw_future(batch)
        if self.image_discriminator is not None:
            self.update_image_discriminator(batch, future.frames.array)
        if self.video_discriminator is not None:
            self.update_video_discriminator(batch, future.frames.array)
        self.update_predictor(batch, future)

    def next_batch(self) -> Batch:
        """Return the next clips, cut after random numbers of frames."""
        clips, _ = self.next_real("main")
        given = int(self.rng.integers(1, self.most_context + 1))
        horizon = int(self.rng.integers(self.least_horizon, clips.shape[2] - given + 1))
        return Batch(clips[:, :, :given], clips[:, :, given:], clips[:, :, given : given + horizon])

    def draw_future(self, batch: Batch) -> Future | None:
        """Predict one of the futures that are possible, where anything judges it."""
        if not (self.weights.image or self.weights.video or self.weights.latent):
            return None
        e = self.rng.standard_normal(self._noise_shape(batch.future), dtype=np.float32) * np.float32(self.noise_scale)
        return self.predictor.predict(self.predictor.see(batch.context), self.device.send(e))

    def update_image_discriminator(self, batch: Batch, fakes: Array) -> None:
        """Tell a real frame of each future from a generated one."""
        with self.descent("image_discriminator") as add:
            add(*half_loss(self.image_discriminator(self.some_frame(batch.future)), real=True))
            add(*half_loss(self.image_discriminator(self.some_frame(fakes)), real=False))

    def update_video_discriminator(self, batch: Batch, fakes: Array) -> None:
        """Tell real clips from contexts that are continued."""
        with self.descent("video_discriminator") as add:
            add(*half_loss(self.video_discriminator(joined(batch.context, batch.future)), real=True))
            add(*half_loss(self.video_discriminator(joined(batch.context, fakes)), real=False))

    def update_predictor(self, batch: Batch, future: Future | None) -> None:
        """Make futures that pass for real and whose codes can be seen, and a mean future that is near the truth."""
        with frozen(*self._discriminators()), self.descent("predictor") as add:
            if future is not None:
                self.add_sampled_losses(add, batch, future)
                future.frames.unchain_backward()  # what it was made of leaves room for the mean future
            if self.weights.L1 or self.weights.L2 or self.weights.perceptual:
                self.add_mean_losses(add, batch)
            if self.weights.recons:
                self.add_recons_loss(add, batch)

    def add_sampled_losses(self, add: Add, batch: Batch, future: Future) -> None:
        """Add what one of the possible futures is judged by."""
        parts = {}
        if self.image_discriminator is not None:
            fooled = losses.generator_loss(self.image_discriminator(self.some_frame(future.frames)))
            parts["image_loss"] = self.weights.image * fooled
        if self.video_discriminator is not None:
            fooled = losses.generator_loss(self.video_discriminator(joined(batch.context, future.frames)))
            parts["video_loss"] = self.weights.video * fooled
        if self.weights.latent:
            parts["latent_loss"] = self.weights.latent * self.latent_distance(batch, future)
        _add_parts(add, parts)

    def add_mean_losses(self, add: Add, batch: Batch) -> None:
        """Add what the mean future is judged by."""
        silence = self.device.xp.zeros(self._noise_shape(batch.near), np.float32)
        mean = self.predictor.predict(self.predictor.see(batch.context), silence).frames
        parts = self.distances(mean, batch.near)
        if self.weights.perceptual:
            parts["perceptual_loss"] = self.weights.perceptual * self.perceptual_distance(mean, batch.near)
        _add_parts(add, parts)

    def add_recons_loss(self, add: Add, batch: Batch) -> None:
        """Add how far clips are from what some frames of theirs and the motion of the whole tell."""
        clips = joined(batch.context, batch.future)
        count = int(self.rng.integers(1, self.most_context + 1))
        first = int(self.rng.integers(clips.shape[2] - count + 1))
        with statistics_kept():
            seen = self.predictor.see(clips[:, :, first : first + count])
            distances = self.distances(self.predictor.reconstruct(seen, clips), clips)
        _add_parts(add, {"recons_loss": self.weights.recons * sum(distances.values())})

    def distances(self, frames: Variable, truth: Variable | Array) -> dict[str, Variable]:
        """Return how far frames are from the true ones, weighed, by the losses' names."""
        found = {}
        if self.weights.L1:
            found["L1_loss"] = self.weights.L1 * F.mean_absolute_error(frames, truth)
        if self.weights.L2:
            found["L2_loss"] = self.weights.L2 * F.mean_squared_error(frames, truth)
        return found

    def latent_distance(self, batch: Batch, future: Future) -> Variable:
        """Return how far the codes of a generated clip are from those that it was generated from.

        Its frames should show the context's content, wherever that is by then, and the motion of each should be seen to
        be what it was. The codes are targets here: they do not move towards what is easy to see.
        """
        generator = self.predictor.generator
        with statistics_kept():
            content = generator.summary(generator.content(future.frames))
            states = self.predictor.motion_encoder(joined(batch.context, future.frames))
        motion = states[:, batch.context.shape[2] :]  # (N, T - k, dim_zm)
        return F.mean_absolute_error(content, generator.summary(future.seen.content).array) + F.mean_absolute_error(
            motion, future.motion.array
        )

    def perceptual_distance(self, mean: Variable, truth: Array) -> Variable:
        """Return how far a frame of each mean future is from the true one for each block of the image discriminator.

        Both are one batch, without instance noise, which would be most of the distance.
        """
        frames = self.some_places(truth)
        both = F.concat([mean[frames], truth[frames]], axis=0)
        with statistics_kept():
            pairs = [F.split_axis(h, 2, axis=0) for h in self.image_discriminator.features(both, noisy=False)]
        return sum(F.mean_absolute_error(a, b.array) for a, b in pairs) / len(pairs)

    def some_frame(self, videos: Variable | Array) -> Variable | Array:
        """Return a random frame of each video (N, 3, T, S, S): (N, 3, S, S)."""
        return videos[self.some_places(videos)]

    def some_places(self, videos: Variable | Array) -> tuple[Any, ...]:
        """Return the index of a random frame of each video (N, 3, T, S, S)."""
        n, _, length = videos.shape[:3]
        return self.device.xp.arange(n), slice(None), self.device.send(self.rng.integers(length, size=n))

    def _noise_shape(self, future: Array) -> tuple[int, int, int]:
        return future.shape[2], len(future), self.predictor.dim_e

    def _discriminators(self) -> list[Discriminator]:
        return [d for d in (self.image_discriminator, self.video_discriminator) if d is not None]


def joined(context: Array, future: Variable | Array) -> Variable:
    """[Context, future] in time: (N, 3, k, S, S), (N, 3, T - k, S, S) -> (N, 3, T, S, S)."""
    return F.concat([chainer.as_variable(context), chainer.as_variable(future)], axis=2)


def _add_parts(add: Add, parts: Mapping[str, Variable]) -> None:
    if parts:
        add(sum(parts.values()), parts)
