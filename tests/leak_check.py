"""Whether a run's open files and memory stay what they are: ``python tests/leak_check.py ITERATIONS``.

Trains tiny networks on tiny videos with all that a run writes, and writes much of it: a row of the log and
TensorBoard's scalars every other iteration, a snapshot, a plot and a GIF every 40. Open files and memory are looked at
now and then; from the third of eight looks on, when buffers and caches are full, neither may grow.

Memory is what the C library has given out, all of Python's objects too (PYTHONMALLOC=malloc), and what is resident.
The library's habits move the latter by a mebibyte or two within a few hundred iterations, so it counts in long runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from mocogan_chainer import builder, preprocessing
from mocogan_chainer.cli import train

LOOKS = 8
MOST_HELD, MOST_RESIDENT = 1 << 17, 1 << 20
"""Bytes that memory may grow by: bounded caches that fill (of a plot's labels), and pages of the C library's."""
LONG = 1000
"""Iterations from which on resident memory counts, and caches may take twice as much."""

INTERVALS = {"display_interval": 2, "log_tensorboard_interval": 2, "snapshot_interval": 40, "num_gen_samples": 2}
SETTINGS = ("video_length=10", "model.n_filters_gen=2", "model.n_filters_idis=2", "model.n_filters_vdis=2")


class Look(NamedTuple):
    """What there is after an iteration: open files, and bytes."""

    iteration: int
    files: int
    held: int
    resident: int


class MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for names in ("arena ordblks smblks hblks hblkhd", "usmblks fsmblks uordblks fordblks keepcost")
        for name in names.split()
    ]


class Measure:
    """Looks, after everything else has acted."""

    name = "Measure"
    priority = -1

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self._mallinfo = ctypes.CDLL(None).mallinfo2
        self._mallinfo.restype = MallInfo

    def __call__(self, trainer: Any) -> None:
        """Look."""
        gc.collect()
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        given = self._mallinfo()
        held = given.uordblks + given.hblkhd
        self.looks.append(Look(trainer.updater.iteration, files, held, pages * resource.getpagesize()))


def measure(iterations: int) -> list[Look]:
    """Train for so many iterations; look at :data:`LOOKS` moments."""
    measured, build = Measure(), builder.build_trainer

    def build_measured(*arguments: object, **options: object) -> Any:
        trainer = build(*arguments, **options)
        trainer.extend(measured, trigger=(max(iterations // LOOKS, 1), "iteration"))
        return trainer

    builder.build_trainer = build_measured
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        preprocessing.prepare("shapes", None, "data", num=4, size=16, length=24)
        flags = [part for name, value in INTERVALS.items() for part in (f"--{name}", str(value))]
        small = ["--batchsize", "2", "--max_iteration", str(iterations), "--set", *SETTINGS]
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = train.main(["--dataset", "data", *flags, *small])
        os.chdir("/")
    if code:
        raise SystemExit(code)
    return measured.looks


def main() -> int:
    """Measure, print a table, and return 1 if anything grew."""
    if os.environ.get("PYTHONMALLOC") != "malloc":  # which is read as Python starts
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONMALLOC": "malloc"})
    looks = measure(int(sys.argv[1]))
    print(f"{'iteration':>9}  {'files':>5}  {'held MiB':>8}  {'resident MiB':>12}")
    for look in looks:
        print(f"{look.iteration:>9}  {look.files:>5}  {look.held / 2**20:>8.2f}  {look.resident / 2**20:>12.2f}")
    steady = looks[len(looks) // 4 :]
    iterations, files, held, resident = (last - first for first, last in zip(steady[0], steady[-1], strict=True))
    print(
        f"growth from iteration {steady[0].iteration} on: {files} files, {held / 2**20:.2f} MiB held, "
        f"{resident / 2**20:.2f} MiB resident"
    )
    if iterations >= LONG:
        return int(files > 0 or held > 2 * MOST_HELD or resident > MOST_RESIDENT)
    return int(files > 0 or held > MOST_HELD)


if __name__ == "__main__":
    sys.exit(main())
