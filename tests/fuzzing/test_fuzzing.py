"""A hundred damaged inputs for every reader (``make fuzz`` takes a thousand), and what watches over them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from tests.fuzzing import READERS, runner
from tests.fuzzing.reader import Reader, put

ROOT = Path(__file__).parents[2]
INPUTS = 100


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """How many inputs ended how, and what failed, by reader; from two processes of their own, which fork."""
    folder = tmp_path_factory.mktemp("fuzzing")
    command = [sys.executable, "-m", "tests.fuzzing", "--inputs", str(INPUTS)]
    options = {"cwd": ROOT, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "text": True}
    halves = [[reader.name for reader in READERS[k::2]] for k in range(2)]
    outs = [folder / f"{k}.json" for k in range(2)]
    running = [
        subprocess.Popen(
            [*command, "--json", str(out), "--", *names], **options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for names, out in zip(halves, outs, strict=True)
    ]
    errors = [process.communicate()[1] for process in running]
    assert all(out.exists() for out in outs), errors
    return {row["reader"]: row for out in outs for row in json.loads(out.read_text())}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_result_or_an_own_error(outcomes, reader):
    row = outcomes[reader.name]
    assert not row["failures"]
    assert sum(row["outcomes"].values()) == INPUTS
    own = row["outcomes"].get(runner.OWN, 0)
    assert own > 5 if reader.refuses else own == 0  # the damage reaches the reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_is_sound_is_read(tmp_path, reader):
    for i, files in enumerate(reader.inputs(tmp_path / "sound")):
        put(files, tmp_path / str(i))
        reader.read(tmp_path / str(i))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_seed_gives_the_same_inputs(tmp_path, reader):
    sound = reader.inputs(tmp_path / "sound")
    first, again, other = ([reader.case(seed, i, sound) for i in range(4)] for seed in (5, 5, 6))
    assert first == again
    assert first != other


SEED, BAD = 0, 3


def _misbehaving(act):
    """A reader of numbers below 1000 that does something to the number of the input ``BAD``."""

    def damage(rng, sound):
        return {"number": str(rng.integers(1000)).encode()}

    def read(folder):
        if (folder / "number").read_bytes() == bad:
            act()

    reader = Reader("bad", lambda folder: [{"number": b""}], damage, read, seconds=1.0, bound=64 << 20)
    bad = reader.case(SEED, BAD, [])["number"]
    return reader


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (lambda: time.sleep(60), "hang"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "crash (SIGSEGV)"),
        (lambda: os._exit(7), "crash (exit code 7)"),
        (lambda: {}["x"], "KeyError"),
        (lambda: sys.exit(2), "SystemExit"),
        (lambda: np.ones(1 << 30, np.uint8), "memory beyond the bound"),
    ],
)
def test_misbehaviour_is_seen_and_told_apart(tmp_path, act, outcome):
    reader = _misbehaving(act)
    report = runner.run(reader, SEED, range(8), tmp_path / "work", tmp_path / "saved")
    assert report.inputs == 8
    assert [(number, what) for number, what, _ in report.failures] == [(BAD, outcome)]
    saved = tmp_path / "saved" / f"bad-{SEED}-{BAD}" / "number"
    assert {"number": saved.read_bytes()} == reader.case(SEED, BAD, [])


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("fine", runner.OWN),
        ("Unable to allocate 9 GiB", "memory beyond the bound, said as an own error"),
    ],
)
def test_own_errors(tmp_path, message, outcome):
    def read(folder):
        raise DataError(message)

    reader = Reader("bad", lambda folder: [{"x": b""}], lambda rng, sound: sound[0], read)
    assert dict(runner.run(reader, 0, range(2), tmp_path).outcomes) == {outcome: 2}
