"""Damage that keeps a file's outer form: archives with other members, headers that lie, texts with other values."""

from __future__ import annotations

import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.fuzzing import mutations

DIRECTORY = b"PK\x01\x02"
STRANGE_NAMES = (
    *(
        "../../outside.npy",
        "/etc/passwd",
        "a\\..\\b.npy",
        "C:\\x.npy",
        "",
        "\0.npy",
        "x" * 60000,
        "ä\u202e.npy",
        "mu.npy",
    ),
)
STRANGE_TEXTS = (
    *(
        "",
        "\0",
        "\x1b[2J",
        "../../../etc/passwd",
        "/dev/zero",
        "a\nb",
        '"',
        "'",
        ",",
        "=1+1",
        "\ufeff",
        "\u202e",
        "x" * 200_000,
    ),
    *mutations.NUMBERS,
)
SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "x", "\ud800", "x" * 5000, "inf", [], {}, [[]], [None], {"": None}, [1e400], list(range(200))),
)
YAML_VALUES = (
    *("!!python/object/apply:os.system [true]", "!!python/name:os.system", "!!timestamp x", "!!int ''", "!!float ''"),
    *("!!bool x", "!!binary '#'", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!maybe int", "!maybe x", "!x y"),
    *("2001-99-99", "2001-01-01 00:00:00 +99:99", "0001-01-01", "99999-01-01", "*a", "&a [*a]", "&a {k: *a}", "&a"),
    *(
        "{<<: 1}",
        "{<<: [1]}",
        "{? [1]: 2}",
        "{? {a: b}: 2}",
        "~",
        "[",
        "]",
        "{",
        "%",
        "@x",
        "|\n x",
        ">\n  x",
        "? x",
        "- -",
    ),
    *("[" * 3000, "{a: " * 3000, "- " * 3000, "'" + "x" * 100_000 + "'", '"\\ud800"', '"\\0"', ".nan", "-.inf", "1e5"),
    *("yes", "null", "''", "[a, b]", "{a: b}", *mutations.NUMBERS),
)


def text(rng: np.random.Generator, samples: Sequence[bytes]) -> bytes:
    """Return lines of a sample with a field or two of another value, lines doubled, dropped or changed in order."""
    lines = samples[rng.integers(len(samples))].split(b"\n")
    for _ in range(rng.integers(1, 4)):
        i, j = rng.integers(len(lines), size=2)
        kind = rng.integers(4)
        if kind == 0:
            lines.insert(j, lines[i])
        elif kind == 1 and len(lines) > 1:
            del lines[i]
        elif kind == 2:
            lines[i], lines[j] = lines[j], lines[i]
        else:
            separator = rng.choice([b",", b" ", b":", b"\t"])
            fields = lines[i].split(separator)
            strange = STRANGE_TEXTS[rng.integers(len(STRANGE_TEXTS))].encode("utf-8", "surrogatepass")
            fields[rng.integers(len(fields))] = strange
            lines[i] = separator.join(fields)
    ending = [b"\n", b"\r\n", b"\r", b"\0"][rng.choice(4, p=[0.85, 0.05, 0.05, 0.05])]
    return ending.join(lines)


def yaml(rng: np.random.Generator, samples: Sequence[bytes]) -> bytes:
    """Return a sample in which a value or two are something that YAML allows, or nearly so."""
    lines = samples[rng.integers(len(samples))].decode().split("\n")
    places = [i for i, line in enumerate(lines) if ":" in line]
    for i in rng.choice(places, size=min(len(places), int(rng.integers(1, 3))), replace=False):
        value = bomb(rng) if rng.random() < 0.15 else YAML_VALUES[rng.integers(len(YAML_VALUES))]
        lines[i] = f"{lines[i].partition(':')[0]}: {value}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def bomb(rng: np.random.Generator) -> str:
    """Return a YAML value of some lines that stands for far more, by names that stand for names."""
    depth, width = int(rng.integers(8, 30)), int(rng.integers(2, 12))
    kind = rng.integers(3)
    if kind == 0:  # a list of lists of ...
        items = ["&b0 [x, x]"] + [f"&b{i} [{', '.join([f'*b{i - 1}'] * width)}]" for i in range(1, depth)]
    elif kind == 1:  # tables that take in tables
        items = ["&b0 {k: v}"] + [f"&b{i} {{<<: [{', '.join([f'*b{i - 1}'] * width)}]}}" for i in range(1, depth)]
    else:
        items = ["&b0 {k: v}"] + [
            f"&b{i} {{{', '.join(f'k{n}: *b{i - 1}' for n in range(width))}}}" for i in range(1, depth)
        ]
    return f"[{', '.join(items)}]"


def archive(rng: np.random.Generator, samples: Sequence[bytes], inner: Any = mutations.damaged) -> bytes:
    """Return a zip archive in which a member has other bytes, or another name, packing or stated size."""
    with zipfile.ZipFile(io.BytesIO(samples[rng.integers(len(samples))])) as opened:
        members = [(info.filename, opened.read(info), info.compress_type) for info in opened.infolist()]
    i = rng.integers(len(members))
    name, data, packing = members[i]
    kind = rng.integers(7)
    if kind <= 2:
        members[i] = name, inner(rng, [data]), packing
    elif kind == 3:
        members[i] = STRANGE_NAMES[rng.integers(len(STRANGE_NAMES))], data, packing
    elif kind == 4:
        del members[i]
    elif kind == 5:
        members.append(members[i])
    else:
        size = int(10 ** (rng.uniform(3, 6) if rng.random() < 0.9 else 8.1))
        packing = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]) if size < 1 << 20 else 8
        members[i] = name, lying_npy(rng, bytes(size)) if name.endswith(".npy") else bytes(size), int(packing)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that stands there twice
        for name, data, packing in members:
            written.writestr(zipfile.ZipInfo(name), data, packing)
    whole = bytearray(file.getvalue())
    if rng.random() < 0.3:
        _lie(rng, whole)
    return bytes(whole)


