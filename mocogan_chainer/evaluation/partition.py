"""Dividing videos with classes: for a classifier to learn from, to choose its best round by, and to judge it by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
        At least one video of each class in each part; by subject, at least one in training. Where each subject is of
        one class, a class of two to four subjects has one held out, which may be more than its share, and one that
        chooses in only so many of the classes of three or four as make 15%, at least one; a class of five or more has
        both. Where nobody would choose that way, subjects are divided regardless of their classes. None where a class
        has fewer than three videos.
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
    ways = [lambda: rng.permutation(_parts(len(number_of)))]
    pairs = np.unique(np.stack([labels, who]), axis=1)
    if pairs.shape[1] == len(number_of):  # everybody is of one class: it is divided by itself, or parts may lack it
        classes = [pairs[1, pairs[0] == label] for label in np.unique(labels)]
        ways.insert(0, lambda: _draw_by_class(classes, rng))
    for draw in ways:
        part_of = _most_even(labels, who, draw)
        if part_of is not None:
            return part_of
    return None


def _most_even(labels: np.ndarray, who: np.ndarray, draw: Callable[[], np.ndarray]) -> np.ndarray | None:
    """Return the best of many draws of the subjects' parts, as the parts of the videos.

    Args:
        labels: the class of each video.
        who: the number of its subject.
        draw: returns the part of each subject.

    Returns:
        None where no draw has a video in each part and one of each class in training.
    """
    best, least = None, (np.inf, np.inf)
    for _ in range(DRAWS):
        part_of = draw()[who]
        if set(labels[part_of == 0]) != set(labels) or len(set(part_of)) < len(SHARES):
            continue
        uneven = _absent(labels, part_of), _unevenness(labels, part_of)
        if uneven < least:
            best, least = part_of, uneven
    return best


def _draw_by_class(classes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Draw the part of each subject, where each is of one class and a class has its subjects' numbers.

    One of each part from every class of three or four would leave training far less than its share: only so many of
    these classes as make the choosing part's share have a subject in it.
    """
    small = [number for number, subjects in enumerate(classes) if len(subjects) in (3, 4)]
    choose = set()
    if small:
        due = max(1, round(SHARES[1] * sum(len(classes[number]) for number in small)))
        choose = set(rng.permutation(small)[:due].tolist())
    part_of_subject = np.zeros(sum(map(len, classes)), np.int64)
    for number, subjects in enumerate(classes):
        n = len(subjects)
        # Without a subject that chooses, one is held out, unless it is the only one.
        parts = _parts(n) if n > 4 or number in choose else np.repeat([0, 2], [max(1, n - 1), min(1, n - 1)])
        part_of_subject[subjects] = rng.permutation(parts)
    return part_of_subject


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
