"""FVD and FID: the Fréchet distance of two sets' features."""

from __future__ import annotations

import time

from mocogan_chainer.evaluation import frechet
from mocogan_chainer.evaluation.gathering import Gathered
from mocogan_chainer.evaluation.metrics.agreement import agreed_protocol
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.result import Result, versions


def frechet_distance(recipe: Recipe, *, evaluated: Gathered, reference: Gathered, seed: int) -> Result:
    """Compare two sets.

    Args:
        recipe: how both sets' features were made.
        evaluated: at least two videos.
        reference: at least two videos, or statistics that were stored.
        seed: of the bootstrap's draws.

    Raises:
        ConfigError: their features were made in unlike ways.
        DataError: their features are of different sizes.
    """
    started = time.perf_counter()
    protocol = agreed_protocol(recipe, evaluated=evaluated, reference=reference)
    value = frechet.distance(evaluated.gaussian, reference.gaussian)
    features = [side.gaussian if side.kept is None else side.kept for side in (evaluated, reference)]
    resamples = _resamples(evaluated.gaussian.dimensions)
    spread = frechet.bootstrap_spread(*features, seed=seed, resamples=resamples)
    warning = frechet.bias_warning(
        evaluated.gaussian.dimensions, evaluated=evaluated.gaussian.count, reference=reference.gaussian.count
    )
    drawn = "both sets" if reference.kept is not None else "the evaluated set"
    return Result(
        protocol=protocol,
        evaluated=evaluated.name,
        evaluated_reference=evaluated.protocol.reference or "",
        value=value,
        spread=spread,
        spread_kind=f"standard deviation of {resamples} bootstrap samples of {drawn}",
        counts=counts(evaluated, reference),
        versions=versions(),
        seconds=evaluated.seconds + reference.seconds + time.perf_counter() - started,
        warnings=(*evaluated.told(), *reference.told(), *[warning] * bool(warning)),
    )


def counts(evaluated: Gathered, reference: Gathered) -> dict[str, int]:
    """Return how many videos there were, and how many gave no clip."""
    known = {"evaluated": evaluated.gaussian.count, "reference": reference.gaussian.count}
    sides = {"evaluated left out": evaluated.left_out, "reference left out": reference.left_out}
    left_out = {name: len(videos) for name, videos in sides.items() if videos is not None}
    return {name: count for name, count in known.items() if count is not None} | left_out


def _resamples(dimensions: int) -> int:
    """A distance of 2048 numbers a feature takes seconds, one of 400 a tenth of one."""
    return 50 if dimensions <= 512 else 20
