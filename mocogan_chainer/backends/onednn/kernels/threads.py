"""How many threads compute: oneDNN and numba share one OpenMP pool, so that neither waits for the other's threads."""

from __future__ import annotations

import os

import numba

# Before anything is compiled: with another layer than oneDNN's own OpenMP two pools would fight for the cores.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


def set_threads() -> int:
    """Give numba the threads that OpenMP uses: OMP_NUM_THREADS, at most the cores of the process's affinity.

    Returns:
        The number of threads.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    most = numba.config.NUMBA_NUM_THREADS  # the cores in the affinity mask
    threads = min(int(asked), most) if asked.isdigit() and int(asked) > 0 else most
    numba.set_num_threads(threads)
    return threads
