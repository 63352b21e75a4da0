"""Where checks run: CuPy's device, or in tests NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mocogan_chainer  # noqa: F401  # isort: skip  (first, because it makes chainer importable)

import chainer
import numpy as np

from mocogan_chainer.backends import Backend
from mocogan_chainer.backends.recorded_step import Recorder


@dataclass(frozen=True)
class Place:
    """A device and the backend that computes on it.

    Attributes:
        device: Chainer's device.
        load: returns the backend of a precision.
        recorder: returns what records a step.
        wait: waits until everything that the device was asked to do is done.
        milliseconds: how long the device takes for some work, the median of so many times; without the host's time.
    """

    device: chainer.backend.Device
    load: Callable[[str], Backend]
    recorder: Callable[[], Recorder]
    wait: Callable[[], None]
    milliseconds: Callable[[Callable[[], None], int], float]

    def send(self, value: Any) -> Any:
        """Send arrays, alone or in a list, to the device; anything else stays as it is."""
        if isinstance(value, list):
            return [self.send(v) for v in value]
        return self.device.send(value) if isinstance(value, np.ndarray) else value


def on_gpu(number: int) -> Place:
    """Return CuPy's device of that number, with cuDNN computing; it becomes the current one."""
    import cupy  # on a machine without a GPU this module is read, and no such place made

    from mocogan_chainer.backends import cudnn
    from mocogan_chainer.backends.cudnn import device as cudnn_device

    device = chainer.get_device(f"@cupy:{number}")
    device.use()

    def milliseconds(work: Callable[[], None], times: int) -> float:
        return cudnn_device.current().milliseconds(work, times)

    return Place(device, cudnn.load, cudnn.recorder, cupy.cuda.Device(number).synchronize, milliseconds)


def fetch(value: Any) -> np.ndarray:
    """Return an array of the device as NumPy's."""
    return chainer.get_device("@numpy").send(value)


def error(actual: Any, expected: Any) -> float:
    """Return the largest difference between arrays, relative to the largest number expected.

    Raises:
        ValueError: shapes differ.
    """
    actual, expected = fetch(actual).astype(np.float64), fetch(expected).astype(np.float64)
    if actual.shape != expected.shape:
        raise ValueError(f"shape {actual.shape} where {expected.shape} is expected")
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30)) if expected.size else 0.0
