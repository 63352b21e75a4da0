"""The features of a whole set as a distribution: computed, stored, read, merged from parts."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import statistics
from mocogan_chainer.evaluation.clips import LeftOut
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.kept import KeptFeatures
from mocogan_chainer.evaluation.protocol import FEATURES, Protocol, differences, in_words
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.statistics import Gaussian, Statistics
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.features.weights import sha256

Advance = Callable[[int], object]
"""Takes the number of videos that were done since the last call."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """The features of a set.

    Attributes:
        name: what the user calls the set.
        gaussian: their distribution.
        statistics: with single features; None for statistics of other programs.
        protocol: how they were made and of what; its metric is "precalc".
        left_out: videos that gave no clip, each with its reason.
        seconds: that it took.
        warnings: for the reader, a line each.
    """

    name: str
    gaussian: Gaussian
    statistics: Statistics | None
    protocol: Protocol
    left_out: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def kept(self) -> KeptFeatures | None:
        """Single features, where there are any."""
        return self.statistics.kept if self.statistics is not None else None

    def save(self, path: str | os.PathLike) -> None:
        """Write the statistics and how they were made.

        Raises:
            DataError: fewer than two features.
            OutputError: the file cannot be written.
        """
        if self.statistics is None:
            raise DataError(f"{self.name}: statistics of another program; they are a file already")
        statistics.save(path, self.statistics, self.protocol.to_json())


def gather(
    videos: VideoSet,
    indices: Sequence[int],
    extractor: Extractor,
    *,
    stride: int = 1,
    part: tuple[int, int] = (1, 1),
    advance: Advance = lambda count: None,
) -> Gathered:
    """Compute the features of some videos of a set.

    Args:
        videos: any set.
        indices: which of them.
        extractor: the network.
        stride: steps in a video from one frame of its clip to the next.
        part: which of how many equal shares of ``indices`` to do, counted from 1; :func:`merge` joins them.
        advance: is told of progress.

    Raises:
        DataError: fewer than two videos give a clip.
    """
    started = time.perf_counter()
    number, parts = part
    gathered = Statistics(extractor.dimensions)
    left_out = []
    for output in extractor.outputs(videos, indices[number - 1 :: parts], stride):
        if isinstance(output, LeftOut):
            left_out.append((output.name, output.reason))
            advance(1)
        else:
            gathered.update(output)
            advance(len(output))
    if gathered.count < 2:
        raise DataError(
            f"{videos.name}: {gathered.count} of its videos gave a clip, and 2 are needed{_first(left_out)}"
        )
    fields = extractor.recipe.fields(extractor.weights_sha256) | {"stride": stride}
    protocol = Protocol(
        metric="precalc",
        name=extractor.recipe.name,
        **fields,
        reference=videos.reference,
        split=videos.split,
        reference_samples=gathered.count,
        seed=extractor.seed,
        settings={} if parts == 1 else {"part": number, "parts": parts},
    )
    seconds = time.perf_counter() - started
    return Gathered(videos.name, gathered.gaussian(), gathered, protocol, tuple(left_out), seconds)


def read(path: str | os.PathLike, recipe: Recipe) -> Gathered:
    """Read statistics that were stored, by ``evaluate.py precalc`` or by other programs with ``mu`` and ``sigma``.

    Args:
        path: the ``.npz`` file.
        recipe: how the features must have been made; statistics of other programs do not say.

    Raises:
        DataError: the file cannot be used.
        ConfigError: the recipe takes other features, or they are one part of several.
    """
    stored = statistics.load(path)
    if stored.statistics is None:
        digest = sha256(path)[:16]
        protocol = Protocol(metric="precalc", name=recipe.name, reference=f"mu and sigma {digest}")
        warning = f"{path} does not say how its features were made: it is taken to be {recipe.name}"
        return Gathered(str(path), stored.gaussian, None, protocol, warnings=(warning,))
    protocol = Protocol.from_json(stored.protocol, str(path))
    if "part" in dict(protocol.settings):
        settings = dict(protocol.settings)
        raise ConfigError(
            f"{path}: it is part {settings['part']} of {settings['parts']}; join them: "
            "evaluate.py merge OUT.npz PART.npz ..."
        )
    wanted = dataclasses.replace(protocol, **recipe.fields(protocol.weights_sha256) | {"stride": protocol.stride})
    unlike = differences(protocol, wanted, among=FEATURES)
    if unlike:
        raise ConfigError(
            f"{path}: it was made for {protocol.name}, and {recipe.name} takes other features: {in_words(unlike)}; "
            f"make it again: evaluate.py precalc --protocol {recipe.name}"
        )
    return Gathered(str(path), stored.gaussian, stored.statistics, protocol)


def merge(paths: Sequence[str | os.PathLike]) -> Gathered:
    """Join all parts that :func:`gather` made of one set.

    Raises:
        DataError: a file cannot be used.
        ConfigError: they are not the parts of one whole, each once.
    """
    whole: Statistics | None = None
    first: Protocol | None = None
    found: dict[int, str] = {}
    for path in paths:
        stored = statistics.load(path)
        protocol = Protocol.from_json(stored.protocol, str(path)) if stored.statistics is not None else None
        settings = dict(protocol.settings) if protocol is not None else {}
        if "part" not in settings:
            raise ConfigError(f"{path}: no part of a set; evaluate.py precalc --part 1/4 makes the first of four")
        alike = dataclasses.replace(protocol, reference_samples=None, settings={"parts": settings["parts"]})
        if first is None:
            first, whole = alike, Statistics(stored.gaussian.dimensions)
        unlike = differences(first, alike)
        if unlike:
            raise ConfigError(f"{path}: made in another way than {paths[0]}: {in_words(unlike)}")
        if settings["part"] in found:
            raise ConfigError(f"{path}: part {settings['part']} is there already, as {found[settings['part']]}")
        found[settings["part"]] = str(path)
        whole.merge(stored.statistics)
    if first is None or whole is None:
        raise ConfigError("no parts to join; name the files that evaluate.py precalc --part made")
    missing = sorted(set(range(1, dict(first.settings)["parts"] + 1)) - set(found))
    if missing:
        raise ConfigError(
            f"part {', '.join(map(str, missing))} of {dict(first.settings)['parts']} is missing; name all"
        )
    protocol = dataclasses.replace(first, reference_samples=whole.count, settings={})
    return Gathered(", ".join(found.values()), whole.gaussian(), whole, protocol)


def _first(left_out: Sequence[tuple[str, str]]) -> str:
    return f"; {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
