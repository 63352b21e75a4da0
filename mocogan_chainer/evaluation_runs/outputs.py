"""Results as files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mocogan_chainer.evaluation import curves, result
from mocogan_chainer.evaluation.metrics.best_of import FUTURES
from mocogan_chainer.evaluation.result import Result
from mocogan_chainer.files import atomic_write


def write(folder: Path, found: Result) -> Path:
    """Write a result as JSON, Markdown and, where it has one, its curve; return the JSON file.

    Its name tells sets, protocols and numbers of futures apart: one result never takes another's place.

    Raises:
        OutputError: a file cannot be written.
    """
    best = f"-best-of-{found.counts[FUTURES]}" if FUTURES in found.counts else ""
    path = folder / f"{_label(found)}-{found.protocol.name}-{found.protocol.digest()}{best}.json"
    found.write(path)
    with atomic_write(path.with_suffix(".md")) as file:
        file.write("\n".join([result.HEADER, found.markdown_row(), ""]).encode("utf-8", "backslashreplace"))
    curves.write(path.with_suffix(".png"), found)
    return path


def _label(found: Result) -> str:
    """The evaluated set's place, shortened, with eight digits of what it is and where it lies."""
    place = Path(found.evaluated).resolve()
    digest = hashlib.sha256(f"{found.evaluated_reference} {place}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
    names = [name.removesuffix(".npz") for name in place.parts[-2:]]
    return "-".join([*filter(None, (re.sub(r"[^\w-]+", "_", name).strip("_") for name in names)), digest])
