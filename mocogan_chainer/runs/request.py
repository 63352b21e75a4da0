"""What the user asks a training for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NEWEST = "newest"
"""In place of a snapshot to resume: the newest of the run's folder that is whole."""

AUTO = "auto"
"""In place of a snapshot to resume: the newest, or a new run where there is none yet."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        model: name of a model's settings, or None.
        dataset_type: name of a dataset's settings, or None.
        file: a YAML file of settings, or None.
        settings: values by dotted name.
        resume: a snapshot to go on from, :data:`NEWEST`, :data:`AUTO` or None.
        force: replace the results of an earlier run of the same name.
        weights: a snapshot whose networks a new run starts from, or None.
        deadline: when, on the monotonic clock, the run must be over; None for no limit.
    """

    model: str | None
    dataset_type: str | None
    file: str | None
    settings: dict[str, Any]
    resume: str | None
    force: bool
    weights: str | None = None
    deadline: float | None = None
