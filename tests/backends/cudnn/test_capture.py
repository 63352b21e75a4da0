"""What a recorder asks CuPy for, and what it gives back: with CuPy's part played by a few lines."""

import contextlib
import gc
from types import SimpleNamespace

import pytest

from mocogan_chainer.backends.cudnn import capture


class Stream(contextlib.nullcontext):
    count = 0

    def __init__(self, non_blocking):
        super().__init__()
        Stream.count += 1
        self.ptr, self.is_capturing = 1000 + Stream.count, False
        assert non_blocking

    def begin_capture(self):
        self.is_capturing = True

    def end_capture(self):
        self.is_capturing = False
        return SimpleNamespace(launch=lambda: "launched")


class Pool:
    def __init__(self, allocate):
        self.allocate, self.freed = allocate, 0

    def malloc(self, size):
        return self.allocate(size)

    def free_all_blocks(self):
        self.freed += 1


@pytest.fixture
def cupy():
    pools = []

    def pool(allocate):
        pools.append(Pool(allocate))
        return pools[-1]

    return SimpleNamespace(
        pools=pools,
        get_default_memory_pool=lambda: Pool(None),
        cuda=SimpleNamespace(
            Device=lambda: SimpleNamespace(synchronize=lambda: None),
            Stream=Stream,
            Memory=lambda size: size,
            MemoryPointer=lambda memory, offset: memory,
            MemoryPool=pool,
            using_allocator=lambda malloc: contextlib.nullcontext(),
            runtime=SimpleNamespace(CUDARuntimeError=OSError),
        ),
    )


def test_memory_and_workspaces_stay_as_long_as_the_recorder(cupy):
    forgotten = []
    recorder = capture.GraphRecorder(cupy, lambda: None, forgotten.append)
    replays = [recorder.record(lambda: None) for _ in range(2)]
    assert [replay() for replay in replays] == ["launched"] * 2
    assert (forgotten, [pool.freed for pool in cupy.pools]) == ([], [0, 0])
    streams = [stream.ptr for stream in capture._streams[-2:]]
    del recorder
    gc.collect()
    assert (sorted(forgotten), [pool.freed for pool in cupy.pools]) == (streams, [1, 1])


def test_what_cannot_be_recorded_leaves_nothing(cupy):
    forgotten = []
    recorder = capture.GraphRecorder(cupy, lambda: None, forgotten.append)

    def fails():
        assert capture._streams[-1].is_capturing
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        recorder.record(fails)
    assert not capture._streams[-1].is_capturing
    assert (forgotten, cupy.pools[0].freed) == ([capture._streams[-1].ptr], 1)


def test_what_cannot_be_made_a_graph_leaves_nothing(cupy, monkeypatch):
    def refuse(stream):
        if not stream.is_capturing:
            raise RuntimeError("nothing is recorded")
        stream.is_capturing = False
        raise OSError("out of memory")

    monkeypatch.setattr(Stream, "end_capture", refuse)
    forgotten = []
    recorder = capture.GraphRecorder(cupy, lambda: None, forgotten.append)
    with pytest.raises(OSError, match="out of memory"):
        recorder.record(lambda: None)
    assert (forgotten, cupy.pools[0].freed) == ([capture._streams[-1].ptr], 1)


def test_libraries_are_made_ready_for_the_stream_before_it_is_captured(cupy):
    seen = []
    recorder = capture.GraphRecorder(
        cupy, lambda: seen.append(("ready", capture._streams[-1].is_capturing)), lambda stream: None
    )
    recorder.record(lambda: seen.append(("work", capture._streams[-1].is_capturing)))
    assert seen == [("ready", False), ("work", True)]


def test_only_what_is_on_its_way_is_waited_for():
    """Within a capture nothing may be waited for, and the first filling is within one."""
    waited = []

    class Event:
        def __init__(self, disable_timing):
            assert disable_timing

        def record(self, stream):
            assert stream == "stream"

        def synchronize(self):
            waited.append(self)

    class Array:
        data = SimpleNamespace(copy_from_host_async=lambda address, size, stream: None)

    cuda = SimpleNamespace(Event=Event, alloc_pinned_memory=bytearray, get_current_stream=lambda: "stream")
    staging = capture.PinnedStaging(SimpleNamespace(empty=lambda size, dtype: Array(), cuda=cuda), 8)
    first = staging.host()
    staging.send()
    second = staging.host()
    staging.send()
    assert not waited
    assert first is not second
    assert staging.host() is first
    assert len(waited) == 1
