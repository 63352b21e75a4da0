"""The features of a whole set as a distribution: computed, stored, read, merged from parts."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import left_out, statistics
from mocogan_chainer.evaluation.clips import LeftOut
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.kept_features import KeptFeatures
from mocogan_chainer.evaluation.protocol import FEATURES, Protocol, Setting, differences, in_words
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.statistics import Gaussian, Statistics
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.evaluation.watched_videos import MIXED, MIXED_SHAPES, WatchedVideos, are_square
from mocogan_chainer.features.weights import sha256

MOST_PARTS = 9999
"""Parts of a set that can be merged."""

LENGTH, FRAME_SIZE = "length", "frame_size"
"""Settings of stored statistics: what all videos have in common, where they do."""

Advance = Callable[[int], object]
"""Takes the number of videos that were done since the last call."""


@dataclass(frozen=True, eq=False)
class InOrder:
    """Single features, and whose they are.

    Attributes:
        rows: float32 (N, D).
        videos: numbers of the videos, (N,).
    """

    rows: np.ndarray
    videos: np.ndarray


@dataclass(frozen=True, eq=False)
class Gathered:
    """The features of a set.

    Attributes:
        name: what the user calls the set.
        gaussian: their distribution.
        statistics: with single features; None for statistics of other programs.
        protocol: how they were made and of what; its metric is "precalc".
        left_out: videos that gave no clip, each with its reason; None where that is not known.
        seconds: that it took.
        warnings: for the reader, a line each.
        in_order: of all videos, where that was requested and there is room.
    """

    name: str
    gaussian: Gaussian
    statistics: Statistics | None
    protocol: Protocol
    left_out: tuple[tuple[str, str], ...] | None = None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    in_order: InOrder | None = None

    @property
    def kept(self) -> KeptFeatures | None:
        """Single features, where there are any."""
        return self.statistics.kept if self.statistics is not None else None

    @property
    def length(self) -> int | None:
        """Frames of each video; None where they differ, or it is not known."""
        found = dict(self.protocol.settings).get(LENGTH)
        return found if type(found) is int and found > 0 else None

    @property
    def frame_size(self) -> str | None:
        """Height and width of the videos' own frames, as text; None where it is not known."""
        found = dict(self.protocol.settings).get(FRAME_SIZE)
        return found if isinstance(found, str) else None

    def told(self) -> tuple[str, ...]:
        """Return the warnings, and a line on videos that gave no clip."""
        return (*self.warnings, *left_out.without_clip(self.name, self.left_out or ()))

    def save(self, path: str | os.PathLike) -> None:
        """Write the statistics and how they were made.

        Raises:
            DataError: fewer than two features.
            OutputError: the file cannot be written.
        """
        if self.statistics is None:
            raise DataError(f"{self.name}: statistics of another program; they are a file already")
        least = 0 if "part" in dict(self.protocol.settings) else 2
        statistics.save(path, self.statistics, self.protocol.to_json(), least)


def gather(
    videos: VideoSet,
    indices: Sequence[int],
    extractor: Extractor,
    *,
    stride: int = 1,
    part: tuple[int, int] = (1, 1),
    in_order: bool = False,
    advance: Advance = lambda count: None,
) -> Gathered:
    """Compute the features of some videos of a set.

    Args:
        videos: any set.
        indices: which of them.
        extractor: the network.
        stride: steps in a video from one frame of its clip to the next.
        part: which of how many equal shares of ``indices`` to do, counted from 1; :func:`merge` joins them.
        in_order: whether it matters which video has which features: for :func:`paired_features`.
        advance: is called with the number of videos done since the last call.

    Raises:
        DataError: fewer than two videos give a clip.
    """
    started = time.perf_counter()
    number, parts = part
    taken = indices[number - 1 :: parts]
    videos = WatchedVideos(videos)
    found, ordered, missing = _features(extractor, videos, taken, stride, in_order, advance)
    least = 2 if parts == 1 else 0  # a part may be small; the whole may not
    if found.count < least:
        first = f"; {missing[0].name}: {missing[0].reason}" if missing else ""
        raise DataError(f"{videos.name}: {found.count} of its videos gave a clip, and 2 are needed{first}")
    fields = extractor.recipe.fields(extractor.weights_sha256) | {"stride": stride}
    protocol = Protocol(
        metric="precalc",
        name=extractor.recipe.name,
        **fields,
        reference=videos.reference,
        split=videos.split,
        reference_samples=found.count,
        seed=extractor.seed,
        settings=_settings(videos.common_length, videos.frame_size)
        | ({} if parts == 1 else {"part": number, "parts": parts}),
    )
    return Gathered(
        videos.name,
        found.gaussian(least),
        found,
        protocol,
        tuple((video.name, video.reason) for video in missing),
        seconds=time.perf_counter() - started,
        in_order=ordered,
    )


def _features(
    extractor: Extractor, videos: VideoSet, indices: Sequence[int], stride: int, in_order: bool, advance: Advance
) -> tuple[Statistics, InOrder | None, list[LeftOut]]:
    """Compute features; return their statistics, all of them where that is wanted, and the videos that gave none."""
    found = Statistics(extractor.dimensions)
    in_order = in_order and len(indices) <= found.kept.limit
    rows: list[np.ndarray] = []
    missing: list[LeftOut] = []
    for output in extractor.outputs(videos, indices, stride):
        if isinstance(output, LeftOut):
            missing.append(output)
            advance(1)
        else:
            found.update(output)
            rows += [output] * in_order
            advance(len(output))
    if not rows:
        return found, None, missing
    numbers = np.array(indices)
    there = numbers[~np.isin(numbers, [video.index for video in missing])]
    return found, InOrder(np.concatenate(rows), there), missing