def _lie(rng: np.random.Generator, whole: bytearray) -> None:
    """Change what the directory states of a member: flags, packing, sum, sizes, or where it is."""
    places = [found.start() for found in re.finditer(DIRECTORY, whole)]
    if places:
        at = places[rng.integers(len(places))] + int(rng.choice([8, 10, 16, 20, 24, 28, 42]))
        value = int(rng.choice([0, 1, 2, 8, 9, 99, 1000, 1 << 20, 1 << 30, (1 << 31) - 1, 0xFFFFFFFF]))
        struct.pack_into("<L", whole, at, value)


def npy(rng: np.random.Generator, samples: Sequence[bytes]) -> bytes:
    """Return the bytes of a .npy file under another header."""
    if rng.random() < 0.3:
        return mutations.damaged(rng, samples)
    data = samples[rng.integers(len(samples))]
    return lying_npy(rng, data[10 + int.from_bytes(data[8:10], "little") :])


def lying_npy(rng: np.random.Generator, values: bytes) -> bytes:
    """Return values under a .npy header that says something else of them, or nothing that can be."""
    n = len(values)
    shapes = (n, -n, n - 1, n + 1, 2**31, 2**63, 2**64, 10**30, 0, -1, True, 1.5, None, "x", n // 4, n // 8)
    shape = tuple(shapes[rng.integers(len(shapes))] for _ in range(rng.choice([0, 1, 1, 2, 3, 4, 40, 70])))
    kinds = ("|u1", "<f4", "<f8", "|O", "<U1", "<U9", "|V4", "<M8[s]", "<c16", "|b1", ">i8", "<f9", "x", "", None, 1)
    descr = [*kinds, [("a", "<f8")], [("a", "|O")], ("<f4", (2, 2))][rng.integers(len(kinds) + 3)]
    header = {"descr": descr, "fortran_order": bool(rng.integers(2)), "shape": shape if rng.random() < 0.9 else n}
    if rng.random() < 0.1:
        header.pop(str(rng.choice(list(header))))
    said = repr(header).encode()
    odd = (b"(" * 900, b"[" * 90 + b"]" * 90, b"{", b"", b"{'a': __import__('os')}", b"'" * 50, b"1L", b"\xff" * 20)
    if rng.random() < 0.15:
        said = odd[rng.integers(len(odd))]
    version = [(1, 0), (2, 0), (3, 0), (0, 0), (9, 9)][rng.choice(5, p=[0.7, 0.1, 0.1, 0.05, 0.05])]
    size = len(said) if rng.random() < 0.9 else int(rng.choice([0, 1, 65535, 10_000]))
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<L", size) + said + values


def changed(rng: np.random.Generator, value: Any) -> Any:
    """Return plain values, as JSON has them, with one of them anywhere exchanged, dropped or doubled."""
    if rng.random() < 0.05:
        return SCALARS[rng.integers(len(SCALARS))]
    if isinstance(value, dict) and value:
        keys = list(value)
        key = keys[rng.integers(len(keys))]
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if rng.random() < 0.1:
            return {**value, str(SCALARS[rng.integers(13, len(SCALARS))])[:50]: value[key]}
        return {**value, key: changed(rng, value[key])}
    if isinstance(value, list) and value:
        i = rng.integers(len(value))
        return [*value[:i], changed(rng, value[i]), *value[i + rng.integers(2) :]]
    return SCALARS[rng.integers(len(SCALARS))]


def as_json(rng: np.random.Generator, samples: Sequence[bytes]) -> bytes:
    """Return a JSON text with another value in it, deep nesting, or damage to its bytes."""
    choice = rng.random()
    if choice < 0.3:
        return mutations.damaged(rng, samples)
    data = samples[rng.integers(len(samples))]
    if choice < 0.35:
        return data.replace(b'"', rng.choice([b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000]), 1)
    return json.dumps(changed(rng, json.loads(data))).encode()
