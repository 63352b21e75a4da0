"""Damage to bytes and texts, drawn from a generator: the same generator gives the same damage."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence

import numpy as np

Mutation = Callable[[np.random.Generator, bytearray], None]

VALUES = [struct.pack(f"<{kind}", value) for kind, value in (("B", 0), ("B", 127), ("B", 128), ("B", 255))]
VALUES += [struct.pack(f"{order}{kind}", value) for order in "<>" for kind, value in (("H", 0xFFFF), ("H", 0x8000))]
VALUES += [
    struct.pack(f"{order}{kind}", value)
    for order in "<>"
    for kind, bits in (("i", 32), ("q", 64))
    for value in (0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2 ** (bits - 2))
]
VALUES += [struct.pack("<d", value) for value in (float("nan"), float("inf"), -0.0, 1e308, 5e-324)]
LONGEST = 256
"""Bytes that one mutation takes, doubles or moves at most, but for a cut."""


def damaged(rng: np.random.Generator, samples: Sequence[bytes]) -> bytes:
    """Return one of the samples with up to six kinds of damage, or parts of two of them put together."""
    data = bytearray(samples[rng.integers(len(samples))])
    if rng.random() < 0.1:
        data = spliced(rng, data, samples[rng.integers(len(samples))])
    for _ in range(min(int(rng.geometric(0.5)), 6)):
        if data:
            MUTATIONS[rng.integers(len(MUTATIONS))](rng, data)
    return bytes(data)


def spliced(rng: np.random.Generator, first: bytes, second: bytes) -> bytearray:
    """Return the beginning of one and the end of another."""
    return bytearray(first[: rng.integers(len(first) + 1)] + second[rng.integers(len(second) + 1) :])


def _flip(rng: np.random.Generator, data: bytearray) -> None:
    data[_place(rng, data)] ^= 1 << rng.integers(8)


def _random_byte(rng: np.random.Generator, data: bytearray) -> None:
    data[_place(rng, data)] = rng.integers(256)


def _value(rng: np.random.Generator, data: bytearray) -> None:
    at, value = _place(rng, data), VALUES[rng.integers(len(VALUES))]
    data[at : at + len(value)] = value[: len(data) - at]


def _cut(rng: np.random.Generator, data: bytearray) -> None:
    del data[_place(rng, data) :]


def _delete(rng: np.random.Generator, data: bytearray) -> None:
    at = _place(rng, data)
    del data[at : at + rng.integers(1, LONGEST)]


def _double(rng: np.random.Generator, data: bytearray) -> None:
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.integers(1, LONGEST)]


def _move(rng: np.random.Generator, data: bytearray) -> None:
    at, length = _place(rng, data), rng.integers(1, LONGEST)
    block = data[at : at + length]
    del data[at : at + length]
    to = rng.integers(len(data) + 1)
    data[to:to] = block


def _fill(rng: np.random.Generator, data: bytearray) -> None:
    at = _place(rng, data)
    length = min(rng.integers(1, LONGEST), len(data) - at)
    data[at : at + length] = bytes([rng.choice([0, 255, 127, 40, 91])]) * length


def _number(rng: np.random.Generator, data: bytearray) -> None:
    """Overwrite a run of digits, if there is one near, with a number that is hard to take."""
    if found := DIGITS.search(data, _place(rng, data)):
        data[found.start() : found.end()] = NUMBERS[rng.integers(len(NUMBERS))].encode()


DIGITS = re.compile(rb"[0-9]+")
NUMBERS = (
    *("0", "-1", "1", "-0", "1e999", "-1e999", "nan", "inf", "1.5", "1e-320", "0x" + "f" * 5000, "0b" + "1" * 200),
    *("2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("18446744073709551616", "9" * 400, "9" * 5000, "1" + "0" * 30, "1_0", "١٢", "1:" * 60 + "1", "1:" * 400 + "1.5"),
)
MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _random_byte, _value, _value, _cut, _delete, _double, _move, _fill, _number, _number),
)


def _place(rng: np.random.Generator, data: bytearray) -> int:
    """A place to change; the beginning, where headers are, more often than the rest."""
    return int(rng.integers(min(len(data), 512) if rng.random() < 0.4 else len(data)))
