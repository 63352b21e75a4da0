"""The Fréchet distance of two normal distributions: of images FID (Heusel et al. 2017), of videos FVD
(Unterthiner et al. 2018).

    d = |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))

The root is never taken: where S = F^T F, its trace is the sum of the singular values of F1 F2^T. These are real and not
negative, and exact to rounding for covariances of any rank, where a root of S1 S2 turns imaginary or loses half of the
digits.
"""

from __future__ import annotations

import math

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.kept import KeptFeatures
from mocogan_chainer.evaluation.statistics import Gaussian

RESAMPLES = 50


def distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Fréchet distance, as the field reports it: at least 0, in squared units of the features.

    Raises:
        DataError: their dimensions differ.
    """
    _require_same_dimensions(first, second)
    return _distance(_moments(first), _moments(second))


def bias_warning(dimensions: int, *, evaluated: int | None, reference: int | None) -> str:
    """Say in one line that there are fewer samples than dimensions, which makes the distance too large; "" if not.

    Args:
        dimensions: numbers a feature.
        evaluated: samples of the evaluated set; None where unknown.
        reference: samples of the reference set; None where unknown.
    """
    counts = {"evaluated": evaluated, "reference": reference}
    few = [f"{count} {name}" for name, count in counts.items() if count is not None and count < dimensions]
    if not few:
        return ""
    return (
        f"{' and '.join(few)} samples for features of {dimensions} numbers: the distance comes out too large; "
        f"take at least {dimensions}, and compare with the same number of samples only"
    )


def bootstrap_spread(
    evaluated: KeptFeatures | Gaussian,
    reference: KeptFeatures | Gaussian,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> float:
    """Return the standard deviation of the distance over sets drawn again, with replacement, from the sets at hand.

    A side given as a distribution stays as it is; the spread is then that of the other side alone. Where only a subset
    of n out of N features was kept, sets of n are drawn and the deviation is scaled by (n / N)^(1/2), by the larger
    one where the sides have two.

    Args:
        evaluated: the features, at least two.
        reference: the same.
        seed: of the draws.
        resamples: how many times, at least 2.

    Raises:
        DataError: their dimensions differ, or a side has fewer than two features.
        ValueError: neither side has single features.
    """
    _require_same_dimensions(evaluated, reference)
    sides = [side.rows if isinstance(side, KeptFeatures) else _moments(side) for side in (evaluated, reference)]
    drawn = [(rows, side.count) for rows, side in zip(sides, (evaluated, reference), strict=True) if _is_drawn(rows)]
    if not drawn:
        raise ValueError("a bootstrap needs the single features of one side at least")
    if any(len(rows) < 2 for rows, _ in drawn):
        raise DataError("a bootstrap needs at least 2 features of each side; give more videos")
    rng = seeding.stream(seed, "frechet", "bootstrap")
    distances = [
        _distance(*(_resampled_moments(side, rng) if _is_drawn(side) else side for side in sides))
        for _ in range(resamples)
    ]
    share = max(len(rows) / count for rows, count in drawn)
    return float(np.std(distances, ddof=1)) * math.sqrt(share)


def _require_same_dimensions(first: KeptFeatures | Gaussian, second: KeptFeatures | Gaussian) -> None:
    if first.dimensions != second.dimensions:
        raise DataError(
            f"features of {first.dimensions} and of {second.dimensions} numbers have no distance; they come from "
            "different networks"
        )


def _is_drawn(side: np.ndarray | tuple[np.ndarray, np.ndarray]) -> bool:
    """Tell rows of features from the moments of a distribution."""
    return isinstance(side, np.ndarray)


def _distance(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    (mean1, factor1), (mean2, factor2) = first, second
    root = np.linalg.svd(factor1 @ factor2.T, compute_uv=False).sum()
    traces = np.sum(factor1**2) + np.sum(factor2**2)
    return max(0.0, float(np.sum((mean1 - mean2) ** 2) + traces - 2 * root))


def _moments(gaussian: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean ``(D,)`` and a factor F ``(D, D)`` of the covariance F^T F.

    Eigenvalues within rounding of 0 become 0: their roots are a thousand times and more above rounding.
    """
    values, vectors = np.linalg.eigh(gaussian.covariance)
    rounding = len(values) * np.finfo(np.float64).eps * values[-1]
    return gaussian.mean, np.sqrt(np.where(values > rounding, values, 0))[:, None] * vectors.T


def _resampled_moments(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the same for a set as large as ``rows`` (n, D) drawn from them; F has at most D rows."""
    n, dimensions = rows.shape
    picked, times = np.unique(rng.integers(n, size=n), return_counts=True)
    values = rows[picked].astype(np.float64)
    mean = times @ values / n
    factor = np.sqrt(times / (n - 1))[:, None] * (values - mean)
    return mean, factor if len(factor) <= dimensions else np.linalg.qr(factor, mode="r")
