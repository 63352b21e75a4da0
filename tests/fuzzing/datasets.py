"""Prepared datasets, and what preparing them reads: lists, boxes, digits, the journal of a stop."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
from pathlib import Path

import numpy as np

from mocogan_chainer.datasets import layout, overview
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.writer import PreparedWriter
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import Item, boxes, partial
from mocogan_chainer.preprocessing.mnist import Mnist
from mocogan_chainer.preprocessing.ucf101 import Ucf101
from tests.fuzzing import mutations, structures
from tests.fuzzing.reader import Files, Reader, files_in, one_of

SHARD = layout.shard_name(0)
VIDEOS = [("a", "walk", "s1", "train", 5), ("b", "run", "s2", "test", 3), ("c", "walk", "s1", "train", 4)]


def _frames(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (length, 8, 8, 3)).astype(np.uint8)


def _write(folder: Path, count: int = len(VIDEOS), finish: bool = True) -> list[str]:
    """Write a dataset of two shards, or begin to; return the videos' digests."""
    folder.mkdir(parents=True)
    writer = PreparedWriter(folder, "x", 8, ["run", "walk"], {"size": 8, "crop": "center"}, shard_bytes=1600)
    digests = []
    for i, (id, class_name, subject, split, length) in enumerate(VIDEOS[:count]):
        known = {"split": split, "filter": "scale=8:8"}
        digests.append(writer.add(_frames(length, i), id, class_name, subject, f"raw/{id}.avi", **known))
    writer.skip("raw/d.avi", "damaged after 3 frames")
    if finish:
        writer.finish()
    writer.abandon()
    return digests


def _datasets(folder: Path) -> list[Files]:
    _write(folder / "data")
    return [files_in(folder / "data")]


def _read_dataset(folder: Path) -> None:
    dataset = PreparedDataset.open(folder, "all")
    for i in range(len(dataset)):
        dataset.frames(i, range(int(dataset.lengths[i])))
    overview.describe(dataset).encode()
    overview.contact_sheet(dataset)
    dataset.fingerprint()
    with contextlib.suppress(DataError):  # nearly all that is damaged, but by then it has been read
        dataset.verify()


def _lists(folder: Path) -> list[Files]:
    lines = [f"{name}/v_{name}_g{group:02d}_c01.avi" for name in ("Archery", "YoYo") for group in (1, 2)]
    train = "".join(f"{line} {i}\n" for i, line in enumerate(lines[::2], 1)).encode()
    test = "".join(f"{line}\r\n" for line in lines[1::2]).encode()
    return [{**{Path(line).name: b"" for line in lines}, "trainlist01.txt": train, "testlist01.txt": test}]


def _boxes(folder: Path) -> list[Files]:
    header = ",".join(boxes.COLUMNS)
    return [{"boxes.csv": f"{header}\n".encode() + b'a.avi,0,0,8,8\n"b, c.avi", 1.5,-2,9e0,7\nd.avi,3,3,1e1,4\n'}]


def _read_boxes(folder: Path) -> None:
    for left, top, width, height in boxes.read(folder / "boxes.csv").values():
        if -width < left < 320 and -height < top < 240:  # as filmed.py asks
            box = boxes.square(left + width / 2, top + height / 2, max(width, height) * 1.2, 240, 320)
            assert 0 <= box.left <= box.left + box.width <= 320
            assert 0 <= box.top <= box.top + box.height <= 240


def _digits(folder: Path) -> list[Files]:
    pictures = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 28, 28)) + bytes(range(256)) * 9 + bytes(48)
    labels = b"\0\0\x08\x01" + (3).to_bytes(4, "big") + b"\x07\x01\x02"
    plain = {"train-images-idx3-ubyte": pictures, "train-labels-idx1-ubyte": labels}
    return [plain, {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in plain.items()}]


def _damage_digits(rng: np.random.Generator, sound: list[Files]) -> Files:
    files = dict(sound[rng.integers(len(sound))])
    name = list(files)[rng.integers(len(files))]
    if name.endswith(".gz") and rng.random() < 0.6:
        inner = bytearray(mutations.damaged(rng, [gzip.decompress(files[name])]))
        if rng.random() < 0.05:
            inner += bytes(int(10 ** rng.uniform(5, 8.1)))
        files[name] = gzip.compress(bytes(inner), 1, mtime=0)
    else:
        files[name] = mutations.damaged(rng, [files[name]])
    return files


