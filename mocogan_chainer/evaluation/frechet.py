"""The Fréchet distance of two normal distributions: of images FID (Heusel et al. 2017), of videos FVD
(Unterthiner et al. 2018).

    d = |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))

The root is never taken: where S = F^T F, its trace is the sum of the singular values of F1 F2^T. These are real and not
negative, and exact to rounding for covariances of any rank, where a root of S1 S2 turns imaginary or loses half of the
digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.kept_features import KeptFeatures
from mocogan_chainer.evaluation.statistics import Gaussian

PARTS = 20
"""That a set is cut into for the distance's spread."""


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


def spread(
    evaluated: KeptFeatures | Gaussian, reference: KeptFeatures | Gaussian, *, seed: int, parts: int = PARTS
) -> float:
    """Return the standard deviation that the distance has over other draws of both sets, by a jackknife.

    Each set is cut at random, and the distance is taken without one part after another. (A bootstrap would draw fewer
    different samples, of which the distance is larger, and not always by as much: it comes out up to twice as large.
    This one is about right for sets that differ, and by about half too large for sets that hardly do.)

    A side given as a distribution stays as it is; the spread is then that of the other side alone. Where only a subset
    of n out of N features was kept, its variance is scaled by n / N.

    Args:
        evaluated: the features, at least two.
        reference: the same.
        seed: of the cuts.
        parts: how many, at least 2.

    Raises:
        DataError: their dimensions differ, or a side has fewer than two features.
        ValueError: neither side has single features.
    """
    _require_same_dimensions(evaluated, reference)
    sides = (evaluated, reference)
    rows = [side.rows if isinstance(side, KeptFeatures) else None for side in sides]
    if all(found is None for found in rows):
        raise ValueError("a spread needs the single features of one side at least")
    rng = seeding.stream(seed, "frechet", "jackknife")
    whole = [
        _moments(side) if found is None else _moments_of_rows(found) for side, found in zip(sides, rows, strict=True)
    ]
    variance = 0.0
    for side, found, other in zip(sides, rows, reversed(whole), strict=True):
        if found is not None:
            distances = [_distance(_moments_of_rows(rest), other) for (rest,) in _without_each_part(rng, parts, found)]
            variance += _jackknife(distances) * len(found) / side.count
    return math.sqrt(variance)


def paired_spread(evaluated: np.ndarray, reference: np.ndarray, *, seed: int, parts: int = PARTS) -> float:
    """Return the same where evaluated samples were made of reference samples, which are drawn together then.

    Args:
        evaluated: features (N, D), N at least 2.
        reference: features (N, D) of what each was made of.
        seed: of the cuts.
        parts: how many, at least 2.

    Raises:
        DataError: fewer than two features.
    """
    rng = seeding.stream(seed, "frechet", "jackknife")
    rests = _without_each_part(rng, parts, evaluated, reference)
    return math.sqrt(_jackknife([_distance(*map(_moments_of_rows, pair)) for pair in rests]))


def _without_each_part(rng: np.random.Generator, parts: int, *sides: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut the rows of all sides (N, D) alike and yield them without one part after another."""
    n = len(sides[0])
    if n < 2:
        raise DataError("a spread needs at least 2 features of each side; give more videos")
    for part in np.array_split(rng.permutation(n), min(parts, n)):
        yield tuple(np.delete(rows, part, axis=0) for rows in sides)


def _jackknife(values: list[float]) -> float:
    """The variance of what was computed without each of some parts of the samples in turn."""
    return float(np.var(values) * (len(values) - 1))


def _require_same_dimensions(first: KeptFeatures | Gaussian, second: KeptFeatures | Gaussian) -> None:
    if first.dimensions != second.dimensions:
        raise DataError(
            f"features of {first.dimensions} and of {second.dimensions} numbers have no distance; they come from "
            "different networks"
        )


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


def _moments_of_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same for features (n, D); F has at most D rows. One feature alone has no covariance."""
    n, dimensions = rows.shape
    values = rows.astype(np.float64)
    mean = values.mean(axis=0)
    factor = (values - mean) / math.sqrt(max(n - 1, 1))
    return mean, factor if n <= dimensions else np.linalg.qr(factor, mode="r")
