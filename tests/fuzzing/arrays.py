"""Files of arrays: snapshots, checkpoints of other programs, statistics, classifiers, weights."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np

from mocogan_chainer import builder, checkpoint, config, models, npz_files, safetensors_files, torch_files
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation import classifier_file, result, statistics
from mocogan_chainer.evaluation.classifier import PARTS, Classifier, ClipNetwork, clip_preparation
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.features import pickled_arrays
from tests.fuzzing import mutations, structures
from tests.fuzzing.reader import Files, Reader, one_of
from tests.torch_forms import test_damage as sound_checkpoints
from tests.torch_forms.handmade import Zip, pickled

NPZ, PTH, TENSORS, JSON, PICKLE = "x.npz", "x.pth", "x.safetensors", "x.json", "x.ckpt"
ARRAYS = {
    "a/b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1).copy(order="F"),
    "text": np.array("ä"),
    "nothing": np.empty((3, 0), np.uint8),
}


def _npz(**arrays: np.ndarray) -> list[Files]:
    files = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **arrays)
        files.append({NPZ: file.getvalue()})
    return files


def _in_npz(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """Damage a member: its values, its header, or the JSON text in it."""
    return structures.archive(rng, samples, _array)


def _array(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    array = np.load(io.BytesIO(samples[0]), allow_pickle=False)
    if array.dtype.kind == "U" and rng.random() < 0.8:
        text = structures.as_json(rng, [str(array).encode()]) if str(array).startswith("{") else b"x"
        array = np.array(text.decode(errors="replace"))
    elif rng.random() < 0.5 and array.dtype.kind in "fiu":
        array = _other(rng, array)
    else:
        return structures.npy(rng, samples)
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _other(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Return an array of another type or shape, or with values that are none."""
    kinds = ("f2", "f8", "i8", "u1", "?", "c8", "S3", "U3", ">f4")
    with np.errstate(all="ignore"):
        others = (
            lambda: array.astype(kinds[rng.integers(len(kinds))]),
            lambda: array.reshape(-1),
            lambda: array[None],
            lambda: np.full_like(array, array.dtype.type(np.nan) if array.dtype.kind == "f" else 255 - 128),
            lambda: np.full(array.shape, rng.choice([np.inf, 1e300, -1.0, 5e-324])),
            lambda: array[:0] if array.ndim else array[None][:0],
            lambda: np.zeros((1 << int(rng.integers(1, 20)),) * int(rng.integers(1, 2)), array.dtype),
        )
        return others[rng.integers(len(others))]()


def _statistics(folder: Path) -> list[Files]:
    features = np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32)
    gathered = statistics.Statistics(5)
    gathered.update(features)
    statistics.save(folder / NPZ, gathered, Protocol(metric="precalc", name="x").to_json())
    own = {NPZ: (folder / NPZ).read_bytes()}
    return [own, own, *_npz(mu=gathered.mean, sigma=gathered.gaussian().covariance)]


def _read_statistics(folder: Path) -> None:
    statistics.is_file_of_statistics(folder / NPZ)
    stored = statistics.load(folder / NPZ)
    if stored.protocol:
        Protocol.from_json(stored.protocol, "x")


def _classifiers(folder: Path) -> list[Files]:
    classifier = Classifier(
        network=ClipNetwork(2, 1, np.random.default_rng(0)),
        class_names=("a", "b"),
        preparation=clip_preparation(1, 1, 16),
        reference="real",
        split=None,
        parts=dict.fromkeys(PARTS, 1),
        held_out=np.eye(2, dtype=np.int64),
        seed=0,
    )
    classifier_file.save(folder / NPZ, classifier)
    return [{NPZ: (folder / NPZ).read_bytes()}]


def _snapshots(folder: Path) -> list[Files]:
    """A generator of a few numbers, as a run saves it."""
    small = {"model.ch_g": 1, "model.ch_d": 2, "model.dim_za": 4, "model.dim_zm": 3}
    resolved = config.resolve("g3an", settings=small)
    data = DataDescription("three", 16, 3, ("a", "b", "c"))
    networks = models.build(resolved, data).networks

    class State:
        def serialize(self, serializer):
            for name, network in networks.items():
                network.serialize(serializer["updater"][f"model:{name}"])
            serializer("epoch", 3)

    checkpoint.save(folder / NPZ, State(), config=config.dump(resolved), data=data.to_dict(), iteration=7)
    return [{NPZ: (folder / NPZ).read_bytes()}]


