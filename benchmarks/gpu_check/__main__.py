"""The GPU backend tried and timed on this machine's GPU, within eight minutes.

    python -m benchmarks.gpu_check
    python -m benchmarks.gpu_check --wheels WHEELS --fixtures shared/fixtures --out gpu_check.json

Everything is compared with Chainer's own code and, where their folder is given, with the published networks' numbers;
then a MoCoGAN step is timed, and PyTorch's, if that is installed. A short table comes last; everything is in the file,
as soon as it is found. It needs CuPy, NumPy and cuDNN's Python front end; Chainer may be installed or lie in WHEELS.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.gpu_check import worker
from benchmarks.gpu_check.results import Results

_WORKER = [sys.executable, "-m", "benchmarks.gpu_check"]
_FOUND = "gpu_check.json"
_ATTEMPTS = 8
_GRACE = 25.0  # seconds that what was begun in time may take beyond it


def main(argv: list[str] | None = None) -> int:
    """Check and time; return 1 if something failed, 2 without a GPU."""
    arguments = _parser().parse_args(argv)
    out = Path(arguments.out).absolute()
    arguments.out = str(out / _FOUND if out.is_dir() else out)
    if arguments.until is not None:
        return worker.run(arguments)
    Path(arguments.out).unlink(missing_ok=True)
    return _supervise(arguments, list(sys.argv[1:] if argv is None else argv))


def _supervise(arguments: argparse.Namespace, argv: list[str]) -> int:
    """Let processes do it, one after another: one whose device is lost, or that dies, is followed by a next."""
    until = time.time() + arguments.seconds
    command = [*_WORKER, *argv, "--out", arguments.out, "--until", str(until)]
    plans = Path(arguments.out).with_suffix(".plans")  # what is chosen quickly is not for training
    environment = os.environ | {"MOCOGAN_CACHE_DIR": str(plans)}
    shutil.rmtree(plans, ignore_errors=True)  # of an earlier check
    code = None
    for _ in range(_ATTEMPTS):
        try:
            code = subprocess.run(command, env=environment, timeout=max(until - time.time(), 0) + _GRACE).returncode
        except subprocess.TimeoutExpired:
            print(f"stopped: not done {_GRACE:.0f} s after its time", file=sys.stderr)
            code = None
            break
        if code == worker.NO_DEVICE:
            return code
        if code == 0:
            break
        print(f"its process ended with {code}; the next one goes on", file=sys.stderr)
    results = Results(arguments.out, until)
    for file in sorted(plans.glob("*.json")):
        results.note(f"plans {file.stem}", json=file.read_text(encoding="utf-8"))
    results.write()
    print(f"\n{results.about.get('device')}, CuPy {results.about.get('cupy')}, cuDNN {results.about.get('cudnn')}")
    print(f"{results.table()}\nall in {arguments.out}", flush=True)
    return 0 if code == 0 and not results.failed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.gpu_check", description=__doc__.split("\n")[0])
    parser.add_argument("--gpu", type=int, default=0, help="device number (default: 0)")
    parser.add_argument("--wheels", help="folder of wheels of what is not installed")
    parser.add_argument("--fixtures", help="folder of the published networks' numbers (pub_mocogan_*)")
    parser.add_argument(
        "--out", default=_FOUND, help=f"file of all that was found (default: {_FOUND}), or a folder for it"
    )
    parser.add_argument("--seconds", type=float, default=450, help="nothing new is begun after (default: 450)")
    parser.add_argument("--batch", type=int, default=32, help="videos of a timed step (default: 32)")
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)  # the worker's
    return parser


if __name__ == "__main__":
    sys.exit(main())
