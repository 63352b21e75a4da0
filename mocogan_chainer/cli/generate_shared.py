"""Options of ``generate_samples.py`` that several kinds of model take, and what all kinds do with theirs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from mocogan_chainer.errors import require_range

OPTIONS = ("num", "length", "seed")

RANGES = {"num": (0, 10**7), "length": (1, 10_000), "seed": (0, 2**63)}

VIDEOS = 16
"""Videos of codes that are made."""
CLIPS = 4
"""Videos of a prepared dataset that are continued; of a folder, all are."""


def add_options(group: Any) -> None:
    """Declare :data:`OPTIONS`; one that is not given is None, so that a model that does not take it can say so."""
    group.add_argument(
        "--num",
        type=int,
        metavar="N",
        help=f"videos of codes (default: {VIDEOS}); with --category all, of each; or clips to continue at most "
        f"(default: {CLIPS} of a prepared dataset, all of a folder)",
    )
    group.add_argument(
        "--length",
        type=int,
        metavar="T",
        help="frames a video, or frames to come (default: as trained); with --motion-from, frames of that clip, from "
        "its first (default: all)",
    )
    group.add_argument("--seed", type=int, help="the same seed gives the same videos (default: 0)")


def check_ranges(arguments: argparse.Namespace, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Check the options that are given.

    Raises:
        ConfigError: one lies outside its range, bounds included.
    """
    for name, (low, high) in ranges.items():
        value = getattr(arguments, name)
        if value is not None:
            require_range(flag(name), value, low, high)


def flag(name: str) -> str:
    """Return what is typed for the option that argparse calls ``name``."""
    return f"--{name.replace('_', '-')}"
