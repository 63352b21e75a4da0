"""Stand-ins for sets of videos and feature networks: small, and known through and through."""

from __future__ import annotations

import chainer
import numpy as np
from chainer import as_variable

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.clips import Preparation
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.recipes import Recipe


class Videos:
    """A set of given videos, uint8 (T, H, W, 3) each; None for one that cannot be read."""

    split = None
    subjects = None
    unordered = False
    any_thread = True

    def __init__(self, videos, labels=None, class_names=(), name="videos"):
        self.videos, self.labels, self.class_names = videos, labels, class_names
        self.name = self.title = name
        self.reference = f"{name} 0123456789abcdef"

    def __len__(self):
        return len(self.videos)

    def id(self, index):
        return f"video{index}"

    def label(self, index):
        return -1 if self.labels is None else self.labels[index]

    def length(self, index):
        return len(self.videos[index])

    def known_length(self, index):
        return None if self.videos[index] is None else len(self.videos[index])

    def read(self, index, which=None):
        video = self.videos[index]
        if video is None:
            raise DataError(f"video{index}: cannot be read")
        return video if which is None else video[which(len(video))]


class Means:
    """A feature network: the mean and the deviation of the first channel, and the mean of the last frame."""

    dimensions = 3
    size = 8
    least_frames = 2

    def __init__(self, classes=2):
        self.classes = classes

    def features(self, x):
        assert not chainer.config.train
        assert not chainer.config.enable_backprop
        red = x[:, 0].reshape(len(x), -1)
        last = x[:, :, -1].reshape(len(x), -1)
        return as_variable(np.stack([red.mean(1), red.std(1), last.mean(1)], axis=1).astype(np.float32))

    def logits(self, x):
        others = np.zeros((len(x), self.classes - 1), np.float32)
        return as_variable(np.concatenate([x.mean(axis=(1, 2, 3, 4), keepdims=True)[:, :, 0, 0, 0], others], axis=1))


PREPARATION = Preparation(
    frames=4, start="first", short_videos="leave out", size=8, resize="bilinear", crop="none", channel_order="RGB"
)


def extractor(output="features", metric="fvd", batchsize=3, **settings) -> Extractor:
    recipe = Recipe(
        name="toy",
        metric=metric,
        network="means",
        weights="i3d",
        classes=2,
        output=output,
        preparation=PREPARATION,
        **settings,
    )
    return Extractor(recipe, Means(), "ab" * 32, chainer.get_device("@numpy"), batchsize=batchsize)


def noisy(count: int, seed: int = 0, level: float = 100, length: int = 6) -> list[np.ndarray]:
    """Return videos of 8 x 8 pixels around a grey of their own."""
    rng = np.random.default_rng(seed)
    greys = rng.normal(level, 20, (count, 1, 1, 1, 1))
    noise = rng.normal(0, 10, (count, length, 8, 8, 3))
    return list(np.clip(greys + noise, 0, 255).astype(np.uint8))


class Fading:
    """An animator: a picture fades to its negative, and alpha tells how far; it remembers what it was asked for."""

    def __init__(self, size=8):
        self.size = size
        self.asked = []

    def animate(self, photos, alphas):
        assert photos.dtype == np.uint8 and photos.shape[1:] == (self.size, self.size, 3)
        self.asked.append((len(photos), len(alphas)))
        photos, share = photos[:, None].astype(float), np.reshape(alphas, (-1, 1, 1, 1))
        return np.round((1 - share) * photos + share * (255 - photos)).astype(np.uint8)


class Brightening:
    """A forecaster: every frame is brighter than the one before, by 4 in the mean future and by 1 to 7 in others.

    It remembers what it was asked for: frames seen, frames to come and seeds.
    """

    transfers_motion = False

    def __init__(self, size=8, most_context=3):
        self.size, self.most_context = size, most_context
        self.asked = []

    @staticmethod
    def step(seed):
        return 4 if seed is None else 1 + seed % 7

    def forecast(self, context, length, seeds):
        assert context.dtype == np.uint8 and context.shape[1:] == (self.size, self.size, 3)
        assert 1 <= len(context) <= self.most_context
        self.asked.append((len(context), length, tuple(seeds)))
        times = np.arange(1, length + 1)[:, None, None, None]
        futures = [np.minimum(context[-1].astype(int) + times * self.step(seed), 255) for seed in seeds]
        return np.stack(futures).astype(np.uint8)

    def transfer(self, content, clip):
        raise AssertionError("evaluation moves nothing as another clip")
