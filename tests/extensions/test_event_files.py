"""TensorBoard's files, against tensorboardX's own writer and against what a kill leaves."""

import pytest
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from mocogan_chainer.extensions import event_files


def scalar(step, value):
    return Event(step=step, summary=Summary(value=[Summary.Value(tag="loss", simple_value=value)]))


def points(folder):
    return [
        (event.step, value.simple_value)
        for path in sorted(folder.glob(event_files.PATTERN))
        for event in event_files.events(path)
        for value in event.summary.value
    ]


def write(folder, steps, start=0):
    file = event_files.EventFile(folder, start)
    for step in steps:
        file.add(scalar(step, step / 2))
    file.close()


def test_what_tensorboardx_writes_is_read(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 2):
            writer.add_scalar("loss", step / 2, step)
    assert points(tmp_path) == [(1, 0.5), (2, 1.0)]


def test_the_bytes_are_those_of_tensorboardx(tmp_path):
    write(tmp_path, [1])
    (path,) = tmp_path.iterdir()
    theirs = RecordWriter(str(tmp_path / "theirs"))
    for event in event_files.events(path):
        theirs.write(event.SerializeToString())
    theirs.close()
    assert path.read_bytes() == (tmp_path / "theirs").read_bytes()


def test_files_made_at_once_have_names_of_their_own(tmp_path):
    for _ in range(5):
        write(tmp_path, [1])
    assert len(list(tmp_path.iterdir())) == 5


def test_flushed_events_outlive_a_kill(tmp_path):
    file = event_files.EventFile(tmp_path, 1)
    file.add(scalar(1, 0.5))
    file.flush()
    assert points(tmp_path) == [(1, 0.5)]


@pytest.mark.parametrize("lost", range(1, 36, 3))
def test_a_record_cut_off_ends_the_file(tmp_path, lost):
    write(tmp_path, [1, 2])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    assert points(tmp_path) == [(1, 0.5)]


def test_zeros_at_the_end_are_no_records(tmp_path):
    write(tmp_path, [1])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + bytes(99))
    assert points(tmp_path) == [(1, 0.5)]


def test_a_cut_removes_what_is_later(tmp_path):
    write(tmp_path, [1, 2, 3])
    write(tmp_path, [3, 4], start=3)
    assert event_files.cut(tmp_path, 2) == {"loss"}
    assert points(tmp_path) == [(1, 0.5), (2, 1.0)]
    assert len(list(tmp_path.iterdir())) == 1
    write(tmp_path, [3], start=3)
    assert points(tmp_path) == [(1, 0.5), (2, 1.0), (3, 1.5)]


def test_a_cut_where_nothing_is_later_leaves_the_bytes(tmp_path):
    write(tmp_path, [1, 2])
    (path,) = tmp_path.iterdir()
    before = path.stat()
    assert event_files.cut(tmp_path, 5) == set()
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
