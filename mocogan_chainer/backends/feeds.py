"""Host inputs of a training step (batches, codes, noise keys, step size), and how a recorded step receives them.

An unrecorded step draws and sends. A step that is recorded, to be run again without its Python code, takes
arrays of a fixed place instead; before each later run :meth:`Feeds.refill` draws the same things anew and puts them
there. So everything on the host that a step depends on or changes (random numbers, the place in the data, counters)
belongs in what it gives to :meth:`Feeds.take`, and what is to happen after it in :meth:`Feeds.afterwards`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import chainer
import numpy as np

from mocogan_chainer.backends.base import Array

_ALIGNMENT = 256

Draw = Callable[[], Sequence[np.ndarray]]


class Staging(Protocol):
    """Bytes on the host that are sent to bytes of a fixed place on the device."""

    device: Array
    """uint8 (n,), what a recorded step reads."""

    def host(self) -> np.ndarray:
        """Return uint8 (n,) to be filled; what was sent from there before has left."""

    def send(self) -> None:
        """Send what was filled in last, in order with what else the device is asked to do."""


@dataclass(frozen=True)
class _Place:
    """Where an array of a step lies in the staging's bytes."""

    start: int
    end: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def of(self, buffer: Array) -> Array:
        return buffer[self.start : self.end].view(self.dtype).reshape(self.shape)


class Feeds:
    """Hands a step what it takes from the host.

    Args:
        device: where the step runs.
    """

    def __init__(self, device: chainer.backend.Device):
        self._device = device
        self._tape: _Measuring | _Recording | None = None
        self._recording: _Recording | None = None
        self._left: deque[list[np.ndarray]] = deque()

    @property
    def recorded(self) -> bool:
        """Whether the step that runs is, or is about to be, recorded: numbers must then be arrays on the device."""
        return self._tape is not None

    def take(self, draw: Draw) -> tuple[Array, ...]:
        """Return what ``draw`` gives, on the device.

        Args:
            draw: gives NumPy arrays, of the same shapes each time; called once a step, in the order of the calls.
        """
        if self._tape is not None:
            return self._tape.take(draw)
        return tuple(map(self._device.send, self._left.popleft() if self._left else draw()))

    def take_number(self, draw: Callable[[], np.generic]) -> float | int | Array:
        """Return the NumPy scalar that ``draw`` gives: a Python number, or (1,) on the device in a recorded step."""
        if self._tape is not None:
            return self._tape.take(lambda: (np.array([draw()]),))[0]
        return (self._left.popleft()[0] if self._left else draw()).item()

    def afterwards(self, act: Callable[[], None]) -> None:
        """Call ``act``, which is to happen on the host after this part of the step: now, or after each recorded run."""
        if isinstance(self._tape, _Recording):
            self._tape.acts.append(act)
        else:
            act()

    def measure(self, step: Callable[[], None]) -> int:
        """Run the step unrecorded, but with its numbers in arrays, and return the bytes that it takes."""
        self._tape = measuring = _Measuring(self._device)
        try:
            step()
        finally:
            self._tape = None
        self._places = measuring.places
        return measuring.end

    def record(self, step: Callable[[], None], staging: Staging) -> None:
        """Run the step's Python code while the device records what it is asked to do.

        Args:
            step: the step that was measured.
            staging: as many bytes as were measured; they are filled in and not yet sent.
        """
        self._tape = self._recording = _Recording(self._places, staging)
        try:
            step()
        finally:
            self._tape = None

    def keep(self) -> None:
        """The recording is good: forget what was drawn for it."""
        self._recording.drawn.clear()

    def take_back(self) -> None:
        """The recording failed, or did not begin: the next, unrecorded run takes what was drawn for it."""
        if self._recording is None:
            return
        self._left.extend(self._recording.drawn)
        self._recording = None  # what it was to do afterwards holds arrays of the device

    def refill(self) -> None:
        """Draw for another run of the recorded step."""
        self._recording.refill()

    def finish(self) -> None:
        """Do what is to be done after a run of the recorded step."""
        for act in self._recording.acts:
            act()


class _Measuring:
    """Sends what is drawn, and notes where it will lie."""

    def __init__(self, device: chainer.backend.Device):
        self._device = device
        self.places: list[tuple[_Place, ...]] = []
        self.end = 0

    def take(self, draw: Draw) -> tuple[Array, ...]:
        drawn = [np.asarray(a) for a in draw()]
        self.places.append(tuple(self._place(a) for a in drawn))
        return tuple(map(self._device.send, drawn))

    def _place(self, array: np.ndarray) -> _Place:
        place = _Place(self.end, self.end + array.nbytes, array.shape, array.dtype)
        self.end = -(-place.end // _ALIGNMENT) * _ALIGNMENT
        return place


class _Recording:
    """Gives arrays of fixed places, and remembers how they are filled."""

    def __init__(self, places: list[tuple[_Place, ...]], staging: Staging):
        self._places, self._staging = places, staging
        self._host = staging.host()
        self._draws: list[Draw] = []
        self.drawn: list[list[np.ndarray]] = []
        self.acts: list[Callable[[], None]] = []

    def take(self, draw: Draw) -> tuple[Array, ...]:
        drawn = [np.asarray(a) for a in draw()]
        self.drawn.append([a.copy() for a in drawn])
        places = self._places[len(self._draws)] if len(self._draws) < len(self._places) else ()
        self._draws.append(draw)
        _put(places, drawn, self._host)
        return tuple(place.of(self._staging.device) for place in places)

    def refill(self) -> None:
        host = self._staging.host()
        for places, draw in zip(self._places, self._draws, strict=True):
            _put(places, draw(), host)
        self._staging.send()


def _put(places: Sequence[_Place], arrays: Sequence[np.ndarray], buffer: np.ndarray) -> None:
    if [(p.shape, p.dtype) for p in places] != [(a.shape, a.dtype) for a in arrays]:
        raise RuntimeError(
            f"a recorded step takes {[(p.shape, p.dtype.name) for p in places]} here and was given "
            f"{[(a.shape, a.dtype.name) for a in arrays]}"
        )
    for place, array in zip(places, arrays, strict=True):
        place.of(buffer)[...] = array
