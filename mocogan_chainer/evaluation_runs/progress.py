"""A bar for the user while videos are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from mocogan_chainer.evaluation.gathering import Advance


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar while videos are looked at."""
    with tqdm(total=total, desc=title, unit="video", disable=None) as bar:
        yield bar.update
