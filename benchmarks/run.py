"""Our speed compared with PyTorch's, measured alternately in one run.

    make bench                                                 # everything, and the table in benchmarks/README.md
    python -m benchmarks.run --case train-8 --pairs 3          # one case, printed only
    python -m benchmarks.run --case g3an-8 --case affinegan-128 --case features-i3d
    python -m benchmarks.run --quick                           # does it run at all?

Each measurement is a process of its own, one at a time: ours, then each form of the peer, then ours again and so on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report

ROOT = Path(__file__).resolve().parents[1]
README = Path(__file__).with_name("README.md")
MIN_PAIRS = 5
QUICK = {"pairs": 1, "steps": 1, "filters": 4, "floor_seconds": 0.01}


class BenchmarkError(Exception):
    """What keeps the comparison from running, in one line."""


class CommandError(BenchmarkError):
    """A command that failed, and the last thing that it said."""

    def __init__(self, command: Sequence[str], reason: str):
        super().__init__(f"{reason} (in: {' '.join(command)})")
        self.reason = reason


@dataclass(frozen=True)
class Peer:
    """One form of the PyTorch program.

    Attributes:
        name: of the form, for the table.
        options: its command line.
        wanted: the ratio ours / peer that ours should not exceed, or None.
    """

    name: str
    options: tuple[str, ...]
    wanted: float | None = None


@dataclass(frozen=True)
class Case:
    """One kind of work.

    Attributes:
        name: for ``--case``.
        work: for the table.
        common: options of both programs.
        ours: options of ours alone.
        peers: what it is compared with.
        bfloat16: whether it needs a processor that multiplies bfloat16 numbers.
        programs: ours and the peer's.
        has_width: whether the networks' width can be chosen.
    """

    name: str
    work: str
    common: tuple[str, ...]
    peers: tuple[Peer, ...]
    ours: tuple[str, ...] = ()
    bfloat16: bool = False
    programs: tuple[str, str] = ("ours", "torch_mocogan")
    has_width: bool = True


TUNED, OFFICIAL = ("--variant", "tuned"), ("--variant", "official")
BFLOAT16 = ("--dtype", "bfloat16")
G3AN = ("g3an", "torch_g3an")
AFFINEGAN = ("affinegan", "torch_affinegan")


def _features(network: str, work: str) -> Case:
    layouts = (("eager", "contiguous"), ("eager, channels-last", "channels-last"))
    return Case(
        f"features-{network}",
        work,
        ("--network", network, "--batch", "4"),
        tuple(Peer(name, ("--layout", layout), 1.0) for name, layout in layouts),
        programs=("features", "torch_features"),
        has_width=False,
    )


CASES = (
    Case(
        "train-8",
        "step, batch 8",
        ("--infogan", "--batch", "8"),
        (Peer("tuned", TUNED, 0.70), Peer("official", OFFICIAL)),
    ),
    Case("train-2", "step, batch 2", ("--infogan", "--batch", "2"), (Peer("tuned", TUNED, 0.80),)),
    Case("train-32", "step, batch 32", ("--infogan", "--batch", "32"), (Peer("tuned", TUNED, 0.80),)),
    Case(
        "bfloat16-8",
        "step, batch 8, bfloat16",
        ("--infogan", "--batch", "8"),
        (Peer("tuned, float32", TUNED, 0.42), Peer("tuned, bfloat16", (*TUNED, *BFLOAT16), 1.0)),
        ours=BFLOAT16,
        bfloat16=True,
    ),
    Case(
        "sample-256", "256 videos, 16 at a time", ("--sample", "256", "--batch", "16"), (Peer("eager", OFFICIAL, 0.60),)
    ),
    Case(
        "g3an-8",
        "G3AN, step, batch 8",
        ("--batch", "8"),
        (
            Peer("tuned", TUNED, 0.80),
            Peer("tuned, channels-last", ("--variant", "channels-last"), 0.80),
            Peer("official", OFFICIAL),
        ),
        programs=G3AN,
    ),
    Case(
        "g3an-8-attention",
        "G3AN, step, batch 8, with attention",
        ("--batch", "8", "--attention"),
        (Peer("tuned", TUNED, 0.80),),
        programs=G3AN,
    ),
    Case(
        "affinegan-128",
        "AffineGAN, step, 128 pixels, with patch",
        ("--size", "128", "--batch", "1", "--patch"),
        (
            Peer("tuned", TUNED, 0.80),
            Peer("tuned, channels-last", ("--variant", "channels-last"), 0.80),
            Peer("official", OFFICIAL),
        ),
        programs=AFFINEGAN,
    ),
    Case(
        "affinegan-256",
        "AffineGAN, step, 256 pixels, with patch",
        ("--size", "256", "--batch", "1", "--patch"),
        (Peer("tuned", TUNED, 0.80), Peer("tuned, channels-last", ("--variant", "channels-last"), 0.80)),
        programs=AFFINEGAN,
    ),
    _features("i3d", "4 clips through I3D"),
    _features("resnext101", "4 clips through ResNeXt-101"),
)


class Runner:
    """Runs the programs, each in a process of its own, with the same environment.

    Args:
        python_ours, python_peer: the interpreters.
        steps, filters: for both programs; networks of a fixed width take no filters.
    """

    def __init__(self, python_ours: str, python_peer: str, steps: int, filters: int):
        self.python_ours, self.python_peer = python_ours, python_peer
        self.steps, self.filters = steps, filters
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(report.cores())}

    def torch_version(self) -> str:
        """The peer's PyTorch.

        Raises:
            BenchmarkError: there is none.
        """
        code = "import json, torch; print(json.dumps(torch.__version__))"
        try:
            return self._json([self.python_peer, "-c", code])
        except CommandError as error:
            raise BenchmarkError(
                f"no PyTorch for {self.python_peer} ({error.reason}); make bench installs it, or: {self.python_peer} "
                "-m pip install -r requirements-bench.txt (benchmarks/README.md: how to get the small CPU build)"
            ) from error

    def floor_speed(self, seconds: float) -> float | None:
        """GFLOP/s of the direct convolution, or None without oneDNN."""
        found = self._ours("floor", "--filters", str(self.filters), "--seconds", str(seconds))
        return found["gflop_per_s"]

    def ours(self, case: Case) -> report.Result:
        """Measure our side once."""
        return self._ours(case.programs[0], *self._common(case), *case.ours)

    def peer(self, case: Case, peer: Peer) -> report.Result:
        """Measure a form of the peer once."""
        threads = ("--threads", str(report.cores()), "--device", "cpu")
        module = ("-m", f"benchmarks.{case.programs[1]}")
        return self._json([self.python_peer, *module, *self._common(case), *threads, *peer.options])

    def _common(self, case: Case) -> tuple[str, ...]:
        """Options of both programs."""
        width = ("--filters", str(self.filters)) if case.has_width else ()
        return ("--steps", str(self.steps), *width, *case.common)

    def _ours(self, module: str, *options: str) -> Any:
        return self._json([self.python_ours, "-m", f"benchmarks.{module}", *options])

    def _json(self, command: Sequence[str]) -> Any:
        """Run a command at the top of the checkout and return what its last line of output says.

        Raises:
            CommandError: it failed.
        """
        try:
            done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise CommandError(command, f"{error.strerror}") from error
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise CommandError(command, said[-1])
        return json.loads(done.stdout.splitlines()[-1])


def compare(case: Case, runner: Runner, pairs: int, say: Callable[[str], None]) -> tuple[list[report.Result], ...]:
    """Measure a case; return the results of ours, and then of each of its peers."""
    results: tuple[list[report.Result], ...] = tuple([] for _ in range(1 + len(case.peers)))
    for pair in range(pairs):
        measurements = [runner.ours(case)]
        measurements += [runner.peer(case, peer) for peer in case.peers]
        for collected, measured in zip(results, measurements, strict=True):
            collected.append(measured)
        names = ["ours", *(peer.name for peer in case.peers)]
        times = [f"{name} {m['median_s']:.3f} s" for name, m in zip(names, measurements, strict=True)]
        say(f"{case.name}, pair {pair + 1} of {pairs}: {', '.join(times)}")
    return results


def rows(case: Case, results: Sequence[Sequence[report.Result]], speed: float | None) -> list[tuple[str, ...]]:
    """Return the case's rows of the table, one a peer."""
    ours, *peers = results
    floor = None if speed is None else ours[0]["conv_gflop"] / speed
    return [
        report.row(case.work, peer.name, peer.wanted, report.summarize(list(zip(ours, measured, strict=True))), floor)
        for peer, measured in zip(case.peers, peers, strict=True)
    ]


