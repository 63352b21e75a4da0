"""Random streams in snapshots: saved, loaded, or begun anew where a run must not go the same way again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainer
import numpy as np

from mocogan_chainer import seeding


class Renewal(chainer.serializer.Deserializer):
    """Lets every generator that an object saves begin a stream of its own, and leaves all else as it is.

    Args:
        stream: gives the stream of a consumer, which is named by where it saves its state.
        path: of what is serialized.
    """

    def __init__(self, stream: Callable[[str], np.random.Generator], path: str = ""):
        self._stream, self._path = stream, path

    def __getitem__(self, key: str) -> Renewal:
        return Renewal(self._stream, f"{self._path}{key}/")

    def __call__(self, key: str, value: Any) -> Any:
        return value

    def generator(self, key: str) -> np.random.Generator:
        """Return the new stream of what saves its state under ``key``."""
        return self._stream(f"{self._path}{key}")


def serialize(serializer: Any, key: str, generator: np.random.Generator) -> None:
    """Save, load or renew the generator's state under ``key`` with a Chainer serializer."""
    if isinstance(serializer, Renewal):
        seeding.set_state(generator, seeding.get_state(serializer.generator(key)))
        return
    text = serializer(key, seeding.get_state(generator))
    seeding.set_state(generator, str(text))
