"""A run's open files and memory stay what they are (``make leak-check`` looks longer)."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="looks where Linux tells of files and memory, and asks glibc",
)
def test_nothing_grows():
    surroundings = os.environ | {"PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "leak_check.py"), "320"]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "growth from iteration 120 on: 0 files, " in done.stdout
