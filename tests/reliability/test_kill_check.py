"""``make kill-check``, a small part of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, as on Unix")
def test_some_kills():
    # Python warns of a fork beside threads, which NumPy has, and which do nothing here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.reliability.kill_check"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    options = ["--trials", "2", "--every", "90"]
    done = subprocess.run([*command, *options], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    training, writing, damage, preparing = done.stdout.splitlines()
    assert re.fullmatch(r"training: \d+ kills in 2 runs of \S+ s; 2 of 2 end as the undisturbed one", training)
    found = re.search(r"ended at (\d+) calls .*; (\d+) of (\d+) leave a whole one", writing)
    assert 10 < int(found[1]) < int(found[2]) == int(found[3])
    assert damage.startswith("damage: 2 times")
    assert preparing.endswith("2 of 2 have the same bytes")
