"""Whether a run's open files and memory stay what they are: ``python tests/leak_check.py ITERATIONS``.

Trains tiny networks on tiny videos with all that a run writes, and writes much of it: a row of the log and
TensorBoard's scalars every other iteration, a snapshot, a plot and a GIF every 40. Open files and resident memory are
looked at now and then; from the second quarter on, when buffers and caches are full, neither may grow.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from mocogan_chainer import builder, preprocessing
from mocogan_chainer.cli import train

LOOKS = 8
MOST = 1 << 20
"""Bytes that memory may grow by: pages of the C library's."""

INTERVALS = {"display_interval": 2, "log_tensorboard_interval": 2, "snapshot_interval": 40, "num_gen_samples": 2}
SETTINGS = ("video_length=10", "model.n_filters_gen=2", "model.n_filters_idis=2", "model.n_filters_vdis=2")


class Measure:
    """Notes (iteration, open files, resident bytes) after everything else."""

    name = "Measure"
    priority = -1

    def __init__(self) -> None:
        self.looks: list[tuple[int, int, int]] = []

    def __call__(self, trainer: Any) -> None:
        """Look."""
        gc.collect()
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.looks.append((trainer.updater.iteration, files, pages * resource.getpagesize()))


def measure(iterations: int) -> list[tuple[int, int, int]]:
    """Train for so many iterations; return (iteration, open files, resident bytes) of :data:`LOOKS` moments."""
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
    looks = measure(int(sys.argv[1]))
    print(f"{'iteration':>9}  {'files':>5}  {'resident MiB':>12}")
    for iteration, files, size in looks:
        print(f"{iteration:>9}  {files:>5}  {size / 2**20:>12.2f}")
    steady = looks[len(looks) // 4 :]
    files, size = (steady[-1][i] - steady[0][i] for i in (1, 2))
    print(f"growth from iteration {steady[0][0]} on: {files} files, {size / 2**20:.2f} MiB")
    return int(files > 0 or size > MOST)


if __name__ == "__main__":
    sys.exit(main())
