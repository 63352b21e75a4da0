"""The stream of normal numbers that instance noise comes from: the same on every backend, up to rounding.

Philox4x32-10 (Salmon et al. 2011) turns a 64-bit key and a counter into four words of 32 bits; two words make two
normal numbers (Box and Muller 1958). Any part of the stream can be made without the rest, in any order, by any thread.

The numbers of counter ``k`` are not neighbours: of each block of 4096 numbers, made of 1024 counters, word ``w`` of the
block's counter ``k`` gives number ``1024 w + k``. So neighbours are computed side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

COUNTERS = 1024
"""Counters of a block."""

BLOCK = 4 * COUNTERS
"""Numbers of a block."""

_LOW = 0xFFFFFFFF
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_BLOCKS_AT_A_TIME = 64


def normal(size: int, key: int, xp: Any) -> Any:
    """Return the first ``size`` numbers of the stream ``key``, float32 N(0, 1), as an array of module ``xp``."""
    out = xp.empty(size, xp.float32)
    for part, words in _parts(out, key, xp):
        numbers = [*_pair(words[0], words[1], xp), *_pair(words[2], words[3], xp)]
        part[:] = _in_blocks(numbers, xp)[: part.size]
    return out


def words(size: int, key: int, xp: Any) -> Any:
    """Return the first ``size`` words of the stream ``key``, uint32, as an array of module ``xp``."""
    out = xp.empty(size, xp.uint32)
    for part, words in _parts(out, key, xp):
        part[:] = _in_blocks(words, xp)[: part.size]
    return out


def threshold(ratio: float) -> int:
    """Return the number that a word is less than with probability ``ratio`` in [0, 1)."""
    return int(ratio * 2**32)


def _parts(out: Any, key: int, xp: Any) -> Iterator[tuple[Any, tuple[Any, Any, Any, Any]]]:
    """Yield parts of the flat array ``out`` with the four words of each counter that makes them."""
    step = BLOCK * _BLOCKS_AT_A_TIME if xp is np else max(out.size, 1)  # for a processor's cache; a GPU takes all
    for first in range(0, out.size, step):
        part = out[first : first + step]
        counters = xp.arange(first // 4, first // 4 + -(-part.size // BLOCK) * COUNTERS, dtype=xp.uint64)
        yield part, philox(counters, key)


def _in_blocks(numbers: Sequence[Any], xp: Any) -> Any:
    """Four arrays, of one number per counter, as the stream has them: flat."""
    return xp.stack([n.reshape(-1, COUNTERS) for n in numbers], axis=1).reshape(-1)


def philox(counters: Any, key: int) -> tuple[Any, Any, Any, Any]:
    """Return the four 32-bit words of each 64-bit counter, as uint64 arrays."""
    c0, c1 = counters & _LOW, counters >> 32
    c2, c3 = counters * 0, counters * 0
    k0, k1 = key & _LOW, key >> 32
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c2 = (product1 >> 32) ^ c1 ^ k0, (product0 >> 32) ^ c3 ^ k1
        c1, c3 = product1 & _LOW, product0 & _LOW
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def _pair(a: Any, b: Any, xp: Any) -> tuple[Any, Any]:
    """Two normal numbers of two words: a radius of the first's upper 24 bits, an angle of the second's upper 26."""
    u = ((a >> 8) + 1).astype(xp.float32) * xp.float32(2**-24)  # in (0, 1]
    radius = xp.sqrt(-2 * xp.log(u))
    turn = (b >> 6).astype(xp.float64) * 2**-24 - 0.5  # in quarters
    angle = (turn * (np.pi / 2)).astype(xp.float32)
    return radius * xp.cos(angle), radius * xp.sin(angle)
