"""Where a run computes, and what a GPU is given of it."""

from __future__ import annotations

from collections.abc import Iterable

import chainer

from mocogan_chainer import backends, compat
from mocogan_chainer.backends import cudnn
from mocogan_chainer.config import Config
from mocogan_chainer.datasets import resident
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DeviceError, ShortageError
from mocogan_chainer.files import mebibytes
from mocogan_chainer.models.updater import GANUpdater
from mocogan_chainer.shortage import memory_errors_as_shortage
from mocogan_chainer.wording import Say


def choose_device(gpu: int) -> chainer.backend.Device:
    """Return the device of number ``gpu``, or the CPU for -1.

    Raises:
        DeviceError: this machine has no such device.
    """
    if gpu < 0:
        return chainer.get_device("@numpy")
    count = compat.device_count()
    if gpu >= count:
        why = f"this machine has {count}, counted from 0" if count else compat.device_problem()
        how = "use --gpu -1 for the CPU" if count else "use --gpu -1 for the CPU (doc/gpu.md says what a GPU needs)"
        raise DeviceError(f"gpu={gpu}: no such device: {why}; {how}")
    device = chainer.get_device(f"@cupy:{gpu}")
    device.use()
    return device


def choose_backend(config: Config) -> tuple[chainer.backend.Device, str]:
    """Return the config's device and the backend that computes on it, in words.

    Raises:
        DeviceError: the device or the backend is not on this machine.
    """
    device = choose_device(config["gpu"])
    return device, backends.use(config["backend"], config["gpu"] >= 0, config["precision"])


def keep_data_on_gpu(
    updater: GANUpdater,
    iterators: Iterable[chainer.dataset.Iterator],
    wish: str,
    dataset: PreparedDataset,
    device: chainer.backend.Device,
    say: Say,
) -> None:
    """Copy the frames to the GPU where the iterators can point into them and there is room."""
    if wish == "never":
        return
    problem, needed = None, resident.size(dataset)
    if not all(hasattr(iterator, "next_places") for iterator in iterators):
        problem = "this model's frames are cut and scaled on the CPU"
    elif needed > (room := cudnn.free_memory() // 2):
        problem = f"the frames take {mebibytes(needed)}, and half of the free memory is {mebibytes(room)}"
    if problem is None:
        try:
            with memory_errors_as_shortage("batch", "the frames"):
                updater.resident = resident.ResidentFrames(dataset, device)
        except ShortageError as error:
            problem = str(error)
    if problem is None:
        say(f"the data is on the GPU: {mebibytes(needed)}")
    elif wish == "always":
        raise DeviceError(f"data_on_gpu=always: {problem}; use data_on_gpu=auto")
    else:
        say(f"the data stays on the CPU: {problem}")


def record_step(updater: GANUpdater, wish: str, say: Say) -> None:
    """Let the step be recorded where the backend can."""

    def refused(why: str) -> None:
        if wish == "always":
            raise DeviceError(f"capture=always: the step cannot be recorded: {why}; use capture=auto")
        say(f"the step is not recorded: {why}")

    if wish == "never":
        return
    if backends.current().name != "cudnn":
        refused(f"the backend {backends.current().name} makes calls that a CUDA graph cannot hold")
    else:
        updater.record(cudnn.recorder(), refused)
