"""FVD and FID: the Fréchet distance of two sets' features."""

from __future__ import annotations

import time

from mocogan_chainer.evaluation import frechet
from mocogan_chainer.evaluation.gathering import Gathered, paired_features
from mocogan_chainer.evaluation.metrics.agreement import agreed_protocol
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.result import Result, versions
from mocogan_chainer.evaluation.watched_videos import size_warnings


def frechet_distance(recipe: Recipe, *, evaluated: Gathered, reference: Gathered, seed: int) -> Result:
    """Compare two sets.

    Args:
        recipe: how both sets' features were made.
        evaluated: at least two videos.
        reference: at least two videos, or statistics that were stored.
        seed: of the spread's cuts.

    Raises:
        ConfigError: their features were made in unlike ways.
        DataError: their features are of different sizes.
    """
    started = time.perf_counter()
    protocol = agreed_protocol(recipe, evaluated=evaluated, reference=reference)
    value = frechet.distance(evaluated.gaussian, reference.gaussian)
    spread, spread_kind = _spread(evaluated, reference, seed)
    warning = frechet.bias_warning(
        evaluated.gaussian.dimensions, evaluated=evaluated.gaussian.count, reference=reference.gaussian.count
    )
    return Result(
        protocol=protocol,
        evaluated=evaluated.name,
        evaluated_reference=evaluated.protocol.reference or "",
        value=value,
        spread=spread,
        spread_kind=spread_kind,
        counts=counts(evaluated, reference),
        versions=versions(),
        seconds=evaluated.seconds + reference.seconds + time.perf_counter() - started,
        warnings=(*evaluated.told(), *reference.told(), *odd_sizes(evaluated, reference), *[warning] * bool(warning)),
        frame_sizes=frame_sizes(evaluated, reference),
    )


def frame_sizes(evaluated: Gathered, reference: Gathered) -> dict[str, str]:
    """Return the size of each side's own frames, where it is known."""
    sides = {"evaluated": evaluated.frame_size, "reference": reference.frame_size}
    return {name: size for name, size in sides.items() if size is not None}


def odd_sizes(evaluated: Gathered, reference: Gathered) -> tuple[str, ...]:
    """Return warnings of frames that differ in size, or are not square."""
    crop = evaluated.protocol.crop or reference.protocol.crop
    return size_warnings(crop, **frame_sizes(evaluated, reference))


def counts(evaluated: Gathered, reference: Gathered) -> dict[str, int]:
    """Return how many videos there were, and how many gave no clip."""
    known = {"evaluated": evaluated.gaussian.count, "reference": reference.gaussian.count}
    sides = {"evaluated left out": evaluated.left_out, "reference left out": reference.left_out}
    left_out = {name: len(videos) for name, videos in sides.items() if videos is not None}
    return {name: count for name, count in known.items() if count is not None} | left_out


def _spread(evaluated: Gathered, reference: Gathered, seed: int) -> tuple[float | None, str]:
    """Return the distance's spread, and what it is in words; none where single features are known of neither side."""
    if evaluated.kept is None and reference.kept is None:
        return None, ""
    # A distance of 2048 numbers a feature takes seconds, one of 400 a tenth of one.
    parts = frechet.PARTS if evaluated.gaussian.dimensions <= 512 else frechet.PARTS // 2
    if (together := paired_features(evaluated, reference)) is not None:
        found, drawn = frechet.paired_spread(*together, seed=seed, parts=parts), "both sets together, pair by pair"
    else:
        features = [side.gaussian if side.kept is None else side.kept for side in (evaluated, reference)]
        found = frechet.spread(*features, seed=seed, parts=parts)
        alone = "the evaluated set" if reference.kept is None else "the reference set" if evaluated.kept is None else ""
        drawn = alone or "each set"
    return found, f"standard deviation by a jackknife over {parts} parts of {drawn}"