def _in_snapshot(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """Change a setting in the config that a snapshot brings with it, or a fact of its data, to another number."""
    with np.load(io.BytesIO(samples[0]), allow_pickle=False) as opened:
        arrays = dict(opened)
    meta = json.loads(str(arrays["meta"]))
    number = int(rng.choice([-1, 0, 1, 2, 3, 7, 17, 64, 1000, 4096, 10**5, 10**6, 10**9, 2**31, 2**62]))
    lines = meta["config"].split("\n")
    i = rng.choice([i for i, line in enumerate(lines) if line.partition(": ")[2].strip("-.0123456789") == ""])
    if rng.random() < 0.7:
        lines[i] = f"{lines[i].partition(':')[0]}: {number}"
        meta["config"] = "\n".join(lines)
    else:
        meta["data"] |= {rng.choice(["size", "channels", "unlabelled"]): number}
    arrays["meta"] = np.array(json.dumps(meta))
    return _npz(**arrays)[0][NPZ]


def _checkpoints(form: str) -> Reader:
    def sound(folder: Path) -> list[Files]:
        return [{PTH: sound_checkpoints.WRITERS[form](folder / PTH).read_bytes()}]

    def pickle_alone(rng: np.random.Generator, samples: list[bytes]) -> bytes:
        """In the zip form the archive's sums would reveal the damage before the pickle is read."""
        data = mutations.damaged(rng, [pickled(sound_checkpoints.network(Zip()))])
        file = io.BytesIO()
        Zip().write_pickle(file, data, sound_checkpoints.CONTENTS)
        return file.getvalue()

    ways = [mutations.damaged, *([structures.archive, pickle_alone, pickle_alone] if form == "zip" else [])]
    return Reader(
        f"torch, {form} form", sound, one_of(PTH, *ways), lambda folder: torch_files.read_checkpoint(folder / PTH)
    )


def _tensors(folder: Path) -> list[Files]:
    arrays = {name: array for name, array in ARRAYS.items() if array.dtype.kind != "U"}
    safetensors_files.write_safetensors(folder / TENSORS, arrays)
    return [{TENSORS: (folder / TENSORS).read_bytes()}]


def _tensor_header(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    length = int.from_bytes(samples[0][:8], "little")
    header = structures.as_json(rng, [samples[0][8 : 8 + length]])
    stated = len(header) if rng.random() < 0.95 else int(rng.choice([0, 1, 1 << 40, (1 << 63) - 1]))
    return stated.to_bytes(8, "little") + header + samples[0][8 + length :]


def _pickles(folder: Path) -> list[Files]:
    arrays = {"params": {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}, "batch_stats": {"b": np.float32([1, 2])}}
    arrays["batch_stats"]["b"] = np.array([1, 2], np.float32)
    return [{PICKLE: pickle.dumps(arrays, protocol)} for protocol in (3, 4)]


def _results(folder: Path) -> list[Files]:
    made = result.Result(
        protocol=Protocol(metric="fid", name="fid-x", size=64, settings={"k": 1, "soft": True}),
        evaluated="videos",
        value=1.5,
        spread=0.25,
        spread_kind="bootstrap",
        counts={"taken": 9},
        versions={"numpy": "2"},
        seconds=1.0,
        others={"curve": [0.5, float("inf")], "f": 1.0},
        warnings=("one",),
        evaluated_reference="x",
    )
    made.write(folder / JSON)
    return [{JSON: (folder / JSON).read_bytes()}]


def _read_result(folder: Path) -> None:
    found = result.read(folder / JSON)
    found.markdown_row().encode()
    result.compare(found, found).text().encode()
    found.write(folder / "again.json")
    assert result.read(folder / "again.json") == found


READERS = (
    Reader(
        ".npz arrays",
        lambda folder: _npz(**ARRAYS),
        one_of(NPZ, mutations.damaged, structures.archive, _in_npz),
        lambda folder: npz_files.read(folder / NPZ),
        (npz_files.NpzError,),
    ),
    Reader(
        "snapshots",
        _snapshots,
        one_of(NPZ, mutations.damaged, _in_npz, _in_npz, _in_snapshot, _in_snapshot),
        lambda folder: builder.load_sampler(folder / NPZ),
    ),
    *map(_checkpoints, ("zip", "legacy")),
    Reader(
        "safetensors",
        _tensors,
        one_of(TENSORS, mutations.damaged, _tensor_header),
        lambda folder: safetensors_files.read_safetensors(folder / TENSORS),
    ),
    Reader(
        "pickled weights",
        _pickles,
        one_of(PICKLE, mutations.damaged),
        lambda folder: pickled_arrays.read_arrays(folder / PICKLE),
    ),
    Reader("statistics", _statistics, one_of(NPZ, mutations.damaged, _in_npz, _in_npz), _read_statistics, (DataError,)),
    Reader(
        "classifiers",
        _classifiers,
        one_of(NPZ, mutations.damaged, _in_npz, _in_npz),
        lambda folder: classifier_file.load(folder / NPZ),
    ),
    Reader("result.json", _results, one_of(JSON, structures.as_json), _read_result),
)
