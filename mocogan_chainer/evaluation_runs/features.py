"""The features of the sets of one request, each gathered once, or as precalc stored them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import gathering, statistics
from mocogan_chainer.evaluation.gathering import Gathered
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.evaluation_runs.networks import Networks
from mocogan_chainer.evaluation_runs.progress import progress
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.evaluation_runs.sets import Sets, is_npz

WHOLE = (1, 1)


class Features:
    """From a recipe to what its network makes of each set.

    Args:
        request: what the user asks for.
        sets: the request's.
        networks: the request's.
    """

    def __init__(self, request: Request, sets: Sets, networks: Networks):
        self._request, self._sets, self._networks = request, sets, networks
        self._gathered: dict[tuple, Gathered] = {}

    def check_sets(self, recipe: Recipe) -> None:
        """Open both sets, or look at what was stored of them, before any work.

        Raises:
            MocoganError: one cannot be used for the recipe.
        """
        sets, clip = self._sets, recipe.preparation
        leaves_out = clip.short_videos == "leave out"
        if is_npz(self._request.real):
            self._stored_reference(recipe)
        else:
            _ = sets.real
            if leaves_out:
                sets.require_real_frames()
        if not sets.is_snapshot and is_npz(self._request.fake):
            self._stored_evaluated(recipe)
        else:
            videos = sets.fake(sets.count(recipe.samples))
            if leaves_out:
                sets.require_evaluated_frames()
            if sets.forecasts and leaves_out and clip.frames > sets.horizon_end:
                raise ConfigError(
                    f"{self._request.fake}: its videos have {sets.horizon_end} frames, as trained, and {recipe.name} "
                    f"takes clips of {clip.frames}; use --frames {clip.frames} to let it go on for longer, or another "
                    "number for both"
                )
            if len(videos) < recipe.least_samples:
                raise DataError(
                    f"{videos.name}: {len(videos)} videos, and {recipe.name} needs at least {recipe.least_samples}"
                )

    def of_real(self, recipe: Recipe, part: tuple[int, int] = WHOLE) -> Gathered:
        """The real set's features, or those that were stored."""
        sets = self._sets
        if is_npz(self._request.real):
            return self._stored_reference(recipe)
        if sets.forecasts:  # the same frames of the same videos: what was seen, and what came
            found = self._gather("real", sets.forecast_videos(None).real, recipe, 1, part)
            return replace(found, protocol=replace(found.protocol, stride=sets.every_nth))
        return self._gather("real", sets.real, recipe, sets.every_nth, part)

    def of_fake(self, recipe: Recipe, part: tuple[int, int] = WHOLE) -> Gathered:
        """The evaluated set's features, or those that were stored."""
        sets = self._sets
        if is_npz(self._request.fake) and not sets.is_snapshot:
            return self._stored_evaluated(recipe)
        return self._gather("fake", sets.fake(sets.count(recipe.samples)), recipe, sets.evaluated_stride, part)

    def of_baselines(self, recipe: Recipe) -> Iterator[tuple[str, Gathered]]:
        """The features of the real videos that a forecaster continues, continued by each baseline, with its name."""
        for name, videos in self._sets.baselines():
            yield name, self._gather(name, videos, recipe, 1, WHOLE)

    def _stored_reference(self, recipe: Recipe) -> Gathered:
        """The stored statistics that stand for the real set.

        Raises:
            ConfigError: they are none, or of another split or pace than was requested.
        """
        name, sets = self._request.real, self._sets
        if not statistics.is_file_of_statistics(name):
            raise ConfigError(
                f"--real {name}: no statistics, which hold mu and sigma; a snapshot is what --fake takes, and a real "
                "set is a folder or what evaluate.py precalc made of one"
            )
        found = gathering.read(name, recipe)
        if self._request.split not in (None, found.protocol.split):
            raise ConfigError(
                f"--split {self._request.split}: {name} is of the split {found.protocol.split}; leave out --split, or "
                f"make it again with evaluate.py precalc --split {self._request.split}"
            )
        known = self._request.every_nth is not None or sets.is_snapshot
        if known and found.protocol.stride not in (None, sets.every_nth):
            raise ConfigError(
                f"{name}: it takes every frame number {found.protocol.stride} of the real videos, and "
                f"{self._whose_pace()} {sets.every_nth}; make it again with evaluate.py precalc --every-nth "
                f"{sets.every_nth}, or use --every-nth {found.protocol.stride}"
            )
        pace = [every_frame_taken(found.name)] * (found.protocol.stride == 1 and not known)
        return replace(found, warnings=(*found.warnings, *_few(found, recipe), *pace))

    def _stored_evaluated(self, recipe: Recipe) -> Gathered:
        """The stored statistics that stand for the evaluated set.

        Raises:
            ConfigError: they are of videos of another length, or of more videos, than was requested.
        """
        name = self._request.fake
        found = gathering.read(name, recipe)
        length, samples = self._request.length, self._request.samples
        if length not in (None, found.length):
            raise ConfigError(
                f"--length {length}: frames in each video of statistics cannot be chosen any more, and {name} "
                f"{_has(found.length)}; leave --length away, or, if {name} was made of a snapshot, make it again with "
                f"evaluate.py precalc --length {length}"
            )
        count = found.gaussian.count  # of the videos that gave a clip, which may be fewer than were requested
        if samples is not None and (count is None or samples < count):
            raise ConfigError(
                f"--samples {samples}: videos of statistics cannot be chosen any more, and {name} {_has(count)}; leave "
                f"--samples away, or make it again with evaluate.py precalc --samples {samples}"
            )
        return replace(found, warnings=(*found.warnings, *_few(found, recipe)))

    def _chosen(self, videos: VideoSet, recipe: Recipe, stride: int) -> list[int]:
        """Which videos of a set are taken; of animations those that are made of the real ones that are taken."""
        if self._sets.animates:
            videos, stride = self._sets.real, self._sets.every_nth
        return self._sets.chosen(videos, self._sets.count(recipe.samples), recipe.preparation.least(stride))

    def _whose_pace(self) -> str:
        return "--every-nth says" if self._request.every_nth is not None else "the snapshot was trained with"

    def _gather(self, side: str, videos: VideoSet, recipe: Recipe, stride: int, part: tuple[int, int]) -> Gathered:
        extractor = self._networks.extractor(recipe)
        key = (side, recipe.weights, recipe.output, recipe.preparation, recipe.samples)
        if key not in self._gathered:
            indices = self._chosen(videos, recipe, stride)
            made_of_real = self._sets.animates or self._sets.forecasts
            with progress(f"{recipe.name}: {side}", len(indices[part[0] - 1 :: part[1]])) as advance:
                gathered = gathering.gather(
                    videos, indices, extractor, stride=stride, part=part, in_order=made_of_real, advance=advance
                )
            self._gathered[key] = gathered
        found = self._gathered[key]
        return replace(found, warnings=_few(found, recipe) if part == WHOLE else ())


def every_frame_taken(name: str) -> str:
    """Say what a reader should know of a real set whose every frame was taken because nobody said otherwise."""
    return (
        f"{name}: every frame was taken; if the evaluated videos come from a model that learned every n-th (train.py: "
        "every 2nd unless told otherwise), use --every-nth n"
    )


def _has(number: int | None) -> str:
    return f"has {number}" if number else "does not say how many it has"


def _few(gathered: Gathered, recipe: Recipe) -> tuple[str, ...]:
    count = gathered.gaussian.count
    if count is None or count >= recipe.samples:
        return ()
    return (
        f"{gathered.name}: {count} videos, and {recipe.name} is usually computed from {recipe.samples}; compare only "
        "with numbers from as many videos",
    )
