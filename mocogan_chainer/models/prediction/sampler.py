"""Futures of clips from a trained predictor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import chainer
import numpy as np
from chainer import Variable

from mocogan_chainer import functions, seeding
from mocogan_chainer.backends.base import Array
from mocogan_chainer.errors import ConfigError, require_whole
from mocogan_chainer.models.prediction.predictor import Predictor, Seen
from mocogan_chainer.models.sampler import require_frames


class PredictionForecaster:
    """Goes on from clips (the protocol is :class:`mocogan_chainer.sampling.Forecaster`).

    Args:
        predictor: the network.
        most_context: frames of a context that it learned to look at.
        noise_scale: standard deviation of the noise that it learned with.
        transfers_motion: whether it learned to read the motion of whole clips.
    """

    tile = 16  # always as many frames at a time, because matrix products round differently for other shapes

    def __init__(self, predictor: Predictor, most_context: int, noise_scale: float, transfers_motion: bool):
        self.predictor = predictor
        self.size, self.most_context = predictor.size, most_context
        self.noise_scale, self.transfers_motion = noise_scale, transfers_motion

    def forecast(self, context: np.ndarray, length: int, seeds: Sequence[int | None]) -> np.ndarray:
        """See :meth:`mocogan_chainer.sampling.Forecaster.forecast`."""
        length = require_whole("length", length, 1)
        seeds = [None if seed is None else require_whole("seed", seed, 0) for seed in seeds]
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            seen = self._see("context", context)
            futures = [self._render(seen, self._future(seen, length, seed), length) for seed in seeds]
        return np.stack(futures) if futures else np.empty((0, length, *context.shape[1:]), np.uint8)

    def transfer(self, content: np.ndarray, clip: np.ndarray) -> np.ndarray:
        """See :meth:`mocogan_chainer.sampling.Forecaster.transfer`."""
        require_frames("clip", clip, self.size)
        if not len(clip):
            raise ConfigError("clip: 0 frames: it needs at least one")
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            return self._render(self._see("content", content), self._motion_of(clip), len(clip))

    def _see(self, name: str, frames: np.ndarray) -> Seen:
        require_frames(name, frames, self.size)
        if not 1 <= len(frames) <= self.most_context:
            raise ConfigError(f"{name}: {len(frames)} frames: this model looks at 1 to {self.most_context}")
        return self.predictor.see(self._sent(frames))

    def _future(self, seen: Seen, length: int, seed: int | None) -> Iterator[Variable]:
        """Yield tiles of a future's motion codes, (1, tile, dim_zm), of at least so many frames together."""
        rng, state = None if seed is None else seeding.stream(seed, "future"), seen.state
        for _ in range(0, length, self.tile):
            e = np.zeros((self.tile, 1, self.predictor.dim_e), np.float32)
            if rng is not None:
                e += np.float32(self.noise_scale) * rng.standard_normal(e.shape, dtype=np.float32)
            motion = self.predictor.motion(state, self.predictor.device.send(e))
            state = motion[:, -1]
            yield motion

    def _motion_of(self, clip: np.ndarray) -> Iterator[Variable]:
        """Yield tiles of a clip's own motion codes, (1, tile, dim_zm)."""
        after = None
        for first in range(0, len(clip), self.tile):
            frames = clip[first : first + self.tile]
            x = self._sent(np.pad(frames, ((0, self.tile - len(frames)), *[(0, 0)] * 3), mode="edge"))
            motion = self.predictor.motion_encoder(x, after)
            after = motion[:, -1], x[:, :, -1]
            yield motion

    def _render(self, seen: Seen, motion: Iterable[Variable], length: int) -> np.ndarray:
        """Content and tiles of motion codes (1, tile, dim_zm) -> uint8 (length, size, size, 3)."""
        to_cpu = chainer.get_device("@numpy").send
        tiles = [to_cpu(functions.to_bytes(self.predictor.render(seen, codes).array))[0] for codes in motion]
        return np.concatenate(tiles)[:length]

    def _sent(self, frames: np.ndarray) -> Array:
        """uint8 (T, size, size, 3) -> float32 (1, 3, T, size, size), on the device."""
        return functions.to_float(self.predictor.device.send(frames[None]))
