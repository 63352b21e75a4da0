"""Loading videos in worker processes: in order, a few at a time; one that kills its worker loses only itself."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from mocogan_chainer.errors import ConfigError, MocoganError, OutputError, one_line
from mocogan_chainer.files import os_errors_explained
from mocogan_chainer.preprocessing.source import Item, Source

IN_FLIGHT = 4
"""Videos waiting or being loaded per worker."""


class Loaded(NamedTuple):
    """What became of one video.

    Attributes:
        frames: number of frames, 0 when it cannot be used.
        filter: how they were made.
        remark: what is worth knowing about it.
        reason: why it cannot be used, or "".
    """

    frames: int = 0
    filter: str = ""
    remark: str = ""
    reason: str = ""


class Job(NamedTuple):
    """One video to load, the file for its frames (uint8 ``(frames, size, size, channels)``), 4 channels with a mask."""

    item: Item
    path: Path
    channels: int = 3


def load_all(source: Source, jobs: Sequence[Job], workers: int) -> Iterator[Loaded]:
    """Load every video into its file and yield what became of it.

    The order is that of ``jobs``, and what comes out does not depend on ``workers``.

    Args:
        workers: processes; 0 loads in this one, which a crash in a decoder would then end, too.

    Raises:
        OutputError: a file cannot be written.
    """
    if workers == 0:
        for job in jobs:
            yield _load(source, job)
        return
    queue = deque(jobs)
    while queue:
        together = workers * IN_FLIGHT
        yield from _until_broken(source, queue, min(workers, len(queue)), together, len(queue))
        # Only a broken pool leaves videos: those being loaded are tried one by one, to find the one at fault.
        suspects = min(together, len(queue))
        while suspects:
            before = len(queue)
            yield from _until_broken(source, queue, 1, 1, suspects)
            suspects -= before - len(queue)
            if suspects:
                queue.popleft()
                yield Loaded(reason="its worker process died (a crash in a decoder, or out of memory)")
                suspects -= 1


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _until_broken(source: Source, queue: deque[Job], workers: int, together: int, count: int) -> Iterator[Loaded]:
    """Load ``count`` videos from the left of ``queue``, ``together`` at a time; stop where the pool breaks.

    The queue keeps what was not loaded; where the pool broke, the one at fault is among its first ``together``.
    """
    with _pool(source, workers) as pool:
        _require_start(pool, workers)
        futures: deque[Future] = deque()
        try:
            for left in range(count, 0, -1):
                for job in itertools.islice(queue, len(futures), min(together, left)):
                    with _shielded():
                        futures.append(pool.submit(_work, job))
                loaded = futures.popleft().result()
                queue.popleft()
                yield loaded
        except BrokenProcessPool:
            return


@contextlib.contextmanager
def _pool(source: Source, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give the processes. If the block fails or is left early, they end at once, whatever they are doing."""
    # Spawned, not forked: the caller may hold threads or a GPU, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    # A pipe that stays empty: its end closes by close(), and by the system when this process is killed.
    their_end, our_end = context.Pipe(duplex=False)
    with their_end, our_end:
        pool = ProcessPoolExecutor(workers, context, initializer=_Worker.start, initargs=(source, their_end))
        try:
            yield pool
            pool.shutdown()
        except BaseException:
            our_end.close()
            with _shielded():
                pool.shutdown(cancel_futures=True)
            raise


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """Delay Ctrl-C to the end of the block, and keep it from the processes started in it: they inherit the mask.

    For starting and ending workers: one that loses its parent while it starts ends with a traceback.
    """
    heard: list[int] = []
    # Only the main thread hears Ctrl-C, and may set the handler, which is None where it was not set from Python.
    hears = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not None
    if hears:
        handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    if hasattr(signal, "pthread_sigmask"):  # all but Windows
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if hears:
            signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def _require_start(pool: ProcessPoolExecutor, workers: int) -> None:
    try:
        with _shielded():
            started = [pool.submit(os.getpid) for _ in range(workers)]  # one process each, all at once
        started[0].result()
    except BrokenProcessPool as error:
        raise MocoganError(
            "the worker processes cannot start: a script that prepares data must do so under "
            "if __name__ == '__main__', or with workers=0; or there is not enough memory for them"
        ) from error


class _Worker:
    """The state of a worker process."""

    source: ClassVar[Source]

    @classmethod
    def start(cls, source: Source, stop_pipe: Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends the workers
        threading.Thread(target=_end_with, args=(stop_pipe,), daemon=True).start()
        cv2.setNumThreads(1)  # there is a worker on each core already
        cls.source = source


def _end_with(stop_pipe: Connection) -> None:
    stop_pipe.poll(None)
    os._exit(1)  # the parent stopped or was killed: nobody needs what this process makes


def _work(job: Job) -> Loaded:
    return _load(_Worker.source, job)


def _load(source: Source, job: Job) -> Loaded:
    try:
        recording = source.load(job.item)
        frames = 0
        with os_errors_explained(job.path):
            file = job.path.open("wb")
        with file:
            for frame in recording.frames:
                expected = (source.size, source.size, job.channels)
                if frame.dtype != np.uint8 or frame.shape != expected:
                    raise ValueError(f"a frame is {frame.dtype} {frame.shape} instead of uint8 {expected}")
                with os_errors_explained(job.path):
                    file.write(np.ascontiguousarray(frame).data)
                frames += 1
            with os_errors_explained(job.path):
                file.flush()
        return Loaded(frames, recording.filter, recording.remark)
    except (OutputError, ConfigError):  # not the fault of this video
        raise
    except MocoganError as error:
        return Loaded(reason=str(error))
    except (Exception, SystemExit) as error:  # one bad file must not end the work, whatever its decoder raises
        name, message = type(error).__name__, one_line(error)
        return Loaded(reason=name if message == name else f"{name}: {message}")
