"""Every kernel compiles for the GPUs that it is for. No GPU is needed: by NVRTC as CuPy calls it, or else by nvcc."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mocogan_chainer.backends.cudnn import kernels
from mocogan_chainer.backends.cudnn.launching import OPTIONS

ARCHITECTURES = ("sm_80", "sm_90")  # A100, H100 and H200
BY_CUPY = ("-ftz=true",)  # what it tells NVRTC and nvcc besides
BY_CUPY_TO_NVRTC = ("--device-as-default-execution-space",)
REPORT = ("--ptxas-options=-v", "--ptxas-options=-warn-spills", "--ptxas-options=-warn-lmem-usage")
EXPECTED = re.compile(r"ptxas info .*|.* bytes stack frame, .*|\s*Compile time = .*|")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("source", kernels.names())
def test_kernels_compile_without_warnings(source, architecture):
    """And keep what they compute with in registers."""
    text = kernels.source(source)
    cubin, report = compiler()(text, architecture)
    assert [line for line in report.splitlines() if not EXPECTED.fullmatch(line)] == []
    names = re.findall(r"__global__ void[^(]*(?:\(\d[^)]*\)\s*)?\b(\w+)\s*\(", text)
    assert len(names) == text.count("__global__")
    for name in names:
        assert f".text.{name}\0".encode() in cubin


@pytest.mark.parametrize("source", kernels.names())
def test_sources_need_no_headers_and_no_locale(source):
    """CuPy writes a source in the locale's encoding and brings no CUDA headers along."""
    text = kernels.source(source)
    assert text.isascii()
    assert "#include" not in text


def test_a_spill_is_a_warning():
    text = """
    extern "C" __global__ void __launch_bounds__(1024, 2) crowded(double* x) {
      double kept[40];
      for (int i = 0; i < 40; ++i) kept[i] = x[i];
      __syncthreads();
      for (int i = 0; i < 40; ++i) x[40 + i] = kept[i] + kept[39 - i];
    }
    """
    report = compiler()(text, "sm_90")[1]
    assert [line for line in report.splitlines() if not EXPECTED.fullmatch(line)] != []


@functools.cache
def compiler() -> Callable[[str, str], tuple[bytes, str]]:
    """What makes a cubin of (text, architecture), and its report; the test is skipped where there is neither."""
    path = _nvrtc()
    if path is not None:
        return functools.partial(_by_nvrtc, ctypes.CDLL(path))
    if shutil.which("nvcc"):
        return _by_nvcc
    return pytest.skip("needs NVRTC (pip install nvidia-cuda-nvrtc-cu12) or nvcc")


def _nvrtc() -> str | None:
    spec = importlib.util.find_spec("nvidia")
    places = [] if spec is None else spec.submodule_search_locations
    found = [str(path) for place in places for path in sorted(Path(place).glob("*/lib/libnvrtc.so.*"))]
    return found[-1] if found else ctypes.util.find_library("nvrtc")


def _by_nvrtc(library: ctypes.CDLL, text: str, architecture: str) -> tuple[bytes, str]:
    program = ctypes.c_void_p()
    options = [f"-arch={architecture}", *OPTIONS, *BY_CUPY, *BY_CUPY_TO_NVRTC, *REPORT]
    encoded = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    assert library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None) == 0
    try:
        failed = library.nvrtcCompileProgram(program, len(options), encoded)
        report = _read(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program).rstrip(b"\0").decode()
        assert not failed, report
        return _read(library.nvrtcGetCUBINSize, library.nvrtcGetCUBIN, program), report
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _read(size_of, read, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    assert size_of(program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert read(program, buffer) == 0
    return buffer.raw


def _by_nvcc(text: str, architecture: str) -> tuple[bytes, str]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernels.cu").write_text(text, encoding="ascii")
        options = [f"-arch={architecture}", "-cubin", *OPTIONS, *BY_CUPY, *REPORT, "-o", "kernels.cubin"]
        done = subprocess.run(["nvcc", *options, "kernels.cu"], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return Path(folder, "kernels.cubin").read_bytes(), done.stdout + done.stderr
