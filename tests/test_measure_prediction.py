"""``doc/results/measure_prediction.py``, with a forecaster that is known."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.writer import open_writer
from tests.evaluation.fakes import Brightening

SCRIPT = Path(__file__).parents[1] / "doc" / "results" / "measure_prediction.py"


@pytest.mark.parametrize(("most", "seen"), [(1, "1 frame"), (3, "2 frames")])
def test_as_many_frames_as_the_snapshot_looks_at_and_of_its_size(most, seen, tmp_path, monkeypatch, capsys):
    with open_writer(tmp_path / "data", "greys", 16) as writer:
        for i, level in enumerate((80, 90)):
            frames = np.full((12, 16, 16, 3), level, np.uint8) + np.arange(12, dtype=np.uint8)[:, None, None, None]
            writer.add(frames, f"v{i}", split="test")
    forecaster = Brightening(size=8, most_context=most)
    monkeypatch.setattr(builder, "load_sampler", lambda path: (forecaster, {"every_nth": 1}))
    monkeypatch.setattr("sys.argv", ["measure_prediction.py", str(tmp_path / "data"), "snapshot.npz"])
    assert entry.run(runpy.run_path(str(SCRIPT))["main"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"length: 2 held-out videos, continued from {seen}"
    given = int(seen[0])
    assert {asked[0] for asked in forecaster.asked} == {given}
    name = next(i for i, line in enumerate(said) if line.startswith("mean future"))
    frame, where, pixels, brightness = said[name + 1].split()[:4]
    assert (frame, where, pixels) == ("1", "1.00", "64.0")
    assert brightness == str(round(85 + given - 1 + 4))
