"""The log: what is in the file, in a snapshot and in neither."""

import json
import os
from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from mocogan_chainer import checkpoint, extensions
from mocogan_chainer.errors import DamagedError, OutputError
from mocogan_chainer.extensions import log_report


class Run:
    """Reports the number of the iteration; a row of the log is due every other one."""

    def __init__(self, out):
        self.updater = SimpleNamespace(iteration=0, epoch=0)
        self.out, self.elapsed_time, self.is_before_training = out, 0.0, False
        self.report = extensions.LogReport(lambda trainer: trainer.updater.iteration % 2 == 0)

    def go(self, iterations):
        self.report.initialize(self)
        for _ in range(iterations):
            self.updater.iteration += 1
            self.elapsed_time += 0.1
            self.observation = {"a/loss": np.float32(self.updater.iteration)}
            self.report(self)
        return self

    def save(self, path):
        checkpoint.save(path, self.report, config="", data={}, iteration=self.updater.iteration)
        return self

    def load(self, path):
        snapshot = checkpoint.load(path)
        snapshot.restore(self.report)
        self.updater.iteration = snapshot.iteration
        return self


def losses(out):
    return [(row["iteration"], row["a/loss"]) for row in json.loads((out / "log").read_text())]


def test_rows_are_means_in_a_json_array(tmp_path):
    run = Run(tmp_path).go(5)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5)]
    assert run.report.log == json.loads((tmp_path / "log").read_text())
    assert run.report.newest == run.report.log[-1]
    assert len((tmp_path / "log").read_text().splitlines()) == 2 + 2


def test_no_file_and_no_row_before_the_first(tmp_path):
    run = Run(tmp_path).go(1)
    assert not (tmp_path / "log").exists()
    assert (run.report.log, run.report.newest) == ([], None)


def test_a_new_run_begins_a_new_file(tmp_path):
    Run(tmp_path).go(4)
    Run(tmp_path).go(2)
    assert losses(tmp_path) == [(2, 1.5)]


def test_a_resumed_run_goes_on_with_the_rows_and_sums_of_its_snapshot(tmp_path):
    first = Run(tmp_path).go(3).save(tmp_path / "a.npz")
    first.report.initialize = lambda trainer: None
    first.go(4)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5), (6, 5.5)]
    second = Run(tmp_path).load(tmp_path / "a.npz").go(0)
    assert losses(tmp_path) == [(2, 1.5)]
    assert second.report.newest["iteration"] == 2
    second.go(0)
    assert not (tmp_path / "log").exists()  # once: the rows are not kept for a second time


def test_the_sums_go_on(tmp_path):
    Run(tmp_path).go(3).save(tmp_path / "a.npz")
    Run(tmp_path).load(tmp_path / "a.npz").go(3)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5), (6, 5.5)]


def test_resuming_elsewhere_takes_the_rows_along(tmp_path):
    (tmp_path / "other").mkdir()
    Run(tmp_path).go(4).save(tmp_path / "a.npz")
    Run(tmp_path / "other").load(tmp_path / "a.npz").go(2)
    assert losses(tmp_path / "other") == [(2, 1.5), (4, 3.5), (6, 5.5)]


class Earlier:
    """What earlier versions saved."""

    def __init__(self, text):
        self.text = text

    def serialize(self, serializer):
        serializer("_log", self.text)
        chainer.reporter.DictSummary().serialize(serializer["_summary"])


def save_earlier(path, text):
    checkpoint.save(path, Earlier(text), config="", data={}, iteration=4)


def test_snapshots_of_earlier_versions(tmp_path):
    save_earlier(tmp_path / "a.npz", json.dumps([{"iteration": 2, "a/loss": 1.5}, {"iteration": 4, "a/loss": 3.5}]))
    Run(tmp_path).load(tmp_path / "a.npz").go(2)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5), (6, 5.5)]


@pytest.mark.parametrize("text", ["7", "[7]", "[", "null"])
def test_odd_rows_in_a_snapshot_are_damage(tmp_path, text):
    save_earlier(tmp_path / "a.npz", text)
    with pytest.raises(DamagedError, match="a value cannot be taken"):
        Run(tmp_path).load(tmp_path / "a.npz")


def test_what_somebody_makes_of_the_file_stops_nothing(tmp_path):
    run = Run(tmp_path).go(4)
    (tmp_path / "log").write_text('[\n{"iteration": 2, "a/lo\n{"iteration": 4, "a/loss": "low"},\n{"a/loss": 1}\n]')
    assert run.report.log == []
    run.save(tmp_path / "a.npz")
    Run(tmp_path).load(tmp_path / "a.npz").go(2)
    assert losses(tmp_path) == [(6, 5.5)]


def test_a_failing_write_leaves_the_rows_before(tmp_path, monkeypatch):
    """Where there is room for a part of the row alone."""
    run, write = Run(tmp_path).go(2), os.write

    def almost_full(handle, data):
        if data.startswith(b",\n"):
            return write(handle, data[:9])
        if data != b"\n]\n":
            raise OSError(28, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(os, "write", almost_full)
    run.report.initialize = lambda trainer: None
    with pytest.raises(OutputError, match="the disk is full"):
        run.go(2)
    assert losses(tmp_path) == [(2, 1.5)]


def test_a_row_leaves_those_before_it_where_they_are(tmp_path, monkeypatch):
    """However long the log is."""
    run = Run(tmp_path).go(2)
    monkeypatch.setattr(log_report, "atomic_write", None)
    run.report.initialize = lambda trainer: None
    run.go(4)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5), (6, 5.5)]


@pytest.mark.parametrize("cut", [1, 2, 3, 10])
def test_a_file_that_was_cut_off_is_made_whole_by_the_next_row(tmp_path, cut):
    run = Run(tmp_path).go(4)
    run.report.initialize = lambda trainer: None
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole[:-cut])
    run.go(2)
    assert losses(tmp_path) == [(2, 1.5), (4, 3.5), (6, 5.5)][:: 2 if cut == 10 else 1]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    run, other = Run(tmp_path / "out"), tmp_path / "other"
    other.write_bytes(b"[\n]\n")
    (tmp_path / "out").mkdir()
    run.report.initialize(run)
    run.report.initialize = lambda trainer: None
    (tmp_path / "out" / "log").symlink_to(other)
    run.go(2)
    assert other.read_bytes() == b"[\n]\n"
    assert losses(tmp_path / "out") == [(2, 1.5)]
