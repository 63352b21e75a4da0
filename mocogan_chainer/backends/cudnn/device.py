"""cuDNN on one of CuPy's devices."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn import library
from mocogan_chainer.backends.cudnn.graphs import Graph
from mocogan_chainer.backends.cudnn.launching import on_cupy
from mocogan_chainer.backends.cudnn.problems import Problem
from mocogan_chainer.backends.cudnn.workspace import Workspace

_PAUSE = 500_000  # dependent multiplications: about a millisecond, in which a run's kernels can be asked for


class CupyDevice:
    """See :class:`~mocogan_chainer.backends.cudnn.plans.Device`; it stands for the device ``number``.

    Args:
        number: CuPy's number of it.
    """

    def __init__(self, number: int):
        import cupy  # on a machine without a device this module is read, and nothing made

        self._cupy = cupy
        properties = cupy.cuda.runtime.getDeviceProperties(number)
        name, processors = properties["name"].decode(), properties["multiProcessorCount"]
        self.label = f"{name}, {processors} multiprocessors, cuDNN {library.version()}"
        self.memory = properties["totalGlobalMem"] // 8
        self._workspaces: dict[int, Workspace] = {}

    def graph(self, problem: Problem, form: str) -> Graph:
        """The problem's graph."""
        return Graph(library.load(), problem, form, library.handle)

    def is_recording(self) -> bool:
        """Whether CuPy's current stream is being recorded."""
        return self._cupy.cuda.get_current_stream().is_capturing()

    def workspace(self, size: int) -> Array | None:
        """Memory of that many bytes, which lasts, for plans on CuPy's current stream."""
        stream = self._cupy.cuda.get_current_stream().ptr
        if stream not in self._workspaces:
            self._workspaces[stream] = Workspace(self.passing_workspace)
        return self._workspaces[stream].of(size)

    def forget_workspace(self, stream: int) -> None:
        """Let go of the memory for plans on a stream, which is given by its address."""
        self._workspaces.pop(stream, None)

    def passing_workspace(self, size: int) -> Array | None:
        """Memory of that many bytes, to let go of; None for 0."""
        return self._cupy.empty(size, np.uint8) if size else None

    def milliseconds(self, run: Callable[[], None], times: int) -> float:
        """The median of so many runs, between events.

        The device first gets something to do, so that it does not wait for us between a run's kernels.
        """
        cuda = self._cupy.cuda
        stream = cuda.get_current_stream()
        events = [cuda.Event() for _ in range(times + 1)]
        on_cupy("pause", "pause", (1,), 1, self._cupy.empty(1, np.float32), np.int32(times * _PAUSE))
        events[0].record(stream)
        for event in events[1:]:
            run()
            event.record(stream)
        events[-1].synchronize()
        return statistics.median(map(cuda.get_elapsed_time, events, events[1:]))


def current() -> CupyDevice:
    """CuPy's current device."""
    import cupy

    return _device(cupy.cuda.runtime.getDevice())


@functools.cache
def _device(number: int) -> Any:
    return CupyDevice(number)
