"""k-means (Lloyd 1982), started as greedy k-means++ (Arthur and Vassilvitskii 2007)."""

from __future__ import annotations

import numpy as np

ITERATIONS = 100
CANDIDATES = 4
"""Points that are drawn for each first centre; the one that brings the points nearest is taken."""


def cluster(points: np.ndarray, clusters: int, rng: np.random.Generator, starts: int) -> np.ndarray:
    """Group points around centres, so that the sum of squared distances to them is small.

    Args:
        points: ``(N, D)`` of any float dtype; they are clustered as float32 less their mean.
        clusters: groups, at most N; fewer come back where fewer points differ.
        rng: draws the first centres.
        starts: how many times it is tried; the best one is taken.

    Returns:
        int64 ``(N,)``, each point's group, from 0 up to ``clusters`` - 1.
    """
    points = (points - points.mean(axis=0, dtype=np.float64)).astype(np.float32)
    tries = [_lloyd(points, _first_centres(points, clusters, rng)) for _ in range(starts)]
    return min(tries, key=lambda found: found[1])[0]


def _first_centres(points: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Draw points, with chances that grow with the squared distance to those before; the best of some each time."""
    chosen = [int(rng.integers(len(points)))]
    nearest = _squared_distances(points, chosen[0])
    while len(chosen) < clusters and nearest.any():
        drawn = rng.choice(len(points), CANDIDATES, p=nearest / nearest.sum())
        tries = [np.minimum(nearest, _squared_distances(points, i)) for i in drawn]
        best = min(range(CANDIDATES), key=lambda i: tries[i].sum())
        chosen.append(int(drawn[best]))
        nearest = tries[best]
    return points[chosen]


def _squared_distances(points: np.ndarray, index: int) -> np.ndarray:
    """Return those of all points to one of them, float64 ``(N,)``; exactly 0 for equal points."""
    steps = points - points[index]
    return np.einsum("nd,nd->n", steps, steps).astype(np.float64)


def _lloyd(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the groups, and the sum of squared distances up to a constant of ``points``."""
    labels = np.full(len(points), -1)
    for _ in range(ITERATIONS):
        distances = np.sum(centres**2, axis=1) - 2 * (points @ centres.T)
        nearest = distances.argmin(axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        members = labels == np.arange(len(centres))[:, None]
        counts = np.maximum(members.sum(axis=1, keepdims=True), 1)  # the centre of none goes to the mean of all
        centres = (members.astype(np.float32) @ points / counts).astype(np.float32)
    return labels, float(distances.min(axis=1).sum(dtype=np.float64))
