"""A step that is repeated from a recording does what it does as it stands."""

import gc
import weakref

import chainer
import numpy as np
import pytest

from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.backends.recorded_step import WARM_UP, RecordedStep
from tests.backends.host_recorder import HostRecorder


class Walk:
    """A step that draws on the host, adds on the "device", and counts."""

    def __init__(self, fails=lambda: False):
        self.feeds = Feeds(chainer.get_device("@numpy"))
        self.rng = np.random.default_rng(0)
        self.fails = fails
        self.total = np.zeros(3)
        self.seen, self.counted = [], 0

    def __call__(self):
        (steps, signs) = self.feeds.take(lambda: (self.rng.random((2, 3)), self.rng.choice([-1, 1], 3)))
        scale = self.feeds.take_number(self.next_scale)
        if self.fails():
            raise RuntimeError("what this library does\ncannot be recorded")
        self.total += (steps * signs).sum(axis=0) * scale
        result = self.total.copy()
        self.feeds.afterwards(lambda: self.seen.append(result.copy()))

    def next_scale(self):
        self.counted += 1
        return np.float64(self.counted)


def run(steps, recorded=True, fails=lambda: False, **options):
    """Take steps; return the walk, its recorder and what was refused."""
    walk, refusals = Walk(fails), []
    state = lambda: (walk.rng.bit_generator.state, walk.counted)  # noqa: E731
    recorder = HostRecorder(walk.feeds, walk, state=state, arrays=lambda: [walk.total], **options)
    step = RecordedStep(walk, walk.feeds, recorder if recorded else None, refusals.append)
    for _ in range(steps):
        step()
    return walk, recorder, refusals


@pytest.mark.parametrize("steps", range(1, 8))
def test_equals_the_step_as_it_stands(steps):
    plain, _, _ = run(steps, recorded=False)
    recorded, recorder, refusals = run(steps)
    np.testing.assert_array_equal(recorded.seen, plain.seen)
    assert len(recorded.seen) == steps
    assert recorded.counted == plain.counted == steps
    assert recorded.rng.random() == plain.rng.random()
    assert not refusals
    assert (recorder.recorded, recorder.replayed) == (steps > WARM_UP + 1, max(0, steps - WARM_UP - 2))


def test_python_code_runs_no_more_once_it_is_recorded():
    walk, calls = Walk(), []
    graph = HostRecorder(walk.feeds, walk)
    graph.record = lambda work: (work(), lambda: calls.append("graph"))[1]

    def code():
        calls.append("code")
        walk()

    step = RecordedStep(code, walk.feeds, graph, print)
    for _ in range(WARM_UP + 4):
        step()
    assert calls == ["code"] * (WARM_UP + 2) + ["graph"] * 3
    assert walk.counted == WARM_UP + 4


def test_numbers_are_plain_as_it_stands_and_arrays_when_recorded():
    feeds, kinds = Feeds(chainer.get_device("@numpy")), []

    def step():
        kinds.append(type(feeds.take_number(lambda: np.uint64(7))))

    runner = RecordedStep(step, feeds, HostRecorder(feeds, step), print)
    for _ in range(WARM_UP + 3):
        runner()
    assert kinds == [int] * WARM_UP + [np.ndarray] * 3  # measured, recorded, repeated


def test_a_refusal_costs_nothing():
    """The step that could not be recorded is taken as it stands, with what was drawn for it, and so are all others."""
    plain, _, _ = run(8, recorded=False)
    calls = iter(range(100))
    fallen, recorder, refusals = run(8, fails=lambda: next(calls) == WARM_UP + 1)
    assert refusals == ["what this library does cannot be recorded"]
    np.testing.assert_array_equal(fallen.seen, plain.seen)
    assert fallen.rng.random() == plain.rng.random()
    assert fallen.counted == plain.counted
    assert recorder.recorded == recorder.replayed == 0


def test_a_recording_that_fails_at_its_end_costs_nothing():
    plain, _, _ = run(6, recorded=False)
    fallen, _, refusals = run(6, fails_at_end=True)
    assert refusals == ["the graph cannot be made"]
    np.testing.assert_array_equal(fallen.seen, plain.seen)
    assert fallen.rng.random() == plain.rng.random()


@pytest.mark.parametrize("of", ["staging", "record"])
def test_a_recording_that_does_not_begin_costs_nothing(of):
    def refuse(*arguments):
        raise MemoryError("no page-locked memory")

    plain, _, _ = run(6, recorded=False)
    walk, refusals = Walk(), []
    recorder = HostRecorder(walk.feeds, walk)
    setattr(recorder, of, refuse)
    step = RecordedStep(walk, walk.feeds, recorder, refusals.append)
    for _ in range(6):
        step()
    assert refusals == ["no page-locked memory"]
    np.testing.assert_array_equal(walk.seen, plain.seen)


def test_nothing_of_a_failed_recording_is_left_when_the_step_is_taken():
    """It takes as much memory as the step, for which there may be no room beside it."""
    feeds, alive, made = Feeds(chainer.get_device("@numpy")), [], []

    class Activations:
        def __init__(self):
            self.graph = self  # as a graph of functions and variables may

    def code():
        alive.append([kept() is not None for kept in made])
        activations = Activations()
        made.append(weakref.ref(activations))
        if len(made) == WARM_UP + 2:
            raise RuntimeError("no")

    gc.disable()
    try:
        step = RecordedStep(code, feeds, HostRecorder(feeds, code), lambda why: None)
        for _ in range(WARM_UP + 2):
            step()
    finally:
        gc.enable()
    assert len(alive) == WARM_UP + 3
    assert not any(alive[-1])


def test_a_refusal_may_be_an_error():
    def refused(why):
        raise ValueError(why)

    walk = Walk()
    step = RecordedStep(walk, walk.feeds, HostRecorder(walk.feeds, walk, fails_at_end=True), refused)
    for _ in range(WARM_UP + 1):
        step()
    with pytest.raises(ValueError, match="cannot be made"):
        step()


def test_what_changes_its_shape_is_an_error_and_no_wrong_number():
    feeds, sizes = Feeds(chainer.get_device("@numpy")), iter([3] * (WARM_UP + 2) + [4])

    def code():
        feeds.take(lambda: (np.zeros(next(sizes)),))

    step = RecordedStep(code, feeds, HostRecorder(feeds, code), print)
    for _ in range(WARM_UP + 2):
        step()
    with pytest.raises(
        RuntimeError, match=r"takes \[\(\(3,\), 'float64'\)\] here and was given \[\(\(4,\), 'float64'\)\]"
    ):
        step()


def test_arrays_of_a_step_do_not_overlap():
    feeds, given = Feeds(chainer.get_device("@numpy")), []

    def code():
        given[:] = feeds.take(lambda: (np.ones(5, np.uint8), np.full((2, 3), 2.0), np.array(True)))
        given.extend(feeds.take(lambda: (np.full(1, 3, np.int64),)))

    step = RecordedStep(code, feeds, HostRecorder(feeds, code), print)
    for _ in range(WARM_UP + 3):
        step()
    assert [a.dtype for a in given] == [np.uint8, np.float64, bool, np.int64]
    assert [a.tolist() for a in given] == [[1] * 5, [[2.0] * 3] * 2, True, [3]]
