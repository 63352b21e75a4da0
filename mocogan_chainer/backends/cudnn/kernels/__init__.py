"""Sources of our CUDA kernels: ``.cuh`` texts that NVRTC, nvcc and, for tests, a host compiler can read.

A kernel is ``extern "C" __global__ void name(...)``. Its arguments are pointers and the types ``int``, ``unsigned``,
``long long``, ``unsigned long long``, ``float`` and ``double``. Dynamic shared memory is declared by the macro
``DYNAMIC_SHARED(type, name)``, since the host has another way to give it.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "(\w+)\.cuh"$', re.MULTILINE)
_PROLOGUE = "#ifndef DYNAMIC_SHARED\n#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]\n#endif\n"


def names() -> list[str]:
    """Return the names of the sources that hold kernels."""
    return sorted(path.stem for path in _FOLDER.glob("*.cuh") if "__global__" in path.read_text(encoding="utf-8"))


@functools.cache
def source(name: str) -> str:
    """Return the text of ``name.cuh`` with what it includes of ours written out: compilers' caches see one text."""
    return _PROLOGUE + _written_out(name, set())


def _written_out(name: str, seen: set[str]) -> str:
    seen.add(name)
    text = (_FOLDER / f"{name}.cuh").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: "" if found[1] in seen else _written_out(found[1], seen), text)
