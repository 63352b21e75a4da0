"""The process that has the device: it does what is not done yet, and ends where its device is lost."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

from benchmarks.gpu_check import lean
from benchmarks.gpu_check.results import DeviceLostError, Results

NO_DEVICE, DEVICE_LOST = 2, 3

_CHOOSING = 1.0  # seconds for a plan: fewer than training's, for some fifty problems a precision


def run(arguments: argparse.Namespace) -> int:
    """Check and time; return 0 when all was tried, 2 without a GPU, 3 where a fault has spoiled the device."""
    stood_in = lean.prepare(arguments.wheels)
    import mocogan_chainer  # isort: skip  (here and below: only now can it be imported)

    import chainer
    import numpy as np

    from benchmarks.gpu_check import convolutions, primitives, speed, steps
    from benchmarks.gpu_check.place import on_gpu
    from mocogan_chainer import compat
    from mocogan_chainer.backends import cudnn
    from mocogan_chainer.backends.cudnn import library, plans

    problem = compat.device_problem() or cudnn.problem()
    if problem is not None:
        print(f"error: no GPU to check: {problem}; doc/gpu.md says what to install", file=sys.stderr)
        return NO_DEVICE
    import cupy

    place = on_gpu(arguments.gpu)
    results = Results(arguments.out, arguments.until, place.wait)
    results.about = {
        "device": cupy.cuda.runtime.getDeviceProperties(arguments.gpu)["name"].decode(),
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

    def properties() -> None:
        found = library.load().create_device_properties(arguments.gpu)  # plans can be made of them elsewhere
        results.note("device properties", json=str(found.serialize()))

    plans.SECONDS = 0.0  # hundreds of problems are computed once: the first plan that runs will do
    try:
        results.measure("properties of the device", properties)
        primitives.check(place, results)
        steps.check(place, results, None if arguments.fixtures is None else Path(arguments.fixtures))
        plans.SECONDS = _CHOOSING
        speed.measure(place, results, batch=arguments.batch)
        plans.SECONDS = 0.0
        convolutions.check(place, results)
        plans.SECONDS = _CHOOSING
        speed.measure_precisions(place, results, batch=arguments.batch)
    except DeviceLostError as lost:
        print(f"the device is lost: {lost}", file=sys.stderr)
        return DEVICE_LOST
    return 0
