"""Kernels on the CPU: the same sources, compiled by the host's compiler, started on NumPy arrays.

Each array travels in a buffer with guards of NaN bits on both sides: what is read beside it spoils the result, what is
written beside it is found. Each start is made twice, with the threads in ascending and in descending order, and both
must give the same bytes.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocogan_chainer.backends.cudnn import kernels
from mocogan_chainer.backends.cudnn.launching import Struct

_HEADER = Path(__file__).with_name("cuda_on_host.h")
_KERNEL = re.compile(r'extern "C" __global__ void(?:\s+__launch_bounds__\([^)]*\))?\s+(\w+)\s*\(([^)]*)\)', re.DOTALL)
_BARRIER = re.compile(r"__sync|__shfl")
_GUARD = 4096
_SCALARS = {
    "int": np.int32,
    "unsigned": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "float": np.float32,
    "double": np.float64,
}


def compiler() -> str:
    """The host's C++ compiler; the test is skipped where there is none."""
    found = next((path for name in ("g++", "clang++", "c++") if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs a C++ compiler (g++ or clang++) to run kernels on the CPU")
    return found


def launch(
    source: str,
    kernel: str,
    blocks: tuple[int, ...],
    threads: int,
    *arguments: Any,
    shared: int = 0,
    orders: tuple[int, ...] = (1, -1),
) -> None:
    """Start a kernel on NumPy arrays (see :class:`mocogan_chainer.backends.cudnn.launching.Launcher`).

    Args:
        source, kernel, blocks, threads, *arguments, shared: as there.
        orders: which orders of threads are tried.
    """
    library, declared = _library(source)
    types = declared[kernel]
    assert len(arguments) == len(types), f"{kernel} takes {len(types)} arguments and got {len(arguments)}"
    assert 1 <= threads <= 1024 and all(b > 0 for b in blocks), (blocks, threads)
    assert shared <= 48 << 10, "more shared memory than every device has without asking"
    given = [array for argument in arguments for array in _arrays(argument)]
    results = []
    for order in orders:
        ctypes.c_int.in_dll(library, "host_order").value = order
        results.append(_start(library, kernel, blocks, threads, arguments, given, types, shared))
    for array, forward, *others in zip(given, *results, strict=True):
        for other in others:
            assert forward.tobytes("A") == other.tobytes("A"), f"{kernel} depends on the order of its threads"
        if forward.tobytes("A") != array.tobytes("A"):  # an input may be read-only
            array[...] = forward


def _arrays(argument):
    if isinstance(argument, Struct):
        return argument.arrays()
    return [argument] if isinstance(argument, np.ndarray) else []


def _start(library, kernel, blocks, threads, arguments, arrays, types, shared):
    held, guards = [], []
    for array in arrays:
        inside, buffer = _guarded(array)
        guards.append((buffer, inside))
        held.append(inside)
    addresses = iter([a.ctypes.data if a.size else 0 for a in held])
    values = []
    for argument, kind in zip(arguments, types, strict=True):
        if isinstance(argument, np.ndarray):
            assert kind.endswith("*"), f"{kernel}: an array for {kind}"
            values.append(ctypes.c_uint64(next(addresses)))
        elif isinstance(argument, Struct):
            packed = argument.pack(lambda _: next(addresses)).tobytes()
            assert len(packed) == library[f"sizeof_{kind}"](), f"{kernel}: {kind} is laid out in another way"
            values.append(ctypes.create_string_buffer(packed, len(packed)))
        else:
            wanted = np.uint64 if kind.endswith("*") else _SCALARS[kind]
            assert type(argument) is wanted, f"{kernel}: {type(argument)} for {kind}"
            values.append(np.ctypeslib.as_ctypes_type(wanted)(argument.item()))
    assert sum(map(ctypes.sizeof, values)) <= 4096, "more arguments than a kernel takes before CUDA 12.1"
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
    grid = (ctypes.c_uint * 3)(*(*blocks, 1, 1)[:3])
    block = (ctypes.c_uint * 3)(threads, 1, 1)
    library[f"run_{kernel}"](pointers, grid, block, ctypes.c_size_t(shared))
    for buffer, inside in guards:
        start = inside.ctypes.data - buffer.ctypes.data
        assert (buffer[:start] == 0xFF).all(), f"{kernel} writes before an array"
        assert (buffer[start + inside.nbytes :] == 0xFF).all(), f"{kernel} writes behind an array"
    return held


def _guarded(array):
    """A copy of the array, with its strides and as far from a multiple of 16 bytes, between guards."""
    buffer = np.full(_GUARD + array.nbytes + _GUARD, 0xFF, np.uint8)
    start = _GUARD // 2 + (array.ctypes.data - buffer.ctypes.data) % 16
    flat = buffer[start : start + array.nbytes].view(array.dtype)
    order = np.argsort([-s for s in array.strides], kind="stable")
    inside = flat.reshape([array.shape[i] for i in order]).transpose(np.argsort(order))
    steps = zip(inside.strides, array.strides, array.shape, strict=True)
    assert all(ours == theirs or length <= 1 for ours, theirs, length in steps), "an array with gaps"
    inside[...] = array
    return inside, buffer


@functools.cache
def _library(source: str) -> tuple[ctypes.CDLL, dict[str, list[str]]]:
    text = kernels.source(source)
    declared = {name: [_type(p) for p in parameters.split(",")] for name, parameters in _KERNEL.findall(text)}
    barriers = "true" if _BARRIER.search(text) else "false"
    lines = [f'#include "{_HEADER}"', text]
    for name, types in declared.items():
        values = ", ".join(f"*reinterpret_cast<{kind}*>(a[{i}])" for i, kind in enumerate(types))
        lines += [
            f"static void body_{name}(void** a) {{ {name}({values}); }}",
            f'extern "C" void run_{name}(void** a, const unsigned* grid, const unsigned* block, size_t shared)',
            f"{{ host_run(body_{name}, a, grid, block, shared, {barriers}); }}",
        ]
    every = {kind for types in declared.values() for kind in types}
    structs = sorted(kind for kind in every if kind[-1] != "*" and kind not in _SCALARS)
    lines += [f'extern "C" int sizeof_{kind}() {{ return sizeof({kind}); }}' for kind in structs]
    return _compiled("\n".join(lines)), declared


def _compiled(text: str) -> ctypes.CDLL:
    options = ["-std=c++20", "-O2", "-fPIC", "-shared", "-ffp-contract=off", "-Wno-unknown-pragmas"]
    options += ["-U_FORTIFY_SOURCE"]  # which takes jumps from one stack to another for a fault
    options += ["-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]  # a device's faults are no host's
    key = hashlib.sha256(" ".join([text, _HEADER.read_text(), *options]).encode()).hexdigest()[:24]
    path = Path(tempfile.gettempdir(), f"mocogan-host-kernels-{key}.so")
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            code = Path(folder, "kernels.cpp")
            code.write_text(text)
            done = subprocess.run(
                [compiler(), *options, str(code), "-o", f"{folder}/kernels.so"], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            shutil.move(f"{folder}/kernels.so", path)
    return ctypes.CDLL(str(path))


def _type(parameter: str) -> str:
    """``const float* __restrict__ x`` -> ``const float*``; ``long long n`` -> ``long long``."""
    parameter = parameter.replace("__restrict__", " ").strip()
    if "*" in parameter:
        return parameter[: parameter.rindex("*") + 1].strip()
    return " ".join(parameter.split()[:-1]).removeprefix("const ")
