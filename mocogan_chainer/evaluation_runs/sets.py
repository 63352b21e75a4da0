"""The real and the evaluated set of one request, each opened once, and the snapshot behind the evaluated one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from mocogan_chainer import builder
from mocogan_chainer.errors import ConfigError, require_range
from mocogan_chainer.evaluation import statistics
from mocogan_chainer.evaluation.animated_videos import AnimatedVideos
from mocogan_chainer.evaluation.clips import choose
from mocogan_chainer.evaluation.continued_videos import ContinuedVideos
from mocogan_chainer.evaluation.forecast_videos import ForecastVideos
from mocogan_chainer.evaluation.metrics.baselines import baselines
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation.sized_videos import SizedVideos
from mocogan_chainer.evaluation.snapshot_videos import SnapshotVideos
from mocogan_chainer.evaluation.video_set import VideoSet, open_videos
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.features import weights
from mocogan_chainer.sampling import Animator, Forecaster


class Sets:
    """What is compared with what: videos, their strides and lengths, and how many of them.

    Args:
        request: what the user asks for.

    Raises:
        ConfigError: a part is asked of no set.
    """

    def __init__(self, request: Request):
        if request.split is not None and request.real is None:
            raise ConfigError(f"--split {request.split}: a part of the real set; name the set with --real")
        self._request = request
        self._forecasts: dict[int | None, ForecastVideos] = {}

    @cached_property
    def real(self) -> VideoSet:
        """The real set; for an animator the videos of its class, for a forecaster all, at its frame size."""
        videos = self._real_files
        if self.animates:
            return SizedVideos(videos, self.generator.sampler.size, self.generator.class_name)
        return SizedVideos(videos, self.generator.sampler.size) if self.forecasts else videos

    @cached_property
    def _real_files(self) -> VideoSet:
        given, split = self._request.real, self._request.split
        if given is None:
            raise ConfigError("--real is missing: this metric compares with a real set")
        if is_npz(given):
            raise ConfigError(f"--real {given}: a file of numbers, and the videos themselves are needed here")
        if isinstance(given, str):
            return open_videos(given, split or "all")
        if split is not None:
            raise ConfigError(f"--split {split}: {given.name} is open already; only a path can be opened for a split")
        return given

    @property
    def resize(self) -> str:
        """The filter that brings the real set's frames to their size."""
        return self.real.resize if isinstance(self.real, SizedVideos) else "none"

    def fake(self, count: int, categories: str = "drawn") -> VideoSet:
        """The evaluated set; of a snapshot, as many videos as are said, or one for each real one."""
        if not self.is_snapshot:
            return self.fake_files
        if self.animates:
            return self.animated
        if self.forecasts:
            return self.forecast_videos(self._request.seed)
        return SnapshotVideos(
            self.generator.sampler,
            name=self._request.fake,
            length=self._request.length or self.generator.video_length,
            count=count,
            seed=self._request.seed,
            fingerprint=self._fingerprint,
            title=self.generator.data_name,
            categories=categories,
        )

    @cached_property
    def fake_files(self) -> VideoSet:
        """The evaluated set where it is not sampled from a snapshot."""
        given = self._request.fake
        if given is None:
            raise ConfigError("--fake is missing: name the set or the snapshot that is evaluated")
        if self._request.length is not None:
            raise ConfigError(f"--length {self._request.length}: only a snapshot's videos can have another length")
        if is_npz(given):
            raise ConfigError(f"--fake {given}: statistics, and this metric needs the videos themselves")
        return open_videos(given) if isinstance(given, str) else given

    @property
    def given(self) -> list[VideoSet]:
        """The sets that are not sampled from a snapshot, nor statistics: the evaluated one first."""
        return [
            *([] if self._request.fake is None or is_npz(self._request.fake) else [self.fake_files]),
            *([] if self._request.real is None or is_npz(self._request.real) else [self._real_files]),
        ]

    @cached_property
    def is_snapshot(self) -> bool:
        """Whether the evaluated set is sampled from a snapshot."""
        return is_npz(self._request.fake) and not statistics.is_file_of_statistics(self._request.fake)

    @cached_property
    def generator(self) -> builder.Generator:
        """What the snapshot makes videos with."""
        return builder.load_generator(self._request.fake, self._request.gpu)

    @cached_property
    def _fingerprint(self) -> str:
        """Of the snapshot."""
        return weights.sha256(self._request.fake)[:16]

    @property
    def animates(self) -> bool:
        """Whether the snapshot makes its videos of given pictures."""
        return self.is_snapshot and isinstance(self.generator.sampler, Animator)

    @cached_property
    def animated(self) -> AnimatedVideos:
        """What an animator makes of the real videos' first frames."""
        self._require_real_videos("animates pictures, the first frames of real videos")
        return AnimatedVideos(
            self.generator.sampler,
            self.real,
            name=self._request.fake,
            fingerprint=self._fingerprint,
            stride=self.every_nth,
            length=self._request.length,
        )

    @property
    def forecasts(self) -> bool:
        """Whether the snapshot's videos go on from given frames."""
        return self.is_snapshot and isinstance(self.generator.sampler, Forecaster)

    @property
    def context(self) -> int:
        """Frames at the beginning of each evaluated video that were given."""
        if not self.forecasts:
            return self._request.context or int(self.animates)
        most = self.generator.sampler.most_context
        asked = self._request.context
        if asked is not None:
            require_range("--context", asked, 1, most)
        return asked or most

    @property
    def horizon_end(self) -> int:
        """Frames of a forecaster's videos, the context among them."""
        return self._request.frames or self.generator.video_length

    @property
    def made_length(self) -> int | None:
        """Frames of each of a snapshot's videos; None of files, and of animations that are as long as real videos."""
        if not self.is_snapshot or self.animates:
            return self._request.length
        return self.horizon_end if self.forecasts else self._request.length or self.generator.video_length

    def forecast_videos(self, seed: int | None) -> ForecastVideos:
        """What a forecaster makes of the real videos' first frames: its futures of a seed, or the mean ones."""
        if seed not in self._forecasts:
            self._forecasts[seed] = self._make_forecast_videos(seed)
        return self._forecasts[seed]

    def _make_forecast_videos(self, seed: int | None) -> ForecastVideos:
        self._require_real_videos("continues videos, the first frames of real ones")
        if self._request.length is not None:
            raise ConfigError(
                f"--length {self._request.length}: this snapshot continues real videos; --frames T says how many "
                "frames to take of each in all, --context K how many of them it is shown"
            )
        videos = ForecastVideos(
            self.generator.sampler,
            self.real,
            name=self._request.fake,
            fingerprint=self._fingerprint,
            context=self.context,
            frames=self.horizon_end,
            stride=self.every_nth,
            seed=seed,
        )
        self.require_real_frames()
        return videos

    def baselines(self) -> Iterator[tuple[str, ContinuedVideos]]:
        """The real videos that a forecaster continues, continued by each baseline, with its name."""
        for name, go_on in baselines(self.context).items():
            yield (
                name,
                ContinuedVideos(
                    self.real,
                    lambda index, seen, length, go_on=go_on: go_on(seen, length),
                    name=name,
                    how=name,
                    context=self.context,
                    frames=self.horizon_end,
                    stride=self.every_nth,
                ),
            )

    def _require_real_videos(self, why: str) -> None:
        if self._request.real is None or is_npz(self._request.real):
            raise ConfigError(
                f"--fake {self._request.fake}: this snapshot {why}: name with --real a prepared dataset or a folder of "
                "videos, whose numbers alone (precalc) do not do"
            )

    def require_real_frames(self) -> None:
        """See to it that a real video can have as many frames as are taken, where no video has to be read for that.

        Raises:
            ConfigError: none of them has so many.
        """
        if isinstance(self._real_files, PreparedVideos):
            self._require_frames(self.real, self.every_nth)

    def require_evaluated_frames(self) -> None:
        """As :meth:`require_real_frames`, of the evaluated set where it lies in files."""
        if not self.is_snapshot and isinstance(self.fake_files, PreparedVideos):
            self._require_frames(self.fake_files, self.evaluated_stride)

    def _require_frames(self, videos: VideoSet, stride: int) -> None:
        frames = self.horizon_end if self.forecasts else self._request.frames
        if frames is None:
            return
        most = max(len(range(0, videos.length(i), stride)) for i in range(len(videos)))
        if frames > most:
            longest = f"the longest video of {videos.name} has {most} frames at stride {stride}"
            if self._request.frames is None:
                raise ConfigError(
                    f"{self._request.fake}: its videos have {frames} frames, as trained, and {longest}; use --frames "
                    f"{most}, or a smaller number"
                )
            raise ConfigError(f"--frames {frames}: {longest}; use at most {most}")

    @property
    def every_nth(self) -> int:
        """The stride of the real videos."""
        if self._request.every_nth is None and self.is_snapshot:
            return self.generator.every_nth
        return self._request.every_nth or 1

    @property
    def evaluated_stride(self) -> int:
        """The stride of the evaluated videos: generated ones run at the pace that was learned, filmed ones do not."""
        filmed = not is_npz(self._request.fake) and isinstance(self.fake_files, PreparedVideos)
        return self.every_nth if filmed else 1

    def count(self, usual: int) -> int:
        """How many videos were requested, or else the usual number."""
        return self._request.samples or usual

    def chosen(self, videos: VideoSet, count: int, least: int = 1) -> list[int]:
        """Which videos of a set are taken, of those that are not known to have fewer frames than the least."""
        return choose(videos, count, self._request.seed, least)


def is_npz(given: str | VideoSet | None) -> bool:
    """Return whether what is given for a set is the name of a file of arrays: statistics or a snapshot."""
    return isinstance(given, str) and Path(given).suffix == ".npz"
