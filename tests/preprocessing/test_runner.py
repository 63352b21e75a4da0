"""Loading in processes: order, equal results, and videos that kill or hang what reads them."""

import multiprocessing
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from mocogan_chainer.errors import MocoganError, OutputError
from mocogan_chainer.preprocessing import runner
from mocogan_chainer.preprocessing.runner import Job, Loaded, load_all
from tests.preprocessing.toys import toy


@pytest.fixture
def jobs(tmp_path):
    """Make a source and the jobs of toys, one for each word."""

    def make(*words, masks=False):
        raw = toy.write(tmp_path / "raw", **{f"a_{i:03d}": word for i, word in enumerate(words)})
        if masks:
            (raw / "masks").mkdir()
        source = toy.Toy(raw, size=4)
        (tmp_path / "parts").mkdir()
        items = source.items()
        return source, [Job(item, tmp_path / "parts" / item.id, 4 if masks else 3) for item in items]

    return make


def outcomes(source, jobs, workers):
    """Return the frames, or the reason, of each job."""
    results = list(load_all(source, jobs, workers))
    assert len(results) == len(jobs)
    return [
        np.fromfile(job.path, np.uint8).reshape(result.frames, 4, 4, job.channels) if result.frames else result.reason
        for job, result in zip(jobs, results, strict=True)
    ]


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_frames_come_in_the_order_of_the_jobs(jobs, workers, masks):
    lengths = [1, 5, 2, 7, 3, 1, 4, 9, 2, 6, 8, 3, 5, 1]
    # The first takes long, so that others overtake it.
    source, todo = jobs("good 1 0.2", *(f"good {length}" for length in lengths[1:]), masks=masks)
    for i, (frames, length) in enumerate(zip(outcomes(source, todo, workers), lengths, strict=True)):
        np.testing.assert_array_equal(frames, toy.pixels(f"{i:03d}", length, 4, 3 + masks))


def test_what_is_said_of_a_video(jobs):
    source, todo = jobs("good 2")
    assert list(load_all(source, todo, 0)) == [Loaded(2, "by 000", "")]


MISHAPS = {
    "late 3": "damaged at its end",
    "raises SyntaxError broken PNG": "SyntaxError: broken PNG",  # raised with a line break
    "raises MemoryError": "MemoryError",
    "raises OSError gone": "OSError: gone",
    "raises SystemExit 3": "SystemExit: 3",
    "nothing": "AttributeError: 'NoneType' object has no attribute 'frames'",
    "float 2": "ValueError: a frame is float32 (4, 4, 3) instead of uint8 (4, 4, 3)",
    "large 2": "ValueError: a frame is uint8 (5, 5, 3) instead of uint8 (4, 4, 3)",
    "deep 2": "ValueError: a frame is uint8 (4, 4, 4) instead of uint8 (4, 4, 3)",
    "good 0": "",
}


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_used_gives_its_reason_in_one_line(jobs, workers):
    source, todo = jobs("refused", *MISHAPS, "good 1")
    refused, *reasons, last = outcomes(source, todo, workers)
    assert refused == f"{todo[0].item.data}: a reason"
    assert reasons == list(MISHAPS.values())
    assert last.shape == (1, 4, 4, 3)


def test_frames_without_the_masks_that_the_set_has(jobs):
    source, (job,) = jobs("good 1")
    assert outcomes(source, [job._replace(channels=4)], 0) == [
        "ValueError: a frame is uint8 (4, 4, 3) instead of uint8 (4, 4, 4)"
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_video_that_kills_its_worker_costs_itself_alone(jobs, workers):
    words = [f"good {1 + i}" for i in range(14)]
    words[8], words[12] = "killed", "exits"
    got = outcomes(*jobs(*words), workers)
    for i in (8, 12):
        assert got[i] == "its worker process died (a crash in a decoder, or out of memory)"
    assert [len(got[i]) for i in range(14) if i not in (8, 12)] == [1 + i for i in range(14) if i not in (8, 12)]


@pytest.mark.parametrize("words", [["good 1", "killed"], ["killed"], ["exits", "killed"]])
def test_the_first_the_last_and_the_only_one_may_kill_too(jobs, words):
    for word, got in zip(words, outcomes(*jobs(*words), 2), strict=True):
        assert isinstance(got, str) == (word != "good 1")


def test_few_are_in_flight(monkeypatch, jobs):
    submitted = []
    submit = runner.ProcessPoolExecutor.submit

    def counting(self, function, *arguments):
        submitted.extend(arguments)
        return submit(self, function, *arguments)

    monkeypatch.setattr(runner.ProcessPoolExecutor, "submit", counting)
    loaded = load_all(*jobs(*["good 1"] * 20), 1)
    next(loaded)
    assert len(submitted) == runner.IN_FLIGHT
    loaded.close()


def test_workers_that_cannot_start_say_what_to_do(monkeypatch, jobs):
    monkeypatch.setattr(runner._Worker, "start", sys.exit)  # pickled by reference, so each worker ends at once
    with pytest.raises(MocoganError, match=r"cannot start: .* under if __name__ == '__main__', or with workers=0"):
        list(load_all(*jobs("good 1"), 1))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_place_that_cannot_be_written_ends_the_work(jobs, workers):
    source, todo = jobs("good 1", "good 2", "good 3")
    todo[1] = todo[1]._replace(path=todo[1].path.parent / "missing" / "file")
    loaded = load_all(source, todo, workers)
    assert next(loaded).frames == 1
    with pytest.raises(OutputError, match=r"missing/file: cannot be written: No such file or directory"):
        next(loaded)


class TestTheEnd:
    """A worker that sleeps for a minute must not hold up anybody."""

    WORDS = ("good 1", *["good 1 60"] * 8)

    @pytest.fixture(autouse=True)
    def quick(self):
        before = set(multiprocessing.active_children())
        start = time.monotonic()
        yield
        assert time.monotonic() - start < 20
        assert set(multiprocessing.active_children()) == before

    def test_of_who_leaves_half_way(self, jobs):
        loaded = load_all(*jobs(*self.WORDS), 2)
        assert next(loaded).frames == 1
        loaded.close()

    def test_after_ctrl_c(self, jobs):
        def interrupt(*_):
            raise KeyboardInterrupt

        loaded = load_all(*jobs(*self.WORDS), 2)
        assert next(loaded).frames == 1
        before = signal.signal(signal.SIGINT, interrupt)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                next(loaded)
        finally:
            signal.signal(signal.SIGINT, before)

    def test_after_an_error(self, jobs):
        source, todo = jobs(*self.WORDS)
        todo[1] = todo[1]._replace(path=todo[1].path.parent / "missing" / "file")
        todo[1].item.data.write_text("good 1")
        loaded = load_all(source, todo, 2)
        assert next(loaded).frames == 1
        with pytest.raises(OutputError):
            next(loaded)


def test_cores():
    assert 1 <= runner.cores() <= os.cpu_count()