def _read_digits(folder: Path) -> None:
    source = Mnist(raw=folder, num=2)
    for item in source.items():
        source.load(item)


def _finished(folder: Path) -> list[Files]:
    file = io.BytesIO()
    np.save(file, np.zeros((20, 2, 64, 64), np.uint8))
    return [{"x.npy": file.getvalue()}]


def _read_finished(folder: Path) -> None:
    source = Mnist(raw=folder / "x.npy", size=64)
    for item in source.items():
        source.load(item)


OUT, PLAN = "out", {"dataset": "x", "videos": "3", "size": 8}
HIDDEN = f".{OUT}.partial"
JOURNAL = f"{HIDDEN}/journal"
ITEMS = [Item(id, f"raw/{id}.avi", class_name, subject, split=split) for id, class_name, subject, split, _ in VIDEOS]


def _stopped(folder: Path) -> list[Files]:
    """What a preparation leaves that was stopped after its last video but one, and after its last."""
    stops = []
    for count in (2, 3):
        digests = _write(folder / f"data{count}", count, finish=False)
        entries = [
            partial.Entry(video[-1], digest, "scale=8:8") for video, digest in zip(VIDEOS, digests, strict=False)
        ]
        lines = [partial._line(item, entry) for item, entry in zip(ITEMS, entries, strict=False)]
        files = {f"{HIDDEN}/data/{name}": data for name, data in files_in(folder / f"data{count}").items()}
        stops.append({**files, JOURNAL: b"".join(lines), f"{HIDDEN}/plan.json": json.dumps(PLAN).encode()})
    return stops


def _sealed_line(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """Change what a line says, under a checksum that is right."""
    lines = samples[0].splitlines(keepends=True)
    i = rng.integers(len(lines))
    text = structures.as_json(rng, [lines[i].partition(b" ")[2].rstrip(b"\n")]).replace(b"\n", b"")
    lines[i] = hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
    return b"".join(lines)


def _damage_stop(rng: np.random.Generator, sound: list[Files]) -> Files:
    kind = rng.integers(4)
    if kind == 0:
        return one_of(f"{HIDDEN}/plan.json", structures.as_json)(rng, sound)
    if kind == 1:
        return one_of(f"{HIDDEN}/data/{SHARD}", mutations.damaged)(rng, sound)
    return one_of(JOURNAL, mutations.damaged, _sealed_line, _sealed_line)(rng, sound)


def _take_up(folder: Path) -> None:
    """Take the work up, bring it to its end, and see that the dataset is the one that a run without a stop makes."""
    folder.mkdir(exist_ok=True)
    with partial.opened(folder / OUT, PLAN, resume=True, force=False) as work:
        writer = PreparedWriter(work.data, "x", 8, ["run", "walk"], shard_bytes=1600)
        try:
            done = work.recover(writer, ITEMS)
            for i, item in enumerate(ITEMS[done:], done):
                known = {"split": item.split, "filter": "scale=8:8"}
                frames = _frames(VIDEOS[i][-1], i)
                digest = writer.add(frames, item.id, item.class_name, item.subject, item.source, **known)
                work.note(item, partial.Entry(len(frames), digest, "scale=8:8"))
            writer.finish()
        finally:
            writer.abandon()
        work.become()
    PreparedDataset.open(folder / OUT).verify()


READERS = (
    Reader(
        "dataset.yml",
        _datasets,
        one_of(layout.META, mutations.damaged, structures.yaml, structures.yaml),
        _read_dataset,
    ),
    Reader("videos.csv", _datasets, one_of(layout.VIDEOS, mutations.damaged, structures.text), _read_dataset),
    Reader("skipped.csv", _datasets, one_of(layout.SKIPPED, mutations.damaged, structures.text), _read_dataset),
    Reader("shards", _datasets, one_of(SHARD, structures.npy), _read_dataset),
    Reader(
        "split lists",
        _lists,
        one_of("trainlist01.txt", mutations.damaged, structures.text),
        lambda folder: Ucf101(raw=folder).items(),
    ),
    Reader("boxes files", _boxes, one_of("boxes.csv", mutations.damaged, structures.text), _read_boxes),
    Reader("MNIST's files", _digits, _damage_digits, _read_digits),
    Reader("moving MNIST", _finished, one_of("x.npy", structures.npy), _read_finished),
    Reader("stopped preparations", _stopped, _damage_stop, _take_up),
)
