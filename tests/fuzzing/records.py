"""What a run has written and reads again: TensorBoard's event files, the log, the note of a rollback."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import masked_crc32c

from mocogan_chainer.extensions import event_files
from mocogan_chainer.extensions.log_report import LogReport
from mocogan_chainer.extensions.loss_plot import Curve
from mocogan_chainer.training_runs.rollbacks import NOTE, read_note
from tests.fuzzing import mutations, structures
from tests.fuzzing.reader import Files, Reader, one_of

EVENTS = "events.out.tfevents.0000000001.000000001.host.1"
LOG = "log"
STEP = 3
"""A run goes on from here."""


def _event_files(folder: Path) -> list[Files]:
    messages = [Event(file_version="brain.Event:2", wall_time=1.0)]
    for step in range(1, 6):
        values = [Summary.Value(tag=tag, simple_value=step / 2) for tag in ("generator/loss", "rollbacks")]
        image = Summary.Image(height=2, width=2, colorspace=3, encoded_image_string=b"GIF89a" + bytes(40))
        values.append(Summary.Value(tag="samples", image=image))
        messages.append(Event(step=step, summary=Summary(value=values), wall_time=float(step)))
    return [{EVENTS: b"".join(_record(m.SerializeToString()) for m in messages[:n])} for n in (2, 6)]


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    sums = (struct.pack("<I", masked_crc32c(part)) for part in (length, message))
    return length + next(sums) + message + next(sums)


def _within(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """Damage the messages of some records, whose checksums are right again."""
    data, at, records = samples[rng.integers(len(samples))], 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        message = data[at + 12 : at + 12 + size]
        records.append(_record(mutations.damaged(rng, [message]) if rng.random() < 0.5 else message))
        at += 16 + size
    return b"".join(records)


def _go_on(folder: Path) -> None:
    """Cut the files as a resumed run does; what is left is of its past."""
    event_files.cut(folder, STEP)
    for path in folder.glob(event_files.PATTERN):
        events = list(event_files.events(path))
        assert any(event.summary.value for event in events)
        assert all(event.step <= STEP for event in events if event.summary.value)


def _logs(folder: Path) -> list[Files]:
    rows = [{"generator/loss": 1 / i, "epoch": 0, "iteration": i, "elapsed_time": i / 3} for i in (1, 2, 3)]
    texts = [",\n".join(json.dumps(row) for row in rows[:n]) for n in (1, 3)]
    return [{LOG: f"[\n{text}\n]\n".encode()} for text in texts]


def _rows_of_other_values(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    rows = json.loads(samples[rng.integers(len(samples))])
    for row in rows:
        name = list(row)[rng.integers(len(row))]
        row[name] = structures.SCALARS[rng.integers(len(structures.SCALARS))]
    return b",\n".join(json.dumps(row).encode() for row in rows)


def _read_log(folder: Path) -> None:
    """Read the rows and use them as plots do."""
    report = LogReport(lambda trainer: False)
    report._path = folder / LOG
    curve = Curve()
    for row in report.rows():
        for value in row.values():
            curve.add(row["iteration"], value)
    assert all(f"{value:.4f}" for point in curve.points for value in point)
    whole = (folder / LOG).read_bytes() in (files[LOG] for files in _logs(folder))
    assert curve.points or not whole


def _notes(folder: Path) -> list[Files]:
    return [{NOTE: json.dumps({"rollbacks": n, "iteration": 10 * n}).encode()} for n in (1, 3)]


def _other_values(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    note = json.loads(samples[rng.integers(len(samples))])
    note[("rollbacks", "iteration", "else")[rng.integers(3)]] = structures.SCALARS[
        rng.integers(len(structures.SCALARS))
    ]
    return json.dumps(note).encode()


def _read_note(folder: Path) -> None:
    note = read_note(folder)
    assert note is None or np.array(note, np.int64).min() >= 0
    whole = (folder / NOTE).read_bytes() in (files[NOTE] for files in _notes(folder))
    assert note or not whole


def _tolerant(name: str, file: str, sound: Callable, way: Callable, read: Callable) -> Reader:
    return Reader(name, sound, one_of(file, mutations.damaged, way), read, refuses=False)


READERS = (
    _tolerant("event files", EVENTS, _event_files, _within, _go_on),
    _tolerant("log", LOG, _logs, _rows_of_other_values, _read_log),
    _tolerant("rollback.json", NOTE, _notes, _other_values, _read_note),
)
