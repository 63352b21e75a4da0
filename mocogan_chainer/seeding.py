"""Random streams: every consumer owns one, drawn from the run's seed and the consumer's name."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import chainer
import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the consumer called ``names`` (for example ``stream(0, "sampling", "content", 3)``).

    Streams of different names are independent; the same seed and names give the same numbers on every machine.
    """
    keys = [n if isinstance(n, int) else zlib.crc32(n.encode()) for n in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *keys])))


def get_state(generator: np.random.Generator) -> str:
    """Return the generator's state as JSON text."""
    return json.dumps(generator.bit_generator.state, default=_array_to_list)


def set_state(generator: np.random.Generator, text: str) -> None:
    """Put the generator into a state that :func:`get_state` returned.

    Raises:
        ValueError: the text is the state of another kind of generator.
    """
    state = json.loads(text)
    name = type(generator.bit_generator).__name__
    if state.get("bit_generator") != name:
        raise ValueError(f"a {name} cannot take the state of a {state.get('bit_generator')}")
    generator.bit_generator.state = _lists_to_arrays(state)


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
        set_state(generator, get_state(serializer.generator(key)))
        return
    text = serializer(key, get_state(generator))
    set_state(generator, str(text))


def _array_to_list(value: Any) -> Any:
    return value.tolist()


def _lists_to_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists_to_arrays(item) for key, item in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value
