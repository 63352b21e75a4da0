"""Which machines count as having a device; no device is needed here but for the last test."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
import types

import numpy as np
import pytest

from mocogan_chainer import compat
from mocogan_chainer.compat import devices


class Nvml:
    """A management library that shows ``devices`` devices, or fails to start."""

    def __init__(self, devices=0, start=0):
        self.devices = devices
        self.start = start

    def nvmlInit_v2(self):
        return self.start

    def nvmlDeviceGetCount_v2(self, pointer):
        pointer._obj.value = self.devices
        return 0

    def nvmlShutdown(self):
        return 0


class Cuda(types.ModuleType):
    """A ``cupy.cuda`` that, as the real one, loads cuBLAS when its attribute is asked for (or raises the error)."""

    def __init__(self, runtime, cublas):
        super().__init__("cupy.cuda")
        self.runtime, self._error = runtime, cublas

    @property
    def cublas(self):
        if self._error is not None:
            raise self._error
        return object()


@pytest.fixture
def machine(monkeypatch):
    """Set up a machine: its CuPy, libraries and the devices that the CUDA runtime counts (or the error)."""

    def build(cupy=True, driver=True, nvml=None, runtime=0, visible=None, platform="linux", cublas=None):
        libraries = {devices._DRIVER.get(platform): object() if driver else None, "libnvidia-ml.so.1": nvml}

        def load(name):
            if libraries.get(name) is None:
                raise OSError(f"{name}: cannot open shared object file")
            return libraries[name]

        def count():
            if isinstance(runtime, Exception):
                raise runtime
            return runtime

        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(ctypes, "CDLL", load)
        if not cupy:
            monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
            monkeypatch.delitem(sys.modules, "cupy", raising=False)
        else:
            module = Cuda(types.SimpleNamespace(getDeviceCount=count), cublas)
            monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=module))
            monkeypatch.setitem(sys.modules, "cupy.cuda", module)
            for name in ("cupyx.scipy.linalg", "cupyx.scipy.special"):
                monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return build


@pytest.mark.parametrize(
    "parts, problem",
    [
        ({"cupy": False}, "CuPy is not installed"),
        ({"driver": False}, "there is no NVIDIA driver"),
        ({"platform": "darwin"}, "there is no NVIDIA driver"),
        ({"runtime": 0}, "the NVIDIA driver shows no device"),
        (
            {"runtime": RuntimeError("cudaErrorInsufficientDriver: too old\nsecond line")},
            "CuPy does not work here (cudaErrorInsufficientDriver: too old)",
        ),
        ({"runtime": RuntimeError()}, "CuPy does not work here (RuntimeError)"),
        (
            {"runtime": 1, "cublas": ImportError("Failure finding libcublas.so.12")},
            "CuPy does not work here (Failure finding libcublas.so.12)",
        ),
        ({"runtime": 2}, None),
        ({"runtime": 1, "platform": "win32"}, None),
    ],
)
def test_what_is_missing_is_said(machine, parts, problem):
    machine(**parts)
    assert compat.device_problem() == problem
    assert compat.device_count() == (parts["runtime"] if problem is None else 0)


def test_a_missing_cuda_library_is_said(machine, monkeypatch):
    machine(runtime=1)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", None)
    assert "cupyx.scipy.linalg" in compat.device_problem()
    assert compat.device_count() == 0


@pytest.mark.parametrize(
    "parts, expected",
    [
        ({"cupy": False, "nvml": Nvml(1)}, False),
        ({"driver": False, "nvml": Nvml(1)}, False),
        ({"nvml": Nvml(0)}, False),
        ({"nvml": Nvml(1)}, True),
        ({"nvml": Nvml(2), "visible": "1"}, True),
        ({"nvml": Nvml(2), "visible": "1,0"}, True),
        ({"nvml": Nvml(2), "visible": "2"}, False),
        ({"nvml": Nvml(2), "visible": ""}, False),
        ({"nvml": Nvml(2), "visible": "-1"}, False),
        ({"nvml": Nvml(2), "visible": "NoDevFiles"}, False),
        ({"nvml": Nvml(1), "visible": "GPU-8932f937"}, True),
        ({"nvml": Nvml(1), "visible": "MIG-8932f937"}, True),
        ({"nvml": Nvml(start=9), "runtime": 0}, False),
        ({"nvml": Nvml(start=9), "runtime": 1}, True),
        ({"nvml": None, "runtime": RuntimeError("no")}, False),
        ({"nvml": None, "runtime": 1}, True),
        ({"platform": "win32", "runtime": 1}, True),
        ({"platform": "win32", "runtime": 0}, False),
        ({"platform": "darwin"}, False),
    ],
)
def test_has_device(machine, parts, expected):
    machine(**parts)
    assert devices.has_device() is expected


def test_cuda_is_not_started_where_the_management_library_knows(machine):
    machine(nvml=Nvml(1), runtime=AssertionError("CUDA was started"))
    assert devices.has_device()


CUPY = """
from cupy import _environment
print("CuPy was imported")
__version__ = "14.2.0"
class ndarray: pass
class Thing:
    def __init__(self, *args, **options): self.options = options
