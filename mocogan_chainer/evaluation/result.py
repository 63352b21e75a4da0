"""A number with all that belongs to it: JSON for programs, a Markdown row for people, and comparing two of them."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import PIL

import mocogan_chainer
from mocogan_chainer.errors import ConfigError, DataError, legible, one_line
from mocogan_chainer.evaluation.protocol import BETTER, Protocol, differences, in_words
from mocogan_chainer.files import atomic_write, read_plain

FORMAT = "mocogan-chainer result"
VERSION = 1
SPREADS = 2
"""Two values differ clearly from this many spreads on."""
HEADER = "| Evaluated | Metric | Value | Better | Samples | Protocol |\n|---|---|---|---|---|---|"

_MOST_BYTES = 64 << 20
_LARGEST_INT = 2**1023  # as a float it is finite

Number = float | list[float]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What evaluating a set of videos gave.

    Attributes:
        protocol: how.
        evaluated: what: a folder of videos or a snapshot.
        evaluated_reference: what it was, wherever it lies; "" where that is not known.
        value: the metric; may be infinite (the PSNR of equal videos).
        spread: its standard deviation under another draw of the samples; None where none can be had.
        spread_kind: what the spread is, in words; "" where there is none.
        counts: of samples, and of what was left out.
        versions: of the programs that it depends on.
        seconds: that it took.
        others: further numbers and curves by name, such as the F1/8 in addition to PRD's F8.
        warnings: for the reader, a line each.
        frame_sizes: height and width of each side's own frames in pixels, before they are brought to a network's size,
            as text; of the sides "evaluated" and "reference" of which it is known.
    """

    protocol: Protocol
    evaluated: str
    value: float
    spread: float | None
    spread_kind: str
    counts: Mapping[str, int]
    versions: Mapping[str, str]
    seconds: float
    others: Mapping[str, Number] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    evaluated_reference: str = ""
    frame_sizes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: a field is of another type or value than it can have.
        """
        good = {
            "evaluated": isinstance(self.evaluated, str),
            "evaluated_reference": isinstance(self.evaluated_reference, str),
            "value": _is_number(self.value),
            "spread": self.spread is None or (_is_number(self.spread) and 0 <= self.spread < math.inf),
            "spread_kind": isinstance(self.spread_kind, str),
            "counts": _is_table(self.counts, lambda count: type(count) is int and count >= 0),
            "versions": _is_table(self.versions, lambda version: isinstance(version, str)),
            "seconds": _is_number(self.seconds) and 0 <= self.seconds < math.inf,
            "others": _is_table(self.others, _is_number_or_curve),
            "frame_sizes": _is_table(self.frame_sizes, lambda size: isinstance(size, str)),
            "warnings": isinstance(self.warnings, tuple) and all(isinstance(text, str) for text in self.warnings),
        }
        for name, fine in good.items():
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)!r}: it must be {_KINDS[name]}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        fields = {name: _jsonable(getattr(self, name)) for name in _KINDS}
        return {"format": FORMAT, "version": VERSION, **fields, "protocol": self.protocol.to_dict()}

    def write(self, path: str | os.PathLike) -> None:
        """Write the result as JSON, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        with atomic_write(path) as file:
            file.write(f"{text}\n".encode())

    def markdown_row(self) -> str:
        """Return a row below :data:`HEADER`. Rows whose protocols have the same eight digits can be compared."""
        p = self.protocol
        samples = [str(count) for count in (p.evaluated_samples, p.reference_samples) if count is not None]
        if p.reference is not None and len(samples) == 1:
            samples = ["unknown" if n is None else str(n) for n in (p.evaluated_samples, p.reference_samples)]
        cells = [
            self.evaluated,
            p.metric,
            shown(self.value, self.spread),
            BETTER[p.metric],
            " against ".join(samples),
            f"{p.name} {p.digest()}",
        ]
        return "| " + " | ".join(" ".join(legible(cell).replace("|", r"\|").split()) for cell in cells) + " |"


