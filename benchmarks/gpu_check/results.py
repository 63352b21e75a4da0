"""What was found: a line each while it is found, a short table last, everything in a file."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Results:
    """Collects checks and numbers.

    Args:
        seconds: after so many seconds nothing new is begun.
    """

    def __init__(self, seconds: float):
        self._start, self._seconds = time.monotonic(), seconds
        self.about: dict[str, Any] = {}
        self.checks: list[dict[str, Any]] = []
        self.numbers: list[dict[str, Any]] = []

    def left(self) -> float:
        """Return the seconds that are left, 0 at least."""
        return max(0.0, self._seconds - (time.monotonic() - self._start))

    def check(self, name: str, run: Callable[[], tuple[float, float]]) -> None:
        """Note whether the error that ``run`` finds is within its bound; what it raises is a failure too.

        Args:
            name: what is checked.
            run: returns an error and its bound.
        """
        if self.left() == 0:
            self.checks.append({"name": name, "state": "left out", "why": "no time left"})
            return
        try:
            error, bound = run()
        except Exception as failure:  # whatever a device, its driver or a library says
            first = (str(failure).strip().splitlines() or [""])[0]
            self._note(name, "FAILED", why=f"{type(failure).__name__}: {first}", trace=traceback.format_exc())
        else:
            state = "ok" if error <= bound else "FAILED"  # NaN is not
            self._note(name, state, error=error, bound=bound, why="" if state == "ok" else f"{error:.3g} > {bound:.3g}")

    def note(self, name: str, **numbers: Any) -> None:
        """Note measured numbers under a name."""
        self.numbers.append({"name": name, **numbers})
        print(f"{name}: {_shown(numbers)}", flush=True)

    @property
    def failed(self) -> list[str]:
        """The names of what failed."""
        return [check["name"] for check in self.checks if check["state"] == "FAILED"]

    def table(self) -> str:
        """Return the short table: checks by their first word, then the numbers."""
        groups: dict[str, list[str]] = {}
        for check in self.checks:
            groups.setdefault(check["name"].split()[0], []).append(check["state"])
        lines = [
            "  ".join([f"{group:24}", *(f"{states.count(state):4} {state}" for state in ("ok", "FAILED", "left out"))])
            for group, states in groups.items()
        ]
        lines += [f"  FAILED {check['name']}: {check['why']}" for check in self.checks if check["state"] == "FAILED"]
        lines += [f"{number['name']:40} {_shown(number)}" for number in self.numbers]
        return "\n".join(lines)

    def write(self, path: str) -> None:
        """Write everything as JSON."""
        found = {"about": self.about, "checks": self.checks, "numbers": self.numbers}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")

    def _note(self, name: str, state: str, **details: Any) -> None:
        self.checks.append({"name": name, "state": state, **details})
        print(f"{state:6} {name} {details['why']}", flush=True)


def _shown(numbers: dict[str, Any]) -> str:
    return "  ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in numbers.items()
        if key != "name"
    )
