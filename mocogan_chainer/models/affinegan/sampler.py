"""Videos from a trained AffineGAN generator and pictures."""

from __future__ import annotations

import chainer
import numpy as np

from mocogan_chainer import functions
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models.affinegan.generator import Generator, Levels
from mocogan_chainer.models.sampler import require_frames


class AffineGANAnimator:
    """Moves pictures along their expression (the protocol is :class:`mocogan_chainer.sampling.Animator`).

    Args:
        generator: the network.
    """

    tile = 4  # always as many frames, because matrix products round differently for other shapes

    def __init__(self, generator: Generator):
        self.generator = generator
        self.size = generator.size

    def animate(self, photos: np.ndarray, alphas: np.ndarray) -> np.ndarray:
        """See :meth:`mocogan_chainer.sampling.Animator.animate`; pictures are taken one after the other."""
        require_frames("photos", photos, self.size)
        alphas = np.asarray(alphas, np.float32)
        if alphas.ndim != 1 or not len(alphas) or not np.isfinite(alphas).all():
            raise ConfigError(f"alphas={alphas.tolist()}: they must be one or more finite numbers, one for each frame")
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            videos = [self._video(photo, alphas) for photo in photos]
        return np.stack(videos) if videos else np.empty((0, len(alphas), *photos.shape[1:]), np.uint8)

    def _video(self, photo: np.ndarray, alphas: np.ndarray) -> np.ndarray:
        """(size, size, 3), (T,) -> (T, size, size, 3)."""
        generator = self.generator
        x = functions.to_float(generator.device.send(photo[None]))
        base, residual = generator.encode_base(x), generator.encode_residual(x)
        video = np.empty((len(alphas), *photo.shape), np.uint8)
        for first in range(0, len(alphas), self.tile):
            wanted = alphas[first : first + self.tile]
            padded = np.pad(wanted, (0, self.tile - len(wanted)), mode="edge")
            video[first : first + self.tile] = self._frames(base, residual, padded)[: len(wanted)]
        return video

    def _frames(self, base: Levels, residual: Levels, alphas: np.ndarray) -> np.ndarray:
        """One picture's levels, (K,) -> (K, size, size, 3)."""
        levels = self.generator.move(base, residual, self.generator.device.send(alphas[None]))
        x, _ = self.generator.decode(levels)
        return chainer.get_device("@numpy").send(functions.to_bytes(x.array))
