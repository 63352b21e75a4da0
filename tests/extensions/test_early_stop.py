"""When a run ends early, and that it is one decision an iteration."""

import os
import signal
from types import SimpleNamespace

import pytest

from mocogan_chainer import extensions

TRAINER = SimpleNamespace()


def early(times, snapshot=0.0, end=False):
    clock = iter(times)
    return extensions.EarlyStop(lambda trainer: end, lambda: snapshot, lambda: next(clock))


def reasons(stop, count):
    stop.initialize(TRAINER)
    seen = []
    for _ in range(count):
        stop(TRAINER)
        seen.append(stop.reason)
    return seen


def test_without_a_limit_it_goes_on():
    assert reasons(early(range(100)), 50) == [None] * 50


@pytest.mark.parametrize(
    ("snapshot", "last"),
    [(0, 16), (2, 13), (10, 1)],  # 20 - 2 to leave Python - 1.5 iterations of a second - 1.5 snapshots
)
def test_a_limit_leaves_time_for_an_iteration_and_a_snapshot(snapshot, last):
    stop = early(range(100), snapshot)
    stop.deadline = 20
    seen = reasons(stop, last + 1)
    assert seen == [None] * last + ["time"]
    assert stop.stopping(TRAINER)


def test_the_longest_iteration_counts():
    stop = early([0, 1, 9])
    stop.deadline = 20
    assert reasons(stop, 2) == [None, "time"]  # at 9, and the longest took 8: 9 + 12 + 2 > 20


def test_who_asks_is_heard_in_the_next_iteration():
    stop = early(range(9))
    stop.initialize(TRAINER)
    stop(TRAINER)
    stop.ask(signal.SIGTERM)
    assert not stop.stopping(TRAINER)  # this iteration's snapshot may be past already
    stop(TRAINER)
    assert stop.reason == signal.SIGTERM
    assert stop.stopping(TRAINER)


def test_the_end_is_not_early():
    stop = early(range(9), end=True)
    stop.deadline = 0
    stop.ask(signal.SIGTERM)
    assert reasons(stop, 1) == [None]


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_asks_and_leaves_the_second_to_the_system(self, number, capfd):
        before, asked = signal.getsignal(number), []
        with extensions.signals_heard(asked.append):
            os.kill(os.getpid(), number)
            assert asked == [number]
            assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert signal.getsignal(number) == before
        name = signal.Signals(number).name
        assert capfd.readouterr().err == (
            f"\n{name}: this iteration is finished and saved; a second one stops at once\n"
        )

    def test_what_is_ignored_stays_ignored(self, monkeypatch):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            asked = []
            with extensions.signals_heard(asked.append):
                os.kill(os.getpid(), signal.SIGINT)
            assert asked == []
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        finally:
            signal.signal(signal.SIGINT, before)
