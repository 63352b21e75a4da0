"""Random streams: every consumer owns one, drawn from the run's seed and the consumer's name."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the consumer called ``names`` (for example ``stream(0, "sampling", "content", 3)``).

    Streams of different names are independent, but that a 0 at their end names nothing; the same seed and names give
    the same numbers on every machine.
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


def _array_to_list(value: Any) -> Any:
    return value.tolist()


def _lists_to_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists_to_arrays(item) for key, item in value.items()}
    return np.array(value, dtype=np.uint64) if isinstance(value, list) else value
