"""Recording a step as a CUDA graph."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mocogan_chainer.backends.base import Array

_streams: list[Any] = []  # those that were recorded on, which stay: cuDNN's handle names them


class PinnedStaging:
    """Two buffers of page-locked memory that take turns, so that one is filled while the other is on its way.

    Args:
        cupy: the module.
        size: bytes.
    """

    def __init__(self, cupy: Any, size: int):
        self._cupy = cupy
        self.device: Array = cupy.empty(size, np.uint8)
        self._memory = [cupy.cuda.alloc_pinned_memory(size) for _ in range(2)]
        self._buffers = [np.frombuffer(memory, np.uint8, size) for memory in self._memory]
        self._left: list[Any] = [None, None]  # events: what was sent from there has left
        self._turn = 0

    def host(self) -> np.ndarray:
        """See :class:`~mocogan_chainer.backends.feeds.Staging`."""
        if self._left[self._turn] is not None:
            self._left[self._turn].synchronize()
        return self._buffers[self._turn]

    def send(self) -> None:
        """See :class:`~mocogan_chainer.backends.feeds.Staging`."""
        buffer, stream = self._buffers[self._turn], self._cupy.cuda.get_current_stream()
        self.device.data.copy_from_host_async(buffer.ctypes.data, buffer.nbytes, stream)
        self._left[self._turn] = self._left[self._turn] or self._cupy.cuda.Event(disable_timing=True)
        self._left[self._turn].record(stream)
        self._turn = 1 - self._turn


class GraphRecorder:
    """Records work as a CUDA graph on a stream of its own, with memory of its own that nothing else uses.

    The arrays that the work makes stay where they are from run to run: what the graph wrote can be read after it. The
    memory is given back when the recorder is.

    Args:
        cupy: the module.
        prepare: makes ready what libraries do once for the current stream, which a capture may not allow.
        forget: lets go of what else was kept for a stream, by its number: workspaces of plans.
    """

    def __init__(self, cupy: Any, prepare: Callable[[], Any], forget: Callable[[int], None]):
        self._cupy, self._prepare, self._forget = cupy, prepare, forget
        self._memories: list[_Memory] = []
        weakref.finalize(self, _give_back, self._memories)

    def staging(self, size: int) -> PinnedStaging:
        """See :class:`~mocogan_chainer.backends.recorded_step.Recorder`."""
        return PinnedStaging(self._cupy, max(size, 1))

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See :class:`~mocogan_chainer.backends.recorded_step.Recorder`."""
        cuda = self._cupy.cuda
        cuda.Device().synchronize()
        gc.collect()  # an earlier recording that was let go is freed now, and not while this one is made
        self._cupy.get_default_memory_pool().free_all_blocks()  # a graph takes about what an unrecorded step took
        _streams.append(cuda.Stream(non_blocking=True))
        stream = _streams[-1]
        memory = _Memory(cuda, partial(self._forget, stream.ptr))
        self._memories.append(memory)
        with cuda.using_allocator(memory.pool.malloc), stream:
            self._prepare()
            stream.begin_capture()
            try:
                work()
                graph = stream.end_capture()
            except BaseException:
                self._abandon(stream)
                _give_back(self._memories)
                raise
        return graph.launch

    def _abandon(self, stream: Any) -> None:
        """Take the stream out of capturing; where the capture is broken or over, that is what it says."""
        try:
            stream.end_capture()
        except (RuntimeError, self._cupy.cuda.runtime.CUDARuntimeError):
            return


class _Memory:
    """A pool whose memory stays until it is given back.

    A graph holds addresses. CuPy's own pool, when it is short, frees what seems unused, which a graph may go on using.

    Args:
        cuda: CuPy's module.
        forget: lets go of arrays in this memory that are kept elsewhere.

    Attributes:
        pool: takes its memory from here.
    """

    def __init__(self, cuda: Any, forget: Callable[[], None]):
        self._cuda, self._forget = cuda, forget
        self._held: list[Any] = []
        self.pool = cuda.MemoryPool(self._allocate)

    def _allocate(self, size: int) -> Any:
        memory = self._cuda.Memory(size)
        self._held.append(memory)
        return self._cuda.MemoryPointer(memory, 0)

    def give_back(self) -> None:
        """Free all that no array holds any more."""
        self._forget()
        self._held.clear()
        self.pool.free_all_blocks()


def _give_back(memories: list[_Memory]) -> None:
    while memories:
        memories.pop().give_back()