@dataclass(frozen=True)
class Comparison:
    """Two results of one protocol.

    Attributes:
        first: a result.
        second: another one.
    """

    first: Result
    second: Result

    @property
    def difference(self) -> float:
        """The second value less the first; 0 where both are the same infinity."""
        a, b = self.first.value, self.second.value
        return 0.0 if a == b else b - a

    @property
    def spread(self) -> float | None:
        """The difference's own; None where one of the results has none.

        Too large rather than too small: both results share the reference, which this takes for drawn twice.
        """
        spreads = (self.first.spread, self.second.spread)
        return None if None in spreads else math.hypot(*spreads)

    @property
    def better(self) -> Result | None:
        """The better result; None where the difference is within two spreads, or a spread is not known."""
        if self.spread is None or abs(self.difference) <= SPREADS * self.spread:
            return None
        second_is_better = (self.difference > 0) == (BETTER[self.first.protocol.metric] == "higher")
        return self.second if second_is_better else self.first

    def text(self) -> str:
        """Return the comparison in lines of words."""
        protocol = self.first.protocol
        lines = [f"{protocol.name} ({BETTER[protocol.metric]} is better)"]
        lines += [f"{shown(r.value, r.spread)}  {r.evaluated}" for r in (self.first, self.second)]
        lines.append(f"difference: {shown(self.difference, self.spread)}: {self._verdict()}")
        return "\n".join(map(legible, [*self._warnings(), *lines]))

    def _warnings(self) -> list[str]:
        """Each warning of a result once, with its set's name where only one of both has it."""
        told = []
        for found, other in ((self.first, self.second), (self.second, self.first)):
            for warning in found.warnings:
                plain = warning in other.warnings or warning.startswith(found.evaluated)
                told.append(f"warning: {warning}" if plain else f"warning: {found.evaluated}: {warning}")
        return list(dict.fromkeys(told))

    def _verdict(self) -> str:
        if self.better is not None:
            return f"{self.better.evaluated} is better"
        if self.difference == 0:
            return "none"
        if self.spread is None:
            return "without a spread nobody can say whether it means anything"
        return f"within {SPREADS} spreads, which chance alone may give"


def compare(first: Result, second: Result) -> Comparison:
    """Put two results side by side.

    Raises:
        ConfigError: their protocols differ; each field is named.
    """
    found = differences(first.protocol, second.protocol)
    if first.protocol.metric != second.protocol.metric:
        found = [difference for difference in found if difference[0] == "metric"]  # the others follow from it
    if found:
        raise ConfigError(
            f"{first.evaluated} and {second.evaluated} were evaluated by unlike protocols, whose numbers cannot be "
            f"compared: {in_words(found)}; evaluate both in one way"
        )
    return Comparison(first, second)


def read(path: str | os.PathLike) -> Result:
    """Read what :meth:`Result.write` wrote.

    Raises:
        DataError: no such file, no result, of a newer version, or a field is missing or wrong.
    """
    try:
        values = json.loads(read_plain(path, _MOST_BYTES))
        return _from_dict(values)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; evaluate.py METRIC writes results") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: no result of evaluate.py: {one_line(error)}") from error


def versions() -> dict[str, str]:
    """Return the versions of this program and of what it computes with."""
    return {
        "mocogan-chainer": mocogan_chainer.__version__,
        "python": platform.python_version(),
        "chainer": importlib.metadata.version("chainer"),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
    }


def shown(value: float, spread: float | None) -> str:
    """Return a number with its spread, rounded to two digits of the spread, or to four of its own without one."""
    if abs(value) >= 1e7 and math.isfinite(value):
        return f"{value:.3e}" + f" ± {spread:.1e}" * bool(spread)
    if not spread or not math.isfinite(value):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    places = max(0, 1 - math.floor(math.log10(spread)))
    return f"{round(value, places) + 0.0:.{places}f} ± {spread:.{places}f}"  # + 0.0 turns -0.0 into 0.0


_KINDS = {
    "evaluated": "text",
    "evaluated_reference": "text",
    "value": "a number",
    "spread": "nothing or a finite number of at least 0",
    "spread_kind": "text",
    "counts": "a table of whole numbers of at least 0",
    "versions": "a table of texts",
    "seconds": "a finite number of at least 0",
    "others": "a table of numbers and lists of numbers",
    "warnings": "a list of texts",
    "frame_sizes": "a table of texts",
}
_MAY_LACK = {"frame_sizes": {}}
"""What results of earlier versions may lack."""


def _from_dict(values: Any) -> Result:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ValueError("it does not say that it is one")
    if values.get("version") != VERSION:
        raise ValueError(f"its format is version {values.get('version')} and this program reads version {VERSION}")
    values = _MAY_LACK | values
    missing = [name for name in ("protocol", *_KINDS) if name not in values]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    fields = {name: values[name] for name in _KINDS}
    fields["value"] = _number(fields["value"])
    if isinstance(fields["others"], dict):
        fields["others"] = {name: _number(value) for name, value in fields["others"].items()}
    if isinstance(fields["warnings"], list):
        fields["warnings"] = tuple(fields["warnings"])
    try:
        protocol = Protocol.from_dict(values["protocol"])
    except ValueError as error:
        raise ValueError(f"protocol: {error}") from error
    return Result(protocol=protocol, **fields)


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) <= _LARGEST_INT  # JSON's have no end
    return isinstance(value, float) and not math.isnan(value)


def _is_number_or_curve(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, list) and all(map(_is_number, value)))


def _is_table(value: Any, fine: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(isinstance(k, str) and fine(v) for k, v in value.items())


def _jsonable(value: Any) -> Any:
    """Return the value as JSON can hold it: infinity, which it does not know, as a text."""
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value


def _number(value: Any) -> Any:
    """The inverse of :func:`_jsonable` for a number or a list of numbers; anything else as it is."""
    if value in ("inf", "-inf"):
        return float(value)
    return [_number(item) for item in value] if isinstance(value, list) else value
