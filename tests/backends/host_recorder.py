"""Recordings without a device: what is repeated is the step's Python code, and it gets the fixed arrays alone."""

from __future__ import annotations

import numpy as np

from mocogan_chainer.backends.feeds import _Recording


class SharedStaging:
    """Bytes that are on both sides at once."""

    def __init__(self, size):
        self.device = np.empty(size, np.uint8)

    def host(self):
        self.device[...] = 0xEE
        return self.device

    def send(self):
        pass


class HostRecorder:
    """A recorder whose first run is the recording itself, and whose others run the step's code again.

    In these others feeds draw nothing: what the step draws beside them shows in the state of its generators.

    Args:
        feeds: those of the step.
        step: the step.
        state: what tells whether something was drawn.
        arrays: what a recording must not change; it is put back when the recording fails.
        fails_at_end: whether no graph can be made of what was recorded.

    Attributes:
        recorded, replayed: how often a step was recorded, and run again from there.
    """

    def __init__(self, feeds, step, *, state=lambda: None, arrays=list, fails_at_end=False):
        self._feeds, self._step, self._state, self._arrays = feeds, step, state, arrays
        self._fails_at_end = fails_at_end
        self._is_done = False
        self.recorded = self.replayed = 0

    def staging(self, size):
        return SharedStaging(size)

    def record(self, work):
        before = [a.copy() for a in self._arrays()]
        try:
            work()
            if self._fails_at_end:
                raise RuntimeError("the graph cannot be made")
        except Exception:
            for array, old in zip(self._arrays(), before, strict=True):
                array[...] = old
            raise
        self.recorded += 1
        return self._replay

    def _replay(self):
        if not self._is_done:
            self._is_done = True
            return
        self.replayed += 1
        recording, before = self._feeds._recording, self._state()
        self._feeds._tape = _Again(recording)
        try:
            self._step()
        finally:
            self._feeds._tape = None
        assert self._state() == before, "the step draws beside its feeds"


class _Again(_Recording):
    """Gives what was put into the fixed places, in order."""

    def __init__(self, recording):
        self._recording, self._places, self.acts = recording, iter(recording._places), recording.acts
        self.acts.clear()

    def take(self, draw):
        return tuple(place.of(self._recording._staging.device) for place in next(self._places))
