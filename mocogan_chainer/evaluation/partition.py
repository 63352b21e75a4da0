"""Dividing videos with classes: for a classifier to learn from, to choose its best round by, and to judge it by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHARES = (0.7, 0.15, 0.15)
DRAWS = 200
"""Divisions by subject that are drawn; of those in which fewest parts lack a class, the most even one is taken."""


@dataclass(frozen=True)
class Partition:
    """Which videos are for what, by their places in the list that was divided.

    Attributes:
        training: to learn from.
        choosing: to choose when it was best.
        held_out: to judge by.
        by_subject: whether nobody is seen in two of them.
    """

    training: list[int]
    choosing: list[int]
    held_out: list[int]
    by_subject: bool


def divide(labels: Sequence[int], subjects: Sequence[str] | None, rng: np.random.Generator) -> Partition | None:
    """Divide videos 70 : 15 : 15, each class alike, and by subject where three or more are known and that can be done.

    Args:
        labels: the class of each.
        subjects: who is in each, "" where that is not known; None where no subject is.
        rng: draws.

    Returns:
        At least one video of each class in each part; by subject, at least one in training, and in all parts where
        each subject is of one class and the class has three subjects. None where a class has fewer than three videos.
    """
    labels = np.asarray(labels)
    known = {subject for subject in subjects or () if subject}
    part_of = _by_subject(labels, subjects, rng) if len(known) >= 3 else None
    by_subject = part_of is not None
    if part_of is None:
        part_of = _by_video(labels, rng)
    if part_of is None:
        return None
    training, choosing, held_out = (np.flatnonzero(part_of == part).tolist() for part in range(3))
    return Partition(training, choosing, held_out, by_subject)


def _by_video(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    part_of = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        if len(places) < 3:
            return None
        part_of[places] = _parts(len(places))
    return part_of


def _by_subject(labels: np.ndarray, subjects: Sequence[str], rng: np.random.Generator) -> np.ndarray | None:
    # A video of an unknown subject may show anybody, and is taken for somebody else.
    names = [subject or f"\0{place}" for place, subject in enumerate(subjects)]
    number_of = {name: number for number, name in enumerate(sorted(set(names)))}
    who = np.array([number_of[name] for name in names])
    pairs = np.unique(np.stack([labels, who]), axis=1)
    groups = [np.arange(len(number_of))]
    if pairs.shape[1] == len(number_of):  # everybody is of one class: it is divided by itself, or parts may lack it
        groups = [pairs[1, pairs[0] == label] for label in np.unique(labels)]
    best, least = None, (np.inf, np.inf)
    for _ in range(DRAWS):
        part_of_subject = np.zeros(len(number_of), np.int64)
        for group in groups:
            part_of_subject[group] = rng.permutation(_parts_of_subjects(len(group)))
        part_of = part_of_subject[who]
        if set(labels[part_of == 0]) != set(labels) or len(set(part_of)) < len(SHARES):
            continue
        uneven = _absent(labels, part_of), _unevenness(labels, part_of)
        if uneven < least:
            best, least = part_of, uneven
    return best


def _parts_of_subjects(n: int) -> np.ndarray:
    """Return n subjects' parts' numbers; of one it is training, of two training and held out."""
    return _parts(n) if n >= len(SHARES) else np.array([0, 2][:n])


def _parts(n: int) -> np.ndarray:
    """Return n parts' numbers: of 1 and of 2 the share that is due, at least one."""
    few = [max(1, round(share * n)) for share in SHARES[1:]]
    return np.repeat([0, 1, 2], [n - sum(few), *few])


def _absent(labels: np.ndarray, part_of: np.ndarray) -> int:
    """Return how many pairs of a class and a part there are without a video."""
    return len(set(labels.tolist())) * len(SHARES) - len(set(zip(labels.tolist(), part_of.tolist(), strict=True)))


def _unevenness(labels: np.ndarray, part_of: np.ndarray) -> float:
    """Return how far the parts' shares of each class are from those that are due, summed."""
    found = Counter(zip(labels.tolist(), part_of.tolist(), strict=True))
    totals = Counter(labels.tolist())
    return sum(
        abs(found[label, part] / total - share) for label, total in totals.items() for part, share in enumerate(SHARES)
    )
