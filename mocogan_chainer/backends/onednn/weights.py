"""Weights in the form that a primitive wants, made once for as long as they stay the same."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from mocogan_chainer.backends.onednn.kernels.parameters import checksum


class PreparedWeights:
    """The form in which each weight array was last wanted, kept while its numbers do not change.

    Whether they changed is seen from a checksum of all of them, looked at whenever a form is asked for: weights may be
    written by optimizers, serializers or a user's own code, and none of them has to tell. One form is kept and not all,
    since they are larger than the weights.
    """

    def __init__(self):
        self._kept: dict[int, tuple[Hashable, int, Any]] = {}
        self._lock = threading.RLock()

    def get(self, W: np.ndarray, form: Hashable, make: Callable[[np.ndarray], Any]) -> Any:
        """Return ``make(W)``, made now or earlier.

        Args:
            W: C-contiguous float32 weights.
            form: what distinguishes this form of ``W`` from others.
            make: makes it.
        """
        sum_now = int(checksum(W.reshape(-1).view(np.uint32)))
        with self._lock:
            known = self._kept.get(id(W))
            if known is not None and known[:2] == (form, sum_now):
                return known[2]
            if known is None:
                weakref.finalize(W, self._kept.pop, id(W), None)
            known = self._kept[id(W)] = (None, 0, None)  # what is outdated goes before what replaces it is made
            made = make(W)
            self._kept[id(W)] = form, sum_now, made
            return made
