"""PRD: precision and recall for distributions of features."""

from __future__ import annotations

import time

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation import precision_recall as prd
from mocogan_chainer.evaluation.gathering import Gathered, paired_features
from mocogan_chainer.evaluation.metrics.agreement import agreed_protocol
from mocogan_chainer.evaluation.metrics.frechet_distance import counts, frame_sizes, odd_sizes
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.result import Result, versions


def precision_and_recall(recipe: Recipe, *, evaluated: Gathered, reference: Gathered, seed: int) -> Result:
    """Compare two sets; the value is F8, and F1/8 and the curve are given too.

    Of the larger set as many features are drawn as the smaller one has.

    Args:
        recipe: how both sets' features were made.
        evaluated: at least 20 videos.
        reference: the same, or statistics that were stored with single features.
        seed: of the draw, the clusterings and the bootstrap.

    Raises:
        ConfigError: their features were made in unlike ways, or the reference has no single features.
        DataError: too few videos.
    """
    started = time.perf_counter()
    protocol = agreed_protocol(
        recipe,
        evaluated=evaluated,
        reference=reference,
        clusters=prd.CLUSTERS,
        angles=prd.ANGLES,
        runs=prd.RUNS,
    )
    for side in (reference, evaluated):
        require_single_features(side)
    together = paired_features(evaluated, reference)
    rows = together or _equally_many(evaluated.kept.rows, reference.kept.rows, seed)
    found = prd.precision_recall(evaluated=rows[0], reference=rows[1], seed=seed, paired=together is not None)
    drawn = "both sets" if together is None else "both sets together, pair by pair,"
    return Result(
        protocol=protocol,
        evaluated=evaluated.name,
        evaluated_reference=evaluated.protocol.reference or "",
        value=found.f8,
        spread=found.f8_spread,
        spread_kind=f"bootstrap over {drawn} within the same clusters, standard deviation",
        counts={**counts(evaluated, reference), "clustered of each": len(rows[0])},
        versions=versions(),
        seconds=evaluated.seconds + reference.seconds + time.perf_counter() - started,
        others={
            "F8 (recall)": found.f8,
            "F1/8 (precision)": found.f1_8,
            "F1/8 spread": found.f1_8_spread,
            "precision": found.precision.tolist(),
            "recall": found.recall.tolist(),
        },
        warnings=(*evaluated.told(), *reference.told(), *odd_sizes(evaluated, reference)),
        frame_sizes=frame_sizes(evaluated, reference),
    )


def require_single_features(side: Gathered) -> None:
    """Raise :class:`ConfigError` where only the distribution of a set's features is known."""
    if side.kept is None:
        raise ConfigError(
            f"{side.name}: it holds mu and sigma alone, and precision and recall need single features; give the "
            "videos, or make statistics of them with evaluate.py precalc"
        )


def _equally_many(evaluated: np.ndarray, reference: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    n = min(len(evaluated), len(reference))
    rng = seeding.stream(seed, "precision and recall", "samples")
    drawn = [rows[np.sort(rng.permutation(len(rows))[:n])] for rows in (evaluated, reference)]
    return drawn[0], drawn[1]
