"""Futures of clips from a trained predictor."""

from __future__ import annotations

from collections.abc import Sequence

import chainer
import chainer.functions as F
import numpy as np

from mocogan_chainer import functions, seeding
from mocogan_chainer.backends.base import Array
from mocogan_chainer.models.prediction.predictor import Predictor, Seen


class PredictionForecaster:
    """Goes on from clips (the protocol is :class:`mocogan_chainer.sampling.Forecaster`).

    Args:
        predictor: the network.
        most_context: frames of a context that it learned to look at.
        noise_scale: standard deviation of the noise that it learned with.
        tells_clips: whether it learned to tell the motion of whole clips.
    """

    tile = 16  # always as many frames at a time, because matrix products round differently for other shapes

    def __init__(self, predictor: Predictor, most_context: int, noise_scale: float, tells_clips: bool):
        self.predictor = predictor
        self.size, self.most_context = predictor.size, most_context
        self.noise_scale, self.tells_clips = noise_scale, tells_clips

    def forecast(self, context: np.ndarray, length: int, seeds: Sequence[int | None]) -> np.ndarray:
        """Go on from one context.

        Args:
            context: uint8 (k, size, size, 3), k from 1 to ``most_context``, in the order of time.
            length: frames to come, T.
            seeds: of each future's noise; None for the mean future, without noise.

        Returns:
            uint8 (len(seeds), T, size, size, 3).

        Raises:
            ValueError: the context has no frame, or more than ``most_context``.
        """
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            seen = self._see(context)
            futures = [self._render(seen, self._motion(seen, length, seed)) for seed in seeds]
        return np.stack(futures) if futures else np.empty((0, length, *context.shape[1:]), np.uint8)

    def transfer(self, content: np.ndarray, clip: np.ndarray) -> np.ndarray:
        """Show what some frames show, moving as a clip moves.

        Args:
            content: uint8 (k, size, size, 3), k from 1 to ``most_context``, in any order.
            clip: uint8 (T, size, size, 3).

        Returns:
            uint8 (T, size, size, 3).

        Raises:
            ValueError: there is no frame of content, or more than ``most_context``.
        """
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            seen = self._see(content)
            return self._render(seen, self.predictor.motion_encoder(self._sent(clip)).array)

    def _see(self, context: np.ndarray) -> Seen:
        if not 1 <= len(context) <= self.most_context:
            raise ValueError(f"{len(context)} frames of context: this predictor takes 1 to {self.most_context}")
        return self.predictor.see(self._sent(context))

    def _motion(self, seen: Seen, length: int, seed: int | None) -> Array:
        """Return the motion codes of a future, (1, T, dim_zm)."""
        e = np.zeros((length + -length % self.tile, 1, self.predictor.dim_e), np.float32)
        if seed is not None:
            noise = seeding.stream(seed, "future").standard_normal(e.shape, dtype=np.float32)
            e += np.float32(self.noise_scale) * noise
        tiles, state = [], seen.state
        for first in range(0, length, self.tile):
            tiles.append(self.predictor.motion(state, self.predictor.device.send(e[first : first + self.tile])))
            state = tiles[-1][:, -1]
        return F.concat(tiles, axis=1).array[:, :length]

    def _render(self, seen: Seen, motion: Array) -> np.ndarray:
        """Content and motion codes (1, T, dim_zm) -> uint8 (T, size, size, 3)."""
        xp, length = self.predictor.xp, motion.shape[1]
        padded = xp.pad(motion, ((0, 0), (0, -length % self.tile), (0, 0)), mode="edge")
        tiles = []
        for first in range(0, length, self.tile):
            codes = chainer.as_variable(padded[:, first : first + self.tile])
            x = self.predictor.render(seen, codes).array
            tiles.append(chainer.get_device("@numpy").send(functions.to_bytes(x))[0])
        return np.concatenate(tiles)[:length]

    def _sent(self, frames: np.ndarray) -> np.ndarray:
        """uint8 (T, size, size, 3) -> float32 (1, 3, T, size, size), on the device."""
        return functions.to_float(self.predictor.device.send(frames[None]))
