"""How many threads compute: oneDNN and numba share one OpenMP pool, so that neither waits for the other's threads."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys


def threads() -> int:
    """Threads to use: OMP_NUM_THREADS, at most the cores of the process's affinity."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(asked), cores) if asked.isdigit() and int(asked) > 0 else cores


if "numba" not in sys.modules:
    # When numba starts its pool it gives OpenMP this number, whatever OMP_NUM_THREADS says: oneDNN would follow.
    os.environ.setdefault("NUMBA_NUM_THREADS", str(threads()))

import numba  # noqa: E402

# Before anything is compiled: with another layer than oneDNN's own OpenMP two pools would fight for the cores.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


def set_threads() -> int:
    """Give numba and OpenMP the same number of threads, also where numba was in use before.

    Returns:
        The number of threads.
    """
    count = min(threads(), numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(count)
    with contextlib.suppress(OSError, AttributeError):  # another OpenMP, or none
        ctypes.CDLL("libgomp.so.1").omp_set_num_threads(count)
    return count
