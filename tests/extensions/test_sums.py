"""Sums of reports: Chainer's numbers, with less work for a device."""

from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from mocogan_chainer import checkpoint
from mocogan_chainer.extensions import sums


class Counting(np.ndarray):
    """An array that counts what it is asked to do, as a GPU would be asked."""

    asked = 0

    def __array_ufunc__(self, *call, **settings):
        Counting.asked += 1
        return super().__array_ufunc__(*call, **settings)

    def __array_function__(self, function, types, inputs, settings):
        Counting.asked += 1
        return super().__array_function__(function, types, inputs, settings)


def reports(count):
    """Reports of every kind of number, some of which are not in each."""
    rng = np.random.default_rng(0)
    for i in range(count):
        report = {"a/loss": np.array(1000 + rng.normal(), np.float32), "a/real": np.array(rng.normal(), np.float32)}
        report |= {"b/loss": np.float32(rng.normal()), "rollbacks": 2, "names": np.zeros(3)}
        yield report | ({"evaluation": np.array(rng.normal())} if i % 3 == 0 else {})


def added(summary, count):
    for report in reports(count):
        summary.add(report)
    return summary


def same(found, wanted):
    return found.keys() == wanted.keys() and all(np.array_equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("count", [1, 10, sums._ROWS - 1, sums._ROWS, 2 * sums._ROWS + 3])
def test_the_numbers_are_chainers(count):
    ours, chainers = added(sums.Sums(), count), added(chainer.reporter.DictSummary(), count)
    assert same(ours.compute_mean(), chainers.compute_mean())
    assert same(ours.make_statistics(), chainers.make_statistics())


def test_a_number_counts_as_it_was_when_it_was_reported():
    summary, loss = sums.Sums(), np.zeros((), np.float32)
    for i in range(1, 5):
        loss[...] = i  # as a recorded step does
        summary.add({"loss": loss})
    assert summary.compute_mean() == {"loss": 2.5}


def test_asking_in_between_changes_nothing():
    summary = sums.Sums()
    for report in reports(7):
        summary.add(report)
        summary.compute_mean()
    assert same(summary.make_statistics(), added(sums.Sums(), 7).make_statistics())


def test_a_device_is_asked_once_for_a_report():
    Counting.asked, summary = 0, sums.Sums()
    for _ in range(10):
        summary.add({str(i): np.full((), i, np.float32).view(Counting) for i in range(15)})
    assert 10 <= Counting.asked <= 10 * 2  # np.stack and what it calls
    Counting.asked = 0
    summary.add({})
    mean = summary.compute_mean()
    assert Counting.asked <= 5  # one transfer, whatever it takes
    assert mean == {str(i): i for i in range(15)}


def test_numbers_of_both_sides_may_come_together(monkeypatch):
    """CuPy stacks its own arrays alone."""

    class Module:
        def __init__(self, dtype):
            self.dtype = dtype

        def stack(self, arrays):
            assert {array.dtype for array in arrays} == {np.dtype(self.dtype)}
            return np.stack(arrays)

    modules = {np.dtype(dtype): Module(dtype) for dtype in (np.float32, np.float64)}
    monkeypatch.setattr(chainer.backend, "get_array_module", lambda *arrays: modules[arrays[0].dtype])
    monkeypatch.setattr(chainer, "get_device", lambda name: SimpleNamespace(send=np.asarray))
    summary = sums.Sums()
    for i in (1, 2):
        summary.add({"a": np.array(i, np.float32), "b": np.array(2 * i, np.float64), "c": np.array(3, np.float32)})
    assert summary.compute_mean() == {"a": 1.5, "b": 3, "c": 3}


def test_reports_do_not_pile_up():
    summary = added(sums.Sums(), 10 * sums._ROWS)
    assert len(summary._waiting) < sums._ROWS


@pytest.mark.parametrize("earlier", [chainer.reporter.DictSummary, sums.Sums], ids=["chainer", "ours"])
def test_snapshots_are_as_before(tmp_path, earlier):
    path = tmp_path / "sums.npz"
    checkpoint.save(path, added(earlier(), 5), config="", data={}, iteration=5)
    summary = added(sums.Sums(), 3)  # to be forgotten
    checkpoint.load(path).restore(summary)
    assert same(summary.make_statistics(), added(chainer.reporter.DictSummary(), 5).make_statistics())
