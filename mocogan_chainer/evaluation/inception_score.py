"""The Inception Score (Salimans et al. 2016): exp E[KL(p(y|x) || p(y))], from 1 up to the number of classes K."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.errors import DataError

EPSILON = 1e-16
RESAMPLES = 200


@dataclass(frozen=True)
class InceptionScore:
    """Scores of the parts that the samples were cut into.

    Attributes:
        parts: the score of each part.
        spread: standard deviation of the mean score over parts drawn again with replacement, each from its own samples.
    """

    parts: tuple[float, ...]
    spread: float

    @property
    def value(self) -> float:
        """The mean score."""
        return float(np.mean(self.parts))

    @property
    def deviation(self) -> float:
        """The standard deviation over the parts, which the field prints behind the score; 0 for one part."""
        return float(np.std(self.parts))


def inception_score(
    probabilities: np.ndarray,
    *,
    splits: int,
    seed: int,
    epsilon: float = EPSILON,
    resamples: int = RESAMPLES,
) -> InceptionScore:
    """Score samples by the class probabilities that a classifier gives them.

    Scores of fewer samples are smaller: compare equal numbers a part only.

    Args:
        probabilities: ``(N, K)``, each row at least 0 and summing to 1, in the order in which the samples were made.
        splits: the consecutive parts, of N / splits samples each to within one, that are scored alone: 1 for a single
            score, or the number of loops whose samples follow one another.
        seed: of the bootstrap's draws.
        epsilon: is added to probabilities before their logarithm is taken, so that 0 has one.
        resamples: of the bootstrap, at least 2.

    Raises:
        DataError: a part would have fewer than two samples, or a row is no distribution.
    """
    probabilities = _checked(probabilities, splits)
    rng = seeding.stream(seed, "inception score", "bootstrap")
    scores, redrawn = [], []
    for part in np.array_split(probabilities, splits):
        n = len(part)
        negative_entropies = np.sum(part * np.log(part + epsilon), axis=1)
        even = np.full(n, 1 / n)
        scores.append(_score(part, negative_entropies, even, epsilon))
        drawn = (rng.multinomial(n, even) / n for _ in range(resamples))  # one at a time: memory stays at n numbers
        redrawn.append([_score(part, negative_entropies, weights, epsilon) for weights in drawn])
    return InceptionScore(tuple(scores), float(np.std(np.mean(redrawn, axis=0), ddof=1)))


def _score(probabilities: np.ndarray, negative_entropies: np.ndarray, weights: np.ndarray, epsilon: float) -> float:
    """Of samples (n, K) that weigh so much (n,)."""
    marginal = weights @ probabilities
    return float(np.exp(weights @ negative_entropies - np.sum(marginal * np.log(marginal + epsilon))))


def _checked(probabilities: np.ndarray, splits: int) -> np.ndarray:
    if probabilities.ndim != 2 or not probabilities.size:
        raise ValueError(f"probabilities {probabilities.shape}: they must be (N, K)")
    if splits < 1 or len(probabilities) < 2 * splits:
        raise DataError(
            f"splits={splits}: it must be at least 1, and each part needs at least 2 of the {len(probabilities)} "
            "samples; give more videos or fewer splits"
        )
    values = probabilities.astype(np.float64)
    bad = int((~(np.abs(values.sum(axis=1) - 1) < 1e-3) | ~(values >= 0).all(axis=1)).sum())
    if bad:
        raise DataError(
            f"{bad} of {len(values)} samples have class probabilities that are no distribution: the network's weights "
            "or the videos are damaged"
        )
    return values
