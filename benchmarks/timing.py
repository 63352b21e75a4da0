"""How every program here times its work. It needs nothing but Python."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

WAKING_S = 1.0
"""Seconds of work before a GPU is timed: an idle one lowers its clock."""


def timed(work: Callable[[], Any], steps: int, wait: Callable[[], None] | None = None) -> tuple[dict[str, float], Any]:
    """Run ``work`` some times.

    Args:
        work: what is timed.
        steps: how often.
        wait: waits until a device is done, before and after each run.

    Returns:
        Median, shortest and longest time in seconds with the process's peak memory, as the JSON lines have them, and
        what the last run returned.
    """
    seconds, result = [], None
    for _ in range(steps):
        if wait:
            wait()
        start = time.perf_counter()
        result = work()
        if wait:
            wait()
        seconds.append(time.perf_counter() - start)
    found = {"median_s": median(seconds), "min_s": min(seconds), "max_s": max(seconds), "peak_mib": peak_mib()}
    return found, result


def peak_mib() -> float:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
