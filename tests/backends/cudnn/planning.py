"""cuDNN's plans on a machine without a device: a process of its own, for devices that are described in a file.

cuDNN's libraries want the driver's and cuBLASLt's. Planning calls nothing of them, so libraries of those names stand in
whose functions all fail. They have to be on the search path before the process starts.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mocogan_chainer.backends.cudnn.problems import Problem
from tests.backends.cudnn import host

FORMS = ("float32", "tf32", "bf16", "fp16")
DEVICES = Path(__file__).with_name("devices.json")

_ROOT = Path(__file__).parents[3]
_STAND_INS = {
    ("libcuda.so.1",): "GetErrorString ModuleGetFunction ModuleLoadData ModuleUnload TensorMapEncodeIm2col "
    "TensorMapEncodeTiled",
    ("libcublasLt.so.12", "libcublasLt.so.13"): "Create Destroy GetProperty GroupedMatrixLayoutCreate Matmul "
    "MatmulAlgoGetHeuristic MatmulDescCreate MatmulDescDestroy MatmulDescGetAttribute MatmulDescSetAttribute "
    "MatmulPreferenceCreate MatmulPreferenceDestroy MatmulPreferenceSetAttribute MatrixLayoutCreate "
    "MatrixLayoutDestroy MatrixLayoutGetAttribute MatrixLayoutSetAttribute MatrixTransform MatrixTransformDescCreate "
    "MatrixTransformDescDestroy MatrixTransformDescGetAttribute MatrixTransformDescSetAttribute",
}


def described(device: str) -> dict[str, Any]:
    """A device's properties, as cuDNN names them."""
    return json.loads(DEVICES.read_text())[device]


def differences(device: str, serialized: str) -> dict[str, tuple[Any, Any]]:
    """Properties that are not as described: {name: (described, real)}.

    Args:
        device: a name in the file.
        serialized: of a real one, ``cudnn.create_device_properties(0).serialize()``.
    """
    ours, real = described(device), json.loads(serialized)
    names = sorted({*ours, *real} - {"cudaDeviceId", "pciDeviceId", "driverVer"})
    return {name: (ours.get(name), real.get(name)) for name in names if ours.get(name) != real.get(name)}


def plan(folder: Path, device: str, problems: list[tuple[Problem, str]], every: bool = False) -> dict[str, Any]:
    """Plan problems; the test is skipped where cuDNN or a compiler is not on this machine.

    Args:
        folder: for the stand-ins.
        device: a name in the file.
        problems: each with a form.
        every: build all that is proposed, and not only the first that can be.

    Returns:
        "cudnn": its version; "plans": for each problem how many are proposed, and of those that were built the names
        and workspaces; or why there are none.
    """
    for package in ("cudnn", "nvidia.cudnn"):
        if importlib.util.find_spec(package.split(".")[0]) is None or importlib.util.find_spec(package) is None:
            pytest.skip("needs cuDNN and its front end (pip install --no-deps -r requirements-gpu-check.txt)")
    make_stand_ins(folder)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("LD_LIBRARY_PATH"))))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("planning_process.py")), device],
        input=json.dumps([[_as_json(problem), form, every] for problem, form in problems]),
        env=os.environ | {"LD_LIBRARY_PATH": path, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    if "problem" in answer:
        pytest.skip(answer["problem"])
    return answer


def make_stand_ins(folder: Path) -> None:
    """Compile the libraries that stand in for the driver's and cuBLASLt's."""
    for libraries, names in _STAND_INS.items():
        prefix = "cublasLt" if "cublasLt" in libraries[0] else "cu"
        lines = [f"int {prefix}{name}(void) {{ return 1; }}" for name in names.split()]
        if prefix == "cublasLt":
            lines.append("unsigned long cublasLtGetVersion(void) { return 120903; }")
        code = folder / f"{prefix}.c"
        code.write_text("\n".join(lines))
        for library in libraries:
            options = ["-xc", "-shared", "-fPIC", f"-Wl,-soname,{library}", str(code), "-o", str(folder / library)]
            subprocess.run([host.compiler(), *options], check=True, capture_output=True)


def _as_json(problem: Problem) -> list[Any]:
    g = problem.geometry
    return [problem.kind, problem.x, problem.W, problem.y, [g.stride, g.pad, g.groups]]
