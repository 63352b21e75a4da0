"""Sums of reports: Chainer's numbers, with less work for a device."""

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
    assert summary.compute_mean() == {str(i): i for i in range(15)}


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
