"""The GPU backend tried and timed on this machine's GPU, within eight minutes.

    python -m benchmarks.gpu_check
    python -m benchmarks.gpu_check --wheels WHEELS --fixtures shared/fixtures --out gpu_check.json

Everything is compared with Chainer's own code and, where their folder is given, with the published networks' numbers;
then a MoCoGAN step is timed beside PyTorch, if that is installed. A short table comes last; everything is in the file.
It needs CuPy, NumPy and cuDNN's Python front end; Chainer may be installed or lie in WHEELS.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

from benchmarks.gpu_check import lean


def main() -> int:
    """Check and time; return 1 if something failed, 2 without a GPU."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu_check", description=__doc__.split("\n")[0])
    parser.add_argument("--gpu", type=int, default=0, help="device number (default: 0)")
    parser.add_argument("--wheels", help="folder of wheels of what is not installed")
    parser.add_argument("--fixtures", help="folder of the published networks' numbers (pub_mocogan_*)")
    parser.add_argument("--out", default="gpu_check.json", help="file of all that was found (default: gpu_check.json)")
    parser.add_argument("--seconds", type=float, default=450, help="nothing new is begun after (default: 450)")
    parser.add_argument("--batch", type=int, default=32, help="videos of a timed step (default: 32)")
    a = parser.parse_args()
    stood_in = lean.prepare(a.wheels)
    return _run(a, stood_in)


def _run(a: argparse.Namespace, stood_in: list[str]) -> int:
    import mocogan_chainer  # isort: skip  (here and below: only now can it be imported)

    import chainer
    import numpy as np

    from benchmarks.gpu_check import convolutions, primitives, speed, steps
    from benchmarks.gpu_check.place import Place
    from benchmarks.gpu_check.results import Results
    from mocogan_chainer import compat
    from mocogan_chainer.backends import cudnn
    from mocogan_chainer.backends.cudnn import library, plans

    problem = compat.device_problem() or cudnn.problem()
    if problem is not None:
        print(f"error: no GPU to check: {problem}; doc/gpu.md says what to install", file=sys.stderr)
        return 2
    import cupy

    device = chainer.get_device(f"@cupy:{a.gpu}")
    device.use()
    results = Results(a.seconds)
    results.about = {
        "device": cupy.cuda.runtime.getDeviceProperties(a.gpu)["name"].decode(),
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "cuda": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "cudnn": library.version(),
        "cudnn_frontend": library.load().__version__,
        "numpy": np.__version__,
        "chainer": chainer.__version__,
        "mocogan_chainer": mocogan_chainer.__version__,
        "python": platform.python_version(),
        "stood_in": stood_in,
    }
    plans.SECONDS = 0.0  # hundreds of problems are computed once: the first plan that runs will do
    place = Place(device, cudnn.load, cudnn.recorder, cupy.cuda.Device(a.gpu).synchronize)
    try:
        results.note("device properties", json=library.device_properties(a.gpu))
    except Exception as failure:
        results.note("device properties", failed=str(failure))
    try:
        primitives.check(place, results)
        steps.check(place, results, None if a.fixtures is None else Path(a.fixtures))
        results.write(a.out)
        plans.SECONDS = 1.0  # shorter than training's, for some fifty problems a precision
        speed.measure(place, results, batch=a.batch)
        plans.SECONDS = 0.0
        results.write(a.out)
        convolutions.check(place, results)
    finally:
        results.write(a.out)
        print(f"\n{results.about['device']}, CuPy {cupy.__version__}, cuDNN {results.about['cudnn']}; all in {a.out}")
        print(results.table(), flush=True)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
