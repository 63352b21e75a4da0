"""Loading videos in worker processes: in order, a few at a time; one that kills its worker costs itself alone."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ClassVar

import cv2
import numpy as np

from mocogan_chainer.errors import MocoganError, one_line
from mocogan_chainer.preprocessing.source import Item, Source

IN_FLIGHT = 4
"""Videos waiting or being loaded, for each worker."""


def load_all(source: Source, items: Sequence[Item], workers: int) -> Iterator[tuple[Item, np.ndarray | str]]:
    """Load every item; yield it with its frames, or with the reason why there are none.

    The order is that of ``items``, and what comes out does not depend on ``workers``.

    Args:
        workers: processes; 0 loads in this one, which a fault in a decoder would then take along.
    """
    if workers == 0:
        for item in items:
            yield item, _attempt(source, item)
        return
    queue = deque(items)
    while queue:
        together = workers * IN_FLIGHT
        yield from _until_broken(source, queue, min(workers, len(queue)), together, len(queue))
        # Only a broken pool leaves something: those that were on their way go one by one, to find the one at fault.
        suspects = min(together, len(queue))
        while suspects:
            before = len(queue)
            yield from _until_broken(source, queue, 1, 1, suspects)
            suspects -= before - len(queue)
            if suspects:
                yield queue.popleft(), "the worker process died on it (a fault in a decoder, or out of memory)"
                suspects -= 1


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _until_broken(
    source: Source, queue: deque[Item], workers: int, together: int, count: int
) -> Iterator[tuple[Item, np.ndarray | str]]:
    """Load ``count`` items from the left of ``queue``, ``together`` at a time; stop where the pool breaks.

    The queue keeps what was not loaded; where the pool broke, the one at fault is among its first ``together``.
    """
    with _pool(source, workers) as pool:
        _require_start(pool)
        futures: deque[Future] = deque()
        try:
            for left in range(count, 0, -1):
                for item in itertools.islice(queue, len(futures), min(together, left)):
                    futures.append(pool.submit(_work, item))
                result = futures.popleft().result()
                yield queue.popleft(), result
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(source: Source, workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the caller may hold threads or a GPU, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_Worker.start, initargs=(source,))


def _require_start(pool: ProcessPoolExecutor) -> None:
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool as error:
        raise MocoganError(
            "the worker processes cannot start: a script that prepares data must do so under "
            "if __name__ == '__main__', or with workers=0"
        ) from error


class _Worker:
    """The state of a worker process."""

    source: ClassVar[Source]

    @classmethod
    def start(cls, source: Source) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends the workers
        cv2.setNumThreads(1)  # there is a worker on each core already
        cls.source = source


def _work(item: Item) -> np.ndarray | str:
    return _attempt(_Worker.source, item)


def _attempt(source: Source, item: Item) -> np.ndarray | str:
    try:
        return source.load(item)
    except MocoganError as error:
        return str(error)
    except Exception as error:  # one bad file must not end the work, whatever its decoder raises
        name, message = type(error).__name__, one_line(error)
        return name if message == name else f"{name}: {message}"