def measure(a: argparse.Namespace, say: Callable[[str], None]) -> str:
    """Run the chosen cases and return the report.

    Raises:
        BenchmarkError: PyTorch is missing, or a measurement failed.
    """
    runner = Runner(a.python_ours, a.python_peer, a.steps, a.filters)
    torch = runner.torch_version()
    info = report.cpuinfo()
    cases = [case for case in CASES if case.name in (a.case or [case.name])]
    load = os.getloadavg()[0]
    speed = runner.floor_speed(a.floor_seconds)
    lines, table_rows, ours = [], [], {}
    for case in cases:
        if case.bfloat16 and not report.has_bfloat16(info):
            lines.append(f"{case.work}: not measured, as this processor has no bfloat16 instructions.")
            continue
        results = compare(case, runner, a.pairs, say)
        table_rows += rows(case, results, speed)
        ours = results[0][0]
    versions = ", ".join(f"{name} {version}" for name, version in {**ours.get("versions", {}), "torch": torch}.items())
    about = [
        f"{datetime.date.today()}, {report.machine(info)}. {versions}; our backend: {ours.get('backend', 'none ran')}.",
        f"{a.pairs} pairs of processes, {a.steps} timed runs in each, {a.filters} filters, float32 unless said; "
        f"load average before: {load:.1f}.",
        "Floor: oneDNN was not found, so it is unknown."
        if speed is None
        else f"Floor: {speed:.0f} GFLOP/s, the best of oneDNN's direct convolution in float32.",
        *lines,
    ]
    return "\n".join([*(f"- {line}" for line in about), "", report.table(table_rows)])


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line.

    Raises:
        BenchmarkError: --write was given for less than a whole run.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="only this one; repeatable"
    )
    parser.add_argument("--pairs", type=int, default=MIN_PAIRS, help="of processes, for each case")
    parser.add_argument("--steps", type=int, default=3, help="timed runs in each process")
    parser.add_argument("--filters", type=int, default=64, help="width of all networks")
    parser.add_argument(
        "--floor-seconds", type=float, default=1.0, help="spent on each layer to find the floor's speed"
    )
    parser.add_argument("--quick", action="store_true", help="only see whether it runs: tiny networks, one pair")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument("--python-ours", default=sys.executable, help="the Python of our side")
    parser.add_argument("--python-peer", default=sys.executable, help="the Python that has PyTorch")
    parsed = parser.parse_args(arguments)
    if parsed.quick:
        vars(parsed).update(QUICK)
    if min(parsed.pairs, parsed.steps) < 1:
        raise BenchmarkError("--pairs and --steps must be at least 1")
    if parsed.write and (parsed.quick or parsed.case or parsed.filters != 64 or parsed.pairs < MIN_PAIRS):
        raise BenchmarkError(
            f"--write: benchmarks/README.md keeps whole runs only: all cases, 64 filters, {MIN_PAIRS} pairs or more"
        )
    return parsed


def main(arguments: Sequence[str]) -> int:
    """Run, print the report and perhaps keep it; return the exit code."""
    try:
        parsed = parse(arguments)
        text = measure(parsed, say=lambda line: print(line, file=sys.stderr, flush=True))
        print(text)
        if parsed.write:
            report.replace(README, text)
    except (BenchmarkError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