def paired_features(evaluated: Gathered, reference: Gathered) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the features (N, D) of both sets' videos of the same numbers, where it is known whose they are.

    Where a video of a number was made of the other set's video of that number, these belong together. None where fewer
    than two do.
    """
    sides = [side.in_order for side in (evaluated, reference)]
    if any(side is None for side in sides):
        return None
    _, *places = np.intersect1d(*(side.videos for side in sides), assume_unique=True, return_indices=True)
    if len(places[0]) < 2:
        return None
    first, second = (side.rows[place] for side, place in zip(sides, places, strict=True))
    return first, second


def read(path: str | os.PathLike, recipe: Recipe) -> Gathered:
    """Read statistics that were stored, by ``evaluate.py precalc`` or by other programs with ``mu`` and ``sigma``.

    Args:
        path: the ``.npz`` file.
        recipe: how the features must have been made; statistics of other programs do not say.

    Raises:
        DataError: the file cannot be used.
        ConfigError: the recipe takes other features, or they are one part of several.
    """
    stored = statistics.load(path, least=0)
    if stored.statistics is None:
        digest = sha256(path)[:16]
        protocol = Protocol(metric="precalc", name=recipe.name, reference=f"mu and sigma {digest}")
        warning = f"{path} does not say how its features were made: it is taken to be {recipe.name}"
        return Gathered(str(path), stored.gaussian, None, protocol, warnings=(warning,))
    protocol, part = _protocol(path, stored.protocol)
    if part is not None:
        raise ConfigError(
            f"{path}: it is part {part[0]} of {part[1]}; join them: evaluate.py merge OUT.npz PART.npz ..."
        )
    if stored.statistics.count < 2:
        raise DataError(f"{path}: {stored.statistics.count} features, and 2 are needed; {statistics.MAKE_ANEW}")
    wanted = dataclasses.replace(protocol, **recipe.fields(protocol.weights_sha256) | {"stride": protocol.stride})
    unlike = differences(protocol, wanted, among=FEATURES)
    if unlike:
        raise ConfigError(
            f"{path}: it was made for {protocol.name}, and {recipe.name} takes other features: {in_words(unlike)}; "
            f"make it again: evaluate.py precalc --protocol {recipe.name}"
        )
    return Gathered(str(path), stored.gaussian, stored.statistics, protocol)


def merge(paths: Sequence[str | os.PathLike]) -> Gathered:
    """Join all parts that :func:`gather` made of one set; single parts may have fewer than two videos, or none.

    Mean and covariance are those of the set done in one go within rounding, the kept rows exactly.

    Raises:
        DataError: a file cannot be used, or all have fewer than two videos together.
        ConfigError: they are not the parts of one whole, each once.
    """
    whole: Statistics | None = None
    first: Protocol | None = None
    found: dict[int, str] = {}
    lengths: set[Setting | None] = set()
    sizes: set[Setting | None] = set()
    for path in paths:
        stored = statistics.load(path, least=0)
        protocol, part = (None, None) if stored.statistics is None else _protocol(path, stored.protocol)
        if part is None:
            raise ConfigError(f"{path}: no part of a set; evaluate.py precalc --part 1/4 makes the first of four")
        number, parts = part
        alike = dataclasses.replace(protocol, reference_samples=None, settings={"parts": parts})
        if first is None:
            first, whole = alike, Statistics(stored.gaussian.dimensions)
        unlike = differences(first, alike)
        if unlike:
            raise ConfigError(f"{path}: made in another way than {paths[0]}: {in_words(unlike)}")
        if number in found:
            raise ConfigError(f"{path}: part {number} is there already, as {found[number]}")
        found[number] = str(path)
        whole.merge(stored.statistics)
        if stored.statistics.count:
            lengths.add(dict(protocol.settings).get(LENGTH))
            sizes.add(dict(protocol.settings).get(FRAME_SIZE))
    if first is None or whole is None:
        raise ConfigError("no parts to join; name the files that evaluate.py precalc --part made")
    missing = sorted(set(range(1, parts + 1)) - set(found))
    if missing:
        named = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        raise ConfigError(f"part {named} of {parts} is missing; name all")
    settings = _settings(lengths.pop() if len(lengths) == 1 else None, _joined(sizes))
    protocol = dataclasses.replace(first, reference_samples=whole.count, settings=settings)
    return Gathered(", ".join(found.values()), whole.gaussian(), whole, protocol)


def _settings(length: Setting | None, frame_size: Setting | None) -> dict[str, Setting]:
    found = {LENGTH: length, FRAME_SIZE: frame_size}
    return {name: value for name, value in found.items() if value is not None}


def _joined(sizes: set[Setting | None]) -> Setting | None:
    """Return what the frame sizes of parts are together; None where a part does not say."""
    if len(sizes) < 2 or None in sizes:
        return sizes.pop() if len(sizes) == 1 else None
    return MIXED if all(are_square(size) for size in sizes) else MIXED_SHAPES


def _protocol(path: str | os.PathLike, text: str) -> tuple[Protocol, tuple[int, int] | None]:
    """Return how stored features were made, and which part of how many they are; None for a whole set."""
    protocol = Protocol.from_json(text, str(path))
    if protocol.metric != "precalc":
        raise DataError(f"{path}: its protocol is one of {protocol.metric}, not of statistics; {statistics.MAKE_ANEW}")
    settings = dict(protocol.settings)
    part, parts = settings.get("part"), settings.get("parts")
    if part is None and parts is None:
        return protocol, None
    if type(part) is not int or type(parts) is not int or not 1 <= part <= parts <= MOST_PARTS:
        raise DataError(f"{path}: damaged: it is part {part!r} of {parts!r}; {statistics.MAKE_ANEW}")
    return protocol, (part, parts)
