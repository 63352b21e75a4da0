"""A device on which the GPU's convolutions run without cuDNN: its plans compute with NumPy.

A plan sees what cuDNN would see: addresses, and the shapes and orders that the problem says lie there.
"""

import ctypes

import numpy as np

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.cudnn.graphs import DATA_TYPES, NoPlan
from mocogan_chainer.backends.cudnn.workspace import Workspace


class FakeDevice:
    """A device whose plans are named and timed by the test.

    Args:
        milliseconds: {form: {plan: how long it takes}}; infinitely long means that it fails when it runs, None that
            it cannot be built.
        workspaces: {plan: bytes that it needs}, where it needs any.
    """

    label = "A device of ours, cuDNN 9.0.0"
    memory = 1 << 20

    def __init__(self, milliseconds, workspaces=None, label=label):
        self.times = milliseconds
        self.workspaces = workspaces or {}
        self.label = label
        self.recording = False
        self.built, self.ran = [], []
        self.allocated = []
        self._lasting = Workspace(self.passing_workspace)

    def graph(self, problem, form):
        if form not in self.times:
            raise NoPlan("this form is not for this device")
        return FakeGraph(self, problem, form)

    def is_recording(self):
        return self.recording

    def workspace(self, size):
        return self._lasting.of(size)

    def passing_workspace(self, size):
        if size == 0:
            return None
        self.allocated.append(size)
        return np.empty(size, np.uint8)

    def milliseconds(self, run, times):
        for _ in range(times):
            run()
        form, name = self.ran[-1]
        return self.times[form][name]


class FakeGraph:
    """A problem in one form."""

    def __init__(self, device, problem, form):
        self.device, self.problem, self.form = device, problem, form
        self.names = list(device.times[form])

    def build(self, name):
        if self.device.times[self.form].get(name) is None:
            raise NoPlan(f"{name} cannot be built")
        self.device.built.append((self.form, name))
        return FakePlan(self.device, self.problem, self.form, name)


class FakePlan:
    """Computes a problem on what lies at the arrays' addresses."""

    def __init__(self, device, problem, form, name):
        self.device, self.problem, self.form, self.name = device, problem, form, name
        self.workspace = device.workspaces.get(name, 0)

    def __call__(self, first, second, result, workspace):
        self.device.ran.append((self.form, self.name))
        if self.device.times[self.form][self.name] == float("inf"):
            raise RuntimeError("this plan does not run")
        assert (0 if workspace is None else workspace.nbytes) >= self.workspace
        problem, form = self.problem, self.form
        if problem.kind == "forward":
            x, W, y = lying(first, problem.x, form), lying(second, problem.W, form), result
            write(lying(y, problem.y, form), stock.convolution_forward(read(x), read(W), problem.geometry))
        elif problem.kind == "backward_data":
            gy, W, gx = lying(first, problem.y, form), lying(second, problem.W, form), result
            size = problem.x[2:]
            computed = stock.convolution_backward_data(read(gy), read(W), size, problem.geometry)
            write(lying(gx, problem.x, form), computed)
        else:
            x, gy, gW = lying(first, problem.x, form), lying(second, problem.y, form), result
            ksize = problem.W[2:]
            computed = stock.convolution_backward_weights(read(x), read(gy), ksize, problem.geometry)
            write(lying(gW, problem.W, form), computed)


def lying(array, shape, form):
    """What lies at an array's address, taken for (N, C, *size) in channels-last memory."""
    n, c, *size = shape
    return np.moveaxis(_memory(array, (n, *size, c), form), -1, 1)


def read(memory):
    """Numbers as float64; integers are bfloat16's bits."""
    if memory.dtype == np.uint16:
        memory = (memory.astype(np.uint32) << 16).view(np.float32)
    return memory.astype(np.float64)


def write(memory, numbers):
    """Write numbers into memory, rounded to what it holds."""
    if memory.dtype == np.uint16:
        bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
        numbers = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    memory[...] = numbers


def _memory(array, shape, form):
    dtype = {"FLOAT": np.float32, "HALF": np.float16, "BFLOAT16": np.uint16}[DATA_TYPES[form]]
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    assert array.nbytes == size, "an array of another size than the problem says"
    assert array.ctypes.data % 16 == 0, "an address that cuDNN does not take"
    return np.frombuffer((ctypes.c_char * size).from_address(array.ctypes.data), dtype).reshape(shape)
