from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run code as a script in a fresh interpreter that finds this checkout (and ``extra_path`` before it)."""

    def run(code: str, *flags: str, extra_path: Path | None = None, **variables: str):
        script = tmp_path / "script.py"
        script.write_text(code)
        path = [str(extra_path)] if extra_path else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)]), **variables}
        return subprocess.run(
            [sys.executable, *flags, str(script)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
