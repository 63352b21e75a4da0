"""The sets and networks of one request, each opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocogan_chainer import backends, builder
from mocogan_chainer.errors import ConfigError, DataError, require_one_of, require_range
from mocogan_chainer.evaluation import gathering, statistics
from mocogan_chainer.evaluation.animated_videos import AnimatedVideos
from mocogan_chainer.evaluation.clips import choose
from mocogan_chainer.evaluation.continued_videos import ContinuedVideos
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.forecast_videos import ForecastVideos
from mocogan_chainer.evaluation.gathering import Advance, Gathered
from mocogan_chainer.evaluation.metrics.baselines import baselines
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation.recipes import RECIPES, Recipe, of_metric
from mocogan_chainer.evaluation.sized_videos import SizedVideos
from mocogan_chainer.evaluation.snapshot_videos import SnapshotVideos
from mocogan_chainer.evaluation.video_set import VideoSet, open_videos
from mocogan_chainer.evaluations.request import Request
from mocogan_chainer.features import c3d, catalogue, weights
from mocogan_chainer.sampling import Animator, Forecaster

Say = Callable[[str], None]
WHOLE = (1, 1)


class Session:
    """What the metrics of one request share.

    Attributes:
        request: what the user asks for.
        say: takes lines for the user.
        device: where networks compute.
        backend: who computes, in words.
        remarks: on weight files, by their SHA-256.
    """

    def __init__(self, request: Request, say: Say):
        if request.split is not None and request.real is None:
            raise ConfigError(f"--split {request.split}: a part of the real set; name the set with --real")
        self.request, self.say = request, say
        self.device = builder.choose_device(request.gpu)
        self.backend = backends.use("auto", on_gpu=request.gpu >= 0)
        self.remarks: dict[str, str] = {}
        self._extractors: dict[tuple, Extractor] = {}
        self._gathered: dict[tuple, Gathered] = {}
        say(f"computing on {'the CPU' if request.gpu < 0 else self.device} with the backend {self.backend}")

    @cached_property
    def real(self) -> VideoSet:
        """The real set; for an animator the videos of its class, for a forecaster all, at its frame size."""
        name = self.request.real
        if name is None:
            raise ConfigError("--real is missing: this metric compares with a real set")
        if name.endswith(".npz"):
            raise ConfigError(f"--real {name}: a file of numbers, and the videos themselves are needed here")
        videos = open_videos(name, self.request.split or "all")
        if self.animates:
            return SizedVideos(videos, self.generator.sampler.size, self.generator.class_name)
        return SizedVideos(videos, self.generator.sampler.size) if self.forecasts else videos

    @property
    def resize(self) -> str:
        """The filter that brings the real set's frames to their size."""
        return self.real.resize if isinstance(self.real, SizedVideos) else "none"

    def fake(self, count: int, categories: str = "drawn") -> VideoSet:
        """The evaluated set; of a snapshot, as many videos as are said, or one for each real one."""
        name = self.request.fake
        if not self.is_snapshot:
            return self.fake_files
        if self.animates:
            return self.animated
        if self.forecasts:
            return self.forecast_videos(self.request.seed)
        generator = self.generator
        return SnapshotVideos(
            generator.sampler,
            name=name,
            length=self.request.length or generator.video_length,
            count=count,
            seed=self.request.seed,
            fingerprint=weights.sha256(name)[:16],
            title=generator.data_name,
            categories=categories,
        )

    @cached_property
    def is_snapshot(self) -> bool:
        """Whether the evaluated set is sampled from a snapshot."""
        return is_npz(self.request.fake) and not statistics.is_file_of_statistics(self.request.fake)

    @property
    def animates(self) -> bool:
        """Whether the snapshot makes its videos of given pictures."""
        return self.is_snapshot and isinstance(self.generator.sampler, Animator)

    @cached_property
    def animated(self) -> AnimatedVideos:
        """What an animator makes of the real videos' first frames."""
        name = self.request.fake
        self._require_real_videos("animates pictures, the first frames of real videos")
        return AnimatedVideos(
            self.generator.sampler,
            self.real,
            name=name,
            fingerprint=weights.sha256(name)[:16],
            stride=self.every_nth,
            length=self.request.length,
        )

    @property
    def forecasts(self) -> bool:
        """Whether the snapshot's videos go on from given frames."""
        return self.is_snapshot and isinstance(self.generator.sampler, Forecaster)

    @property
    def context(self) -> int:
        """Frames at the beginning of each evaluated video that were given."""
        if not self.forecasts:
            return self.request.context or int(self.animates)
        most = self.generator.sampler.most_context
        asked = self.request.context
        if asked is not None:
            require_range("--context", asked, 1, most)
        return asked or most

    @property
    def horizon_end(self) -> int:
        """Frames of a forecaster's videos, the context among them."""
        return self.request.frames or self.generator.video_length

    def forecast_videos(self, seed: int | None) -> ForecastVideos:
        """What a forecaster makes of the real videos' first frames: its futures of a seed, or the mean ones."""
        name = self.request.fake
        self._require_real_videos("continues videos, the first frames of real ones")
        if self.request.length is not None:
            raise ConfigError(
                f"--length {self.request.length}: this snapshot continues real videos; --frames T says how many frames "
                "to take of each in all, --context K how many of them it is shown"
            )
        return ForecastVideos(
            self.generator.sampler,
            self.real,
            name=name,
            fingerprint=weights.sha256(name)[:16],
            context=self.context,
            frames=self.horizon_end,
            stride=self.every_nth,
            seed=seed,
        )

    def _require_real_videos(self, why: str) -> None:
        if self.request.real is None or is_npz(self.request.real):
            raise ConfigError(
                f"--fake {self.request.fake}: this snapshot {why}: name with --real a prepared dataset or a folder of "
                "videos, whose numbers alone (precalc) do not do"
            )

    @cached_property
    def generator(self) -> builder.Generator:
        """What the snapshot makes videos with."""
        return builder.load_generator(self.request.fake, self.request.gpu)

    @cached_property
    def fake_files(self) -> VideoSet:
        """The evaluated set where it lies in files."""
        if self.request.length is not None:
            raise ConfigError(f"--length {self.request.length}: only a snapshot's videos can have another length")
        if is_npz(self.request.fake):
            raise ConfigError(f"--fake {self.request.fake}: statistics, and this metric needs the videos themselves")
        return open_videos(self.request.fake)

    @property
    def every_nth(self) -> int:
        """The stride of the real videos."""
        if self.request.every_nth is None and self.is_snapshot:
            return self.generator.every_nth
        return self.request.every_nth or 1

    @property
    def evaluated_stride(self) -> int:
        """The stride of the evaluated videos: generated ones run at the pace that was learned, filmed ones do not."""
        filmed = not is_npz(self.request.fake) and isinstance(self.fake_files, PreparedVideos)
        return self.every_nth if filmed else 1

    def count(self, usual: int) -> int:
        """How many videos are asked for, or else usual."""
        return self.request.samples or usual

    def chosen(self, videos: VideoSet, count: int) -> list[int]:
        """Which videos of a set are taken."""
        return choose(videos, count, self.request.seed)

    def recipe(self, metric: str | None) -> Recipe:
        """The recipe that is asked for, or the metric's usual one; None stands for any that makes features."""
        known = of_metric(metric) if metric else [r for r in RECIPES.values() if r.output == "features"]
        name = self.request.protocol or known[0].name
        require_one_of("--protocol", name, [recipe.name for recipe in known])
        recipe, frames = RECIPES[name], self.request.frames
        if frames in (None, recipe.preparation.frames):
            return recipe
        if recipe.mean is not None:
            raise ConfigError(f"--frames {frames}: {recipe.name} takes exactly {recipe.preparation.frames}")
        return replace(recipe, preparation=replace(recipe.preparation, frames=frames))

    def extractor(self, recipe: Recipe) -> Extractor:
        """The recipe's network."""
        key = (recipe.weights, recipe.output, recipe.preparation)
        if key not in self._extractors:
            self._extractors[key] = self._load(recipe)
        return replace(self._extractors[key], recipe=recipe)

    def _load(self, recipe: Recipe) -> Extractor:
        path = weights.find(recipe.weights, self.request.weights)
        mean, mean_sha256 = _mean_clip(recipe)
        network = catalogue.load(recipe.weights, path)
        if recipe.preparation.frames < network.least_frames:
            raise ConfigError(
                f"--frames {recipe.preparation.frames}: {recipe.network} needs at least {network.least_frames}"
            )
        if network.classes != recipe.classes:
            raise ConfigError(
                f"{path}: it tells {network.classes} classes apart, and {recipe.name} takes a network for "
                f"{recipe.classes}; name {weights.FILES[recipe.weights].file}"
            )
        digest = weights.sha256(path)
        if remark := weights.remark(recipe.weights, digest):
            self.remarks[digest] = remark
        network.to_device(self.device)
        return Extractor(
            recipe,
            network,
            digest,
            self.device,
            mean,
            mean_sha256,
            batchsize=self.request.batchsize,
            seed=self.request.seed,
        )

    def check_sets(self, recipe: Recipe) -> None:
        """Open both sets, or look at what was stored of them, before any work."""
        if is_npz(self.request.real):
            self.stored_reference(recipe)
        else:
            _ = self.real
        if self.is_snapshot or not is_npz(self.request.fake):
            videos = self.fake(self.count(recipe.samples))
            clip = recipe.preparation
            if self.forecasts and clip.short_videos == "leave out" and clip.frames > self.horizon_end:
                raise ConfigError(
                    f"{self.request.fake}: its videos have {self.horizon_end} frames, as trained, and {recipe.name} "
                    f"takes clips of {clip.frames}; say --frames {clip.frames} to let it go on for longer, or another "
                    "number for both"
                )
            if len(videos) < recipe.least_samples:
                raise DataError(
                    f"{videos.name}: {len(videos)} videos, and {recipe.name} needs at least {recipe.least_samples}"
                )

    def gather_real(self, recipe: Recipe, part: tuple[int, int] = WHOLE) -> Gathered:
        """The real set's features, or those that were stored."""
        if is_npz(self.request.real):
            return self.stored_reference(recipe)
        if self.forecasts:  # the same frames of the same videos: what was seen, and what came
            found = self._gather("real", self.forecast_videos(None).real, recipe, 1, part)
            return replace(found, protocol=replace(found.protocol, stride=self.every_nth))
        return self._gather("real", self.real, recipe, self.every_nth, part)

    def gather_fake(self, recipe: Recipe, part: tuple[int, int] = WHOLE) -> Gathered:
        """The evaluated set's features, or those that were stored."""
        if is_npz(self.request.fake) and not self.is_snapshot:
            found = gathering.read(self.request.fake, recipe)
            return replace(found, warnings=(*found.warnings, *_few(found, recipe)))
        return self._gather("fake", self.fake(self.count(recipe.samples)), recipe, self.evaluated_stride, part)

    def gather_baselines(self, recipe: Recipe) -> Iterator[tuple[str, Gathered]]:
        """The features of the real videos that a forecaster continues, continued by each baseline, with its name."""
        for name, go_on in baselines(self.context).items():
            videos = ContinuedVideos(
                self.real,
                lambda index, seen, length, go_on=go_on: go_on(seen, length),
                name=name,
                how=name,
                context=self.context,
                frames=self.horizon_end,
                stride=self.every_nth,
            )
            yield name, self._gather(name, videos, recipe, 1, WHOLE)

    def stored_reference(self, recipe: Recipe) -> Gathered:
        """The stored statistics that stand for the real set.

        Raises:
            ConfigError: they are none, or of another split or pace than is asked for.
        """
        name = self.request.real
        if not statistics.is_file_of_statistics(name):
            raise ConfigError(
                f"--real {name}: no statistics, which hold mu and sigma; a snapshot is what --fake takes, and a real "
                "set is a folder or what evaluate.py precalc made of one"
            )
        found = gathering.read(name, recipe)
        if self.request.split not in (None, found.protocol.split):
            raise ConfigError(
                f"--split {self.request.split}: {name} is of the split {found.protocol.split}; leave --split away, or "
                f"make it again with evaluate.py precalc --split {self.request.split}"
            )
        known = self.request.every_nth is not None or self.is_snapshot
        if known and found.protocol.stride not in (None, self.every_nth):
            raise ConfigError(
                f"{name}: it takes every frame number {found.protocol.stride} of the real videos, and "
                f"{self._whose_pace()} {self.every_nth}; make it again with evaluate.py precalc --every-nth "
                f"{self.every_nth}, or say --every-nth {found.protocol.stride}"
            )
        return replace(found, warnings=(*found.warnings, *_few(found, recipe)))

    def _whose_pace(self) -> str:
        return "--every-nth says" if self.request.every_nth is not None else "the snapshot was trained with"

    def _gather(self, side: str, videos: VideoSet, recipe: Recipe, stride: int, part: tuple[int, int]) -> Gathered:
        extractor = self.extractor(recipe)
        key = (side, recipe.weights, recipe.output, recipe.preparation, recipe.samples)
        if key not in self._gathered:
            indices = self.chosen(videos, self.count(recipe.samples))
            with progress(f"{recipe.name}: {side}", len(indices[part[0] - 1 :: part[1]])) as advance:
                gathered = gathering.gather(videos, indices, extractor, stride=stride, part=part, advance=advance)
            self._gathered[key] = gathered
        found = self._gathered[key]
        return replace(found, warnings=_few(found, recipe) if part == WHOLE else ())


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar while videos are looked at."""
    with tqdm(total=total, desc=title, unit="video", disable=None) as bar:
        yield bar.update


def is_npz(name: str | None) -> bool:
    """Return whether a name is that of a file of arrays: statistics or a snapshot."""
    return name is not None and Path(name).suffix == ".npz"


def _mean_clip(recipe: Recipe) -> tuple[np.ndarray | None, str | None]:
    """Return the clip that the recipe subtracts, and its file's SHA-256."""
    if recipe.mean is None:
        return None, None
    path = weights.find(recipe.mean)
    return c3d.load_mean(path, recipe.mean_left), weights.sha256(path)


def _few(gathered: Gathered, recipe: Recipe) -> tuple[str, ...]:
    count = gathered.gaussian.count
    if count is None or count >= recipe.samples:
        return ()
    return (
        f"{gathered.name}: {count} videos, and {recipe.name} is usually computed of {recipe.samples}; compare with "
        "numbers of as many videos only",
    )
