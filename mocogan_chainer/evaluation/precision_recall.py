"""Precision and recall for distributions (Sajjadi et al. 2018).

Both sets are clustered together; P and Q are the shares of the reference and of the evaluated set in each cluster. The
curve runs over slopes s: precision(s) = sum min(s P, Q), recall(s) = sum min(P, Q / s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.clusters import cluster

CLUSTERS = 20
ANGLES = 1001
RUNS = 10
STARTS = 3
RESAMPLES = 200
BETA = 8
MARGIN = 1e-10
"""Keeps the curve's first and last angle off 0 and 90 degrees, whose slopes are 0 and infinite."""


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A curve and what is read from it.

    Attributes:
        precision: float64 ``(ANGLES,)`` in [0, 1], rising: how much of the evaluated set is like the reference.
        recall: the same, falling: how much of the reference the evaluated set covers.
        f8: the largest F score on the curve that weighs recall 8 times as much as precision.
        f1_8: the one that weighs precision 8 times as much as recall.
        f8_spread: standard deviation of ``f8`` over sets drawn again, with replacement, within the same clusters.
        f1_8_spread: the same of ``f1_8``.
    """

    precision: np.ndarray
    recall: np.ndarray
    f8: float
    f1_8: float
    f8_spread: float
    f1_8_spread: float


def precision_recall(
    *,
    evaluated: np.ndarray,
    reference: np.ndarray,
    seed: int,
    clusters: int = CLUSTERS,
    angles: int = ANGLES,
    runs: int = RUNS,
    starts: int = STARTS,
    resamples: int = RESAMPLES,
    paired: bool = False,
) -> PrecisionRecall:
    """Compare an evaluated set of features with a reference.

    Args:
        evaluated: ``(N, D)``.
        reference: ``(N, D)``, as many.
        seed: of the clusterings and of the bootstrap's draws.
        clusters: groups that both sets together are cut into, at most N.
        angles: points of the curve, at least 3.
        runs: clusterings, whose curves are averaged.
        starts: tries a clustering.
        resamples: of the bootstrap, at least 2.
        paired: whether row i of one set was made of row i of the other; they are drawn together then.

    Raises:
        DataError: the sets differ in number or in dimensions, or are smaller than ``clusters``.
    """
    _check(evaluated, reference, clusters)
    n = len(evaluated)
    points = np.concatenate([evaluated, reference])
    rng = seeding.stream(seed, "precision and recall", "bootstrap")
    weights = [_weights(n, resamples, rng)]
    weights.append(weights[0] if paired else _weights(n, resamples, rng))
    curves = np.zeros((2, 1 + resamples, angles))
    for run in range(runs):
        labels = cluster(points, clusters, seeding.stream(seed, "precision and recall", "clusters", run), starts)
        members = labels[:, None] == np.arange(clusters)
        shares = [weights[0] @ members[:n], weights[1] @ members[n:]]
        curves += np.stack(curve(evaluated=shares[0], reference=shares[1], angles=angles)) / runs
    precision, recall = curves
    f8, f1_8 = f_score(precision, recall, BETA), f_score(precision, recall, 1 / BETA)
    spreads = (float(np.std(scores[1:], ddof=1)) for scores in (f8, f1_8))
    return PrecisionRecall(precision[0], recall[0], float(f8[0]), float(f1_8[0]), *spreads)


def curve(*, evaluated: np.ndarray, reference: np.ndarray, angles: int = ANGLES) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall, float64 ``(..., angles)`` each, of histograms ``(..., K)`` that sum to 1."""
    slopes = np.tan(np.linspace(MARGIN, np.pi / 2 - MARGIN, angles))
    precision = np.zeros((*evaluated.shape[:-1], angles))
    for k in range(evaluated.shape[-1]):
        precision += np.minimum(slopes * reference[..., k, None], evaluated[..., k, None])
    return np.clip(precision, 0, 1), np.clip(precision / slopes, 0, 1)


def f_score(precision: np.ndarray, recall: np.ndarray, beta: float) -> np.ndarray:
    """Return the largest F score on curves ``(..., angles)``; ``beta`` above 1 weighs recall, below 1 precision."""
    weighted = beta**2 * precision + recall
    scores = (1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1)
    return scores.max(axis=-1)


def _weights(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return what each sample weighs, ``(1 + resamples, n)``: first evenly, then as often as it is drawn."""
    even = np.full(n, 1 / n)
    return np.concatenate([even[None], rng.multinomial(n, even, resamples) / n])


def _check(evaluated: np.ndarray, reference: np.ndarray, clusters: int) -> None:
    if evaluated.ndim != 2 or reference.ndim != 2:
        raise ValueError(f"features {evaluated.shape} and {reference.shape}: both must be (N, D)")
    if len(evaluated) != len(reference):
        raise DataError(
            f"{len(evaluated)} evaluated and {len(reference)} reference samples: precision and recall need as many of "
            f"both; take {min(len(evaluated), len(reference))} of each"
        )
    if evaluated.shape[1] != reference.shape[1]:
        raise DataError(
            f"features of {evaluated.shape[1]} and of {reference.shape[1]} numbers cannot be clustered together; they "
            "come from different networks"
        )
    if len(evaluated) < clusters:
        raise DataError(f"{len(evaluated)} samples of each set: {clusters} clusters need at least {clusters}")
