"""Which plans were chosen in earlier runs: one JSON file per device and cuDNN version."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mocogan_chainer import files
from mocogan_chainer.errors import OutputError

ENVIRONMENT = "MOCOGAN_CACHE_DIR"
"""Names the folder in place of the platform's."""

_FORMAT = 2


@dataclass(frozen=True)
class Chosen:
    """A plan that was the fastest.

    Attributes:
        form: what it multiplies in.
        plan: cuDNN's name for it: an engine and its settings.
        milliseconds: how long it took then.
    """

    form: str
    plan: str
    milliseconds: float


class ChosenPlans:
    """Remembers choices between runs; a file that is damaged or another's is ignored, and then replaced.

    Args:
        folder: where its file is.
        label: all that a choice depends on besides the problem; it is part of the file's name and stands in it.
    """

    def __init__(self, folder: Path, label: str):
        self.path = folder / f"convolutions-{re.sub(r'[^A-Za-z0-9.]+', '-', label)}.json"
        self._label = label
        self._plans = self._read()

    def get(self, key: str) -> Chosen | None:
        """What was chosen for a problem, or None."""
        return self._plans.get(key)

    def put(self, key: str, chosen: Chosen) -> None:
        """Remember a choice; where the file cannot be written, in this run alone."""
        self._plans = self._read() | self._plans | {key: chosen}  # other processes write too
        plans = {name: asdict(self._plans[name]) for name in sorted(self._plans)}
        text = json.dumps({"format": _FORMAT, "label": self._label, "plans": plans}, indent=1)
        with contextlib.suppress(OutputError), files.atomic_write(self.path) as file:
            file.write(text.encode())

    def _read(self) -> dict[str, Chosen]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT or content["label"] != self._label:
                return {}
            return {str(key): _chosen(**plan) for key, plan in content["plans"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def folder() -> Path:
    """Where choices are kept: ``$MOCOGAN_CACHE_DIR``, or else a folder of ours in the user's cache."""
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mocogan-chainer"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "mocogan-chainer" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mocogan-chainer"


def _chosen(form: Any, plan: Any, milliseconds: Any) -> Chosen:
    if not isinstance(form, str) or not isinstance(plan, str):
        raise TypeError("not a plan")
    return Chosen(form, plan, float(milliseconds))
