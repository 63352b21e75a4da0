"""Divides videos into train and test, so that nobody is seen in both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError

if TYPE_CHECKING:
    from mocogan_chainer.preprocessing.source import Item


def divide(items: Sequence[Item], part: float, seed: int) -> list[Item]:
    """Mark about ``part`` of the subjects as test, the rest as train; if none is known, of each class's videos.

    The result depends on the names, not on the order of the items. Videos that cannot be used stay as they are.

    Args:
        part: above 0 and below 1; each side gets at least one subject, or one video of each class that has two.

    Raises:
        ConfigError: some subjects are known and others not, or there is nothing to divide.
    """
    usable = [item for item in items if not item.fault]
    nameless = [item for item in usable if not item.subject]
    if 0 < len(nameless) < len(usable):
        raise ConfigError(
            f"split={part}: {len(nameless)} of {len(usable)} videos have no subject (the first is "
            f"{nameless[0].source}), so subjects cannot be kept apart; give them subjects, remove them, or use split=0"
        )
    if nameless:
        groups: dict[str, list[str]] = {}
        for item in usable:
            groups.setdefault(item.class_name, []).append(item.id)
        test = {id for name, ids in groups.items() for id in _drawn(sorted(ids), part, seed, name)}
        is_test = [item.id in test for item in items]
    else:
        test = set(_drawn(sorted({item.subject for item in usable}), part, seed))
        is_test = [item.subject in test for item in items]
    if not test:
        what = "videos of a class" if nameless else "subjects"
        raise ConfigError(f"split={part}: it takes two {what} to divide into train and test; use split=0")
    return [
        item if item.fault else dataclasses.replace(item, split="test" if chosen else "train")
        for item, chosen in zip(items, is_test, strict=True)
    ]


def _drawn(names: list[str], part: float, seed: int, *key: str) -> list[str]:
    if len(names) < 2:
        return []
    count = min(max(round(part * len(names)), 1), len(names) - 1)
    order = seeding.stream(seed, "split", *key).permutation(len(names))
    return [names[i] for i in order[:count]]
