"""Real videos that a model continues as a set to evaluate: made when they are read, with no files in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import require_range
from mocogan_chainer.evaluation.continued_videos import ContinuedVideos
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.sampling import Forecaster

SEEDS = 2**31


class ForecastVideos(ContinuedVideos):
    """A forecaster's videos: the first frames of a real one, and a future.

    Futures of one seed have noise of their own in each video: it depends on the seed and the video's number.

    Args:
        forecaster: the snapshot's.
        real: the true videos, of the forecaster's frame size
            (:class:`mocogan_chainer.evaluation.sized_videos.SizedVideos` makes them so).
        name: what the user calls the set: the snapshot's path.
        fingerprint: of the snapshot.
        context: frames that the forecaster is shown, k.
        frames: of each video, the context among them, T.
        stride: steps in a real video from one of its frames to the next.
        seed: of the futures; None for the mean ones.

    Raises:
        ConfigError: a number is out of range, or no frame is left after the context.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        real: VideoSet,
        *,
        name: str,
        fingerprint: str,
        context: int,
        frames: int,
        stride: int = 1,
        seed: int | None = None,
    ):
        require_range("context", context, 1, forecaster.most_context)
        futures = "mean futures" if seed is None else f"futures of seed {seed}"
        self._forecaster, self._seed = forecaster, seed
        how = f"snapshot {fingerprint}, {futures}"
        super().__init__(real, self._future, name=name, how=how, context=context, frames=frames, stride=stride)

    def futures(self, index: int, seeds: Sequence[int | None]) -> np.ndarray:
        """Return several futures of one video, each that of the set with its seed.

        Args:
            index: the video's number.
            seeds: of the futures; None for the mean one.

        Returns:
            uint8 (len(seeds), T - k, size, size, 3).

        Raises:
            DataError: the real video cannot be read, or is too short.
        """
        return self._forecast(index, self.seen(index), self.frames - self.context, seeds)

    def _future(self, index: int, seen: np.ndarray, length: int) -> np.ndarray:
        return self._forecast(index, seen, length, [self._seed])[0]

    def _forecast(self, index: int, seen: np.ndarray, length: int, seeds: Sequence[int | None]) -> np.ndarray:
        own = [None if seed is None else int(seeding.stream(seed, "future", index).integers(SEEDS)) for seed in seeds]
        return self._forecaster.forecast(seen, length, own)
