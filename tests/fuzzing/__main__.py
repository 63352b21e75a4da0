"""Fuzzes every reader and prints what came of it: ``make fuzz``, or ``python -m tests.fuzzing --help``.

An input is known by its reader, the seed and its number, and can be read again alone, with the traceback:
``python -m tests.fuzzing "--set" --seed 0 --only 17``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzzing import READERS, runner
from tests.fuzzing.reader import put


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code is 1 when an input ended otherwise than with a result or an own error."""
    options = _options(arguments)
    readers = [reader for reader in READERS if not options.readers or reader.name in options.readers]
    failed = False
    rows = []
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as work:
        if options.only is not None:
            return _alone(readers, options.seed, options.only, Path(work))
        print("| reader | inputs | results | own errors | others | slowest | peak memory | seconds |", flush=True)
        print("|---|---|---|---|---|---|---|---|")
        for reader in readers:
            start = time.perf_counter()
            report = runner.run(
                reader,
                options.seed,
                range(options.inputs),
                Path(work),
                options.save,
            )
            failed |= bool(report.failures)
            print(_row(report, time.perf_counter() - start), flush=True)
            rows.append({"reader": report.reader, "outcomes": report.outcomes, "failures": report.failures})
    for row in rows:
        for number, what, details in row["failures"][: options.show]:
            print(f"\n{row['reader']}, seed {options.seed}, number {number}: {what}\n{details}")
    if options.json is not None:
        options.json.write_text(json.dumps(rows))
    return int(failed)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__.partition(":")[0])
    parser.add_argument("readers", nargs="*", help="names as in the table; every reader without any")
    parser.add_argument("--inputs", type=int, default=1000, help="of each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="read this input alone, here, and show its traceback")
    parser.add_argument("--show", type=int, default=3, help="failures of a reader that are shown in full")
    parser.add_argument("--save", type=Path, help="a folder for the inputs that failed")
    parser.add_argument("--json", type=Path, help="a file for the outcomes")
    options = parser.parse_args(arguments)
    if unknown := set(options.readers) - {reader.name for reader in READERS}:
        parser.error(f"{unknown.pop()}: it must be one of {', '.join(reader.name for reader in READERS)}")
    return options


def _alone(readers, seed: int, number: int, work: Path) -> int:
    for reader in readers:
        put(reader.case(seed, number, reader.inputs(work / "sound")), work / "case")
        record = runner.attempt(reader, work / "case")
        print(f"{reader.name}, seed {seed}, number {number}: {record['outcome']}\n{record['details']}")
    return 0


def _row(report: runner.Report, seconds: float) -> str:
    own, results = report.outcomes[runner.OWN], report.outcomes[runner.RESULT]
    others = "; ".join(
        f"{count} {name}" for name, count in report.outcomes.items() if name not in (runner.OWN, runner.RESULT)
    )
    cells = [report.reader, report.inputs, results, own, others or "none"]
    cells += [f"{report.slowest[0]:.2f} s", f"{report.peak[0] / 2**20:.0f} MiB", f"{seconds:.1f}"]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
