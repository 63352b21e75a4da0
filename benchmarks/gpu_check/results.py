"""What was found: a line each while it is found, a short table last, everything in a file at any time."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class DeviceLostError(RuntimeError):
    """After some faults a device does nothing more that this process asks of it."""


class LeftOutError(RuntimeError):
    """Something could not be measured here, or not in the time left: no fault. The message says why."""


class Results:
    """Collects checks and numbers in a file, and goes on from what is there.

    So a check that brings its process down is found by the next one, which goes on after it.

    Args:
        path: the file.
        until: nothing new is begun after this time (of ``time.time()``).
        wait: waits for the device, and raises where it is lost; it is asked after each failure.
    """

    def __init__(self, path: str | Path, until: float, wait: Callable[[], None] = lambda: None):
        self._path, self._until, self._wait = Path(path), until, wait
        self._path.parent.mkdir(parents=True, exist_ok=True)
        found = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        self.about: dict[str, Any] = found.get("about", {})
        self.checks: list[dict[str, Any]] = found.get("checks", [])
        self.numbers: list[dict[str, Any]] = found.get("numbers", [])
        self._begun: list[str] = found.get("begun", [])
        if running := found.get("running"):
            self._note(running, "FAILED", why="its process came to an end in it")

    def left(self) -> float:
        """Return the seconds that are left, 0 at least."""
        return max(0.0, self._until - time.time())

    def check(self, name: str, run: Callable[[], tuple[float, float]]) -> None:
        """Note whether the error that ``run`` finds is within its bound; what it raises is a failure too.

        Args:
            name: what is checked.
            run: returns an error and its bound.
        """
        with self._attempt(name) as is_new:
            if is_new:
                error, bound = run()
                state = "ok" if error <= bound else "FAILED"  # NaN is not
                why = "" if state == "ok" else f"{error:.3g} > {bound:.3g}"
                self._note(name, state, error=error, bound=bound, why=why)

    def measure(self, name: str, run: Callable[[], None], least: float = 0.0) -> None:
        """Let ``run`` measure and note what it finds; where it fails, that is a failed check.

        One that raises :class:`LeftOutError` is a check that was left out.

        Args:
            name: what is measured.
            run: notes numbers.
            least: seconds that it takes at least.
        """
        with self._attempt(name, least) as is_new:
            if is_new:
                run()

    def note(self, name: str, **numbers: Any) -> None:
        """Note measured numbers under a name."""
        self.numbers.append({"name": name, **numbers})
        print(f"{name}: {_shown(numbers)}", flush=True)
        self.write()

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
        lines += [f"{number['name']:40} {_shown(number)}" for number in self.numbers if "json" not in number]
        return "\n".join(lines)

    def write(self, running: str | None = None) -> None:
        """Write everything as JSON."""
        found = {"about": self.about, "checks": self.checks, "numbers": self.numbers, "begun": self._begun}
        text = json.dumps(found | {"running": running}, indent=1, default=str)
        beside = self._path.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)

    @contextmanager
    def _attempt(self, name: str, least: float = 0.0) -> Iterator[bool]:
        """Say whether it is to be tried now; what is raised is noted, and was then tried.

        Raises:
            DeviceLostError: it has failed, and so would all that comes after it.
        """
        if name in self._begun:
            yield False
            return
        self._begun.append(name)
        if self.left() <= least:
            self.checks.append({"name": name, "state": "left out", "why": "no time left"})
            yield False
            return
        self.write(running=name)
        before = len(self.failed)
        try:
            yield True
        except LeftOutError as late:
            self._note(name, "left out", why=str(late))
        except Exception as failure:  # whatever a device, its driver or a library says
            first = (str(failure).strip().splitlines() or [""])[0]
            self._note(name, "FAILED", why=f"{type(failure).__name__}: {first}", trace=traceback.format_exc())
        self.write()
        if len(self.failed) > before:
            try:
                self._wait()
            except Exception as error:
                raise DeviceLostError(str(error)) from error

    def _note(self, name: str, state: str, **details: Any) -> None:
        self.checks.append({"name": name, "state": state, **details})
        print(f"{state:6} {name} {details['why']}", flush=True)


def _shown(numbers: dict[str, Any]) -> str:
    return "  ".join(f"{key} {_number(key, value)}" for key, value in numbers.items() if key != "name")


def _number(key: str, value: Any) -> str:
    if key == "json":
        return f"of {len(value)} characters"  # they are for the file
    return f"{value:.4g}" if isinstance(value, float) else str(value)
