"""What a user sees on stderr while videos are made."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, unit: str) -> Iterator[Item]:
    """Yield items and show a bar."""
    return iter(tqdm(items, total=total, unit=unit, disable=None))


def note(line: str) -> None:
    """Write a line, above the bar where there is one."""
    tqdm.write(line, file=sys.stderr)
