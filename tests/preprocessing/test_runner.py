"""Loading in processes: order, equal results, and files that kill or hang what reads them."""

import importlib
import sys

import numpy as np
import pytest

from mocogan_chainer.errors import MocoganError
from mocogan_chainer.preprocessing import runner
from mocogan_chainer.preprocessing.runner import load_all
from mocogan_chainer.preprocessing.shapes import Shapes

HOSTILE = '''
import os
import signal
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import Item, Source


@dataclass
class Hostile(Source):
    """Each item says what happens to the process that loads it."""

    NAME = "hostile"

    def items(self):
        return []

    def load(self, item):
        if item.data == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.data == "exits":
            os._exit(3)
        if item.data == "refused":
            raise DataError("a reason")
        if item.data == "fault":
            raise SyntaxError("broken\\nPNG file")
        if item.data == "no memory":
            raise MemoryError
        return np.full((1, self.size, self.size, 3), item.data, np.uint8)
'''


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A set in a module of its own, which the workers import."""
    (tmp_path / "hostile_set.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("hostile_set")
    yield lambda kinds: (
        module.Hostile(None, size=2),
        [module.Item(f"{i}", f"{i}", data=kind) for i, kind in enumerate(kinds)],
    )
    del sys.modules["hostile_set"]


def outcomes(source, items, workers):
    got = list(load_all(source, items, workers))
    assert [item for item, _ in got] == items
    return [result if isinstance(result, str) else int(result[0, 0, 0, 0]) for _, result in got]


def test_the_number_of_workers_does_not_matter():
    source = Shapes(None, num=20)
    results = [[frames.tobytes() for _, frames in load_all(source, source.items(), workers)] for workers in (0, 1, 3)]
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_gives_its_reason_in_one_line(hostile, workers):
    source, items = hostile([1, "refused", 2, "fault", "no memory", 3])
    assert outcomes(source, items, workers) == [
        *(1, "a reason", 2, "SyntaxError: broken PNG file", "MemoryError", 3),
    ]


def test_a_video_that_kills_its_worker_costs_itself_alone(hostile):
    kinds = [*range(9), "killed", *range(10, 13), "exits", 14, 15]
    source, items = hostile(kinds)
    got = outcomes(source, items, 2)
    for i in (9, 13):
        assert got[i].startswith("the worker process died on it")
    assert [g for g in got if isinstance(g, int)] == [k for k in kinds if isinstance(k, int)]


def test_the_last_and_the_only_one_may_kill_too(hostile):
    source, items = hostile([1, "killed"])
    assert outcomes(source, items, 2)[1].startswith("the worker process died")
    source, items = hostile(["killed"])
    assert outcomes(source, items, 1)[0].startswith("the worker process died")


def test_few_are_in_flight(monkeypatch, hostile):
    submitted = []
    submit = runner.ProcessPoolExecutor.submit

    def counting(self, function, *arguments):
        submitted.extend(arguments)
        return submit(self, function, *arguments)

    monkeypatch.setattr(runner.ProcessPoolExecutor, "submit", counting)
    source, items = hostile(list(range(50)))
    loaded = load_all(source, items, 1)
    next(loaded)
    assert len(submitted) == runner.IN_FLIGHT
    loaded.close()


def test_workers_that_cannot_start_say_what_to_do(monkeypatch, hostile):
    source, items = hostile([1, 2])
    monkeypatch.setattr(runner._Worker, "start", sys.exit)  # pickled by reference, so each worker ends at once
    with pytest.raises(MocoganError, match=r"cannot start: .* under if __name__ == '__main__', or with workers=0"):
        list(load_all(source, items, 1))


def test_cores():
    assert runner.cores() >= 1
    assert np.isscalar(runner.cores())
