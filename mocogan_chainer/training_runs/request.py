"""What the user asks a training for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

NEWEST = "newest"
"""In place of a snapshot to resume: the newest of the run's folder that is whole."""

AUTO = "auto"
"""In place of a snapshot to resume: the newest, or a new run where there is none yet."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        model: name of a model's settings; None for the one that ``file`` or a resumed run is of, else "normal".
        dataset_type: name of a dataset's settings; None for what the data at hand are.
        file: a YAML file of settings, or the name of one of ours, or None.
        settings: values by dotted name, such as ``{"model.dim_zc": 30}``; they count most.
        resume: a snapshot to go on from, :data:`NEWEST`, :data:`AUTO` or None.
        force: replace the results of an earlier run of the same name.
        weights: a snapshot whose networks a new run starts from, or None.
        deadline: when, on the monotonic clock, the run must be over; None for no limit.
    """

    model: str | None = None
    dataset_type: str | None = None
    file: str | os.PathLike | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    resume: str | os.PathLike | None = None
    force: bool = False
    weights: str | os.PathLike | None = None
    deadline: float | None = None