ElementwiseKernel = Thing
def memoize(for_each_device=False): return lambda function: function
def fuse(*args, **options): return lambda function: function
def get_default_memory_pool(): return Thing()
get_default_pinned_memory_pool = get_default_memory_pool
"""


@pytest.fixture
def fake_cupy(tmp_path):
    """A folder with a CuPy that can be imported and no more, and whose cuDNN and NCCL warn as the real ones do."""
    folder = tmp_path / "site"
    files = {
        "cupy/__init__.py": CUPY,
        "cupy/_util.py": "class PerformanceWarning(Warning): pass\n",
        "cupy/_environment.py": "import warnings\n\n\ndef _preload_warning(library, error): warnings.warn(library)\n",
        "cupy/cuda/__init__.py": "class Device: pass\nclass Event: pass\nclass Stream: pass\ncublas = object()\n",
        "cupy/cuda/cudnn.py": "from cupy import _environment\n_environment._preload_warning('cudnn', None)\n",
        "cupy/cuda/nccl.py": "from cupy import _environment\n_environment._preload_warning('nccl', None)\n",
        "cupyx/__init__.py": "",
        "cupyx/scipy/__init__.py": "",
        "cupyx/scipy/linalg.py": "",
        "cupyx/scipy/special.py": "",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_without_a_device_chainer_does_not_see_cupy(python, fake_cupy):
    done = python(
        "import mocogan_chainer\nfrom mocogan_chainer.compat import devices\ndevices.has_device = lambda: False\n"
        "import chainer\nfrom chainer.backends import cuda\nprint(cuda.available)\n"
        "try:\n    cuda.check_cuda_available()\nexcept RuntimeError as error:\n    print(error)\n",
        "-W",
        "error",
        extra_path=fake_cupy,
    )
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert first == "False"
    assert "No CUDA device can be used: there is no" in rest[-1] or "shows no device" in rest[-1]


def test_with_a_device_chainer_takes_cupy_silently(python, fake_cupy):
    done = python(
        "import mocogan_chainer\nfrom mocogan_chainer.compat import devices\ndevices.has_device = lambda: True\n"
        "import chainer\nfrom chainer.backends import cuda\nprint(cuda.available, cuda.cupy.__version__)\n"
        "import cupy._environment\nprint(cupy._environment._preload_warning.__name__)\n"
        "from chainer.training.updaters import multiprocess_parallel_updater as updater\n"
        "for name in ('_memcpy_gather', '_memcpy_scatter'):\n"
        "    print(getattr(updater, name)().options['preamble'])\n",
        extra_path=fake_cupy,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "CuPy was imported",
        "True 14.2.0",
        "_preload_warning",
        '#include "cupy/float16.cuh"',
        '#include "cupy/float16.cuh"',
    ]


def test_the_package_imports_where_cupy_is_broken(python, fake_cupy):
    (fake_cupy / "cupy" / "__init__.py").write_text("raise ImportError('libcublas.so.12 is not there')")
    done = python(
        "import mocogan_chainer\nfrom mocogan_chainer import compat\nimport chainer\n"
        "print(chainer.backends.cuda.available, compat.device_count())\n",
        "-W",
        "error",
        extra_path=fake_cupy,
    )
    assert (done.stdout.strip(), done.stderr) == ("False 0", "")


REAL_CUPY = """
import ctypes
import mocogan_chainer
from mocogan_chainer.compat import devices
load = ctypes.CDLL
driver = {"libcuda.so.1", "nvcuda.dll"}
ctypes.CDLL = lambda name, *args, **options: object() if name in driver else load(name, *args, **options)
from cupy.cuda import runtime
runtime.getDeviceCount = lambda: 1
print(devices.device_count(), devices.device_problem())
"""


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
@pytest.mark.skipif(sys.platform not in devices._DRIVER, reason="there is no CuPy for this system")
def test_the_installed_cupy_is_accepted(python):
    """Only the driver library and the number of devices are made up; CuPy's parts and CUDA's libraries are real."""
    done = python(REAL_CUPY)
    assert done.returncode == 0, done.stderr
    count, problem = done.stdout.strip().split(" ", 1)
    if problem == "None":
        assert count == "1"
        return
    assert count == "0"
    missing = re.findall(r"lib\w+\.so[.\d]*|\w+\.dll", problem)
    assert missing, problem
    for library in missing:
        with pytest.raises(OSError, match=re.escape(library)):
            ctypes.CDLL(library)


@pytest.mark.device
def test_chainer_uses_the_device():
    if compat.device_count() == 0:
        pytest.skip(f"no CUDA device: {compat.device_problem()}")
    import chainer

    assert chainer.backends.cuda.available
    x = chainer.get_device("@cupy:0").send(np.ones((2, 3), np.float32))
    y = chainer.functions.sum(chainer.functions.softplus(x))
    assert float(y.array) == pytest.approx(6 * np.log1p(np.e), rel=1e-6)
