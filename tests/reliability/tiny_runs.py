"""Runs of tiny networks of every family, and all that two runs must have in common to be one and the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mocogan_chainer import checkpoint, preprocessing, snapshot_files, training_runs
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.extensions import LossPlot, event_files
from mocogan_chainer.files import atomic_write

MOCOGAN = {
    "video_length": 10,
    "model.n_filters_gen": 1,
    "model.n_filters_idis": 1,
    "model.n_filters_vdis": 1,
    "model.dim_zc": 6,
}
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "normal": MOCOGAN,
    "infogan": MOCOGAN | {"optimizer.decay_part": 0.5},
    "cgan": MOCOGAN | {"flip": True, "balance_classes": True},
    "g3an": {
        "every_nth": 1,
        "model.ch_g": 1,
        "model.ch_d": 2,
        "model.dim_za": 4,
        "model.dim_zm": 3,
        "model.stride_spread": 0,
    },
    "affinegan": {
        "video_length": 4,
        "model.generator": "unet_64",
        "model.ngf": 1,
        "model.ndf": 1,
        "model.train_imagenum": 2,
    },
    "prediction": {
        "video_length": 10,
        "every_nth": 1,
        "model.motion_encoder": "video",
        "model.dim_features": 4,
        "model.n_filters_gen": 1,
        "model.n_filters_enc": 1,
        "model.n_filters_idis": 1,
        "model.n_filters_vdis": 1,
    },
}
"""Settings that make each family's networks tiny, for frames of 16 pixels."""

COMMON = {
    "batchsize": 2,
    "num_gen_samples": 1,
    "backend": "stock",  # NumPy alone: no threads of its own, so that a process may be forked
    "verify": False,
    "snapshot_interval": 10,
    "display_interval": 7,  # rows that stand across snapshots
    "log_tensorboard_interval": 3,
}


def prepare(folder: Path) -> dict[str, Path]:
    """Prepare the tiny data of each family: shapes for most, one class with masks for AffineGAN."""
    preprocessing.prepare("shapes", None, folder / "shapes", num=12, size=16, length=24, workers=0)
    rng = np.random.default_rng(0)
    with open_writer(folder / "faces", "faces", 40, ("happy",), masks=True) as writer:
        for i, length in enumerate((3, 6, 4)):
            frames = rng.integers(256, size=(length, 40, 40, 3), dtype=np.uint8)
            marked = 255 * rng.integers(2, size=(length, 40, 40), dtype=np.uint8)
            writer.add(frames, str(i), "happy", masks=marked)
    return {family: folder / ("faces" if family == "affinegan" else "shapes") for family in FAMILIES}


def plain_plots(patch: Callable[[Any, str, Any], Any]) -> None:
    """Let ``losses.png`` be what it would show, as text: drawing takes longer than all else of a tiny run."""

    def write(self: LossPlot, trainer: Any) -> None:
        with atomic_write(Path(trainer.out) / "losses.png") as file:
            file.write(json.dumps(timeless(trainer.get_extension("LogReport").log)).encode())

    patch(LossPlot, "__call__", write)


def request(family: str, data: Path, folder: Path, iterations: int, **more: Any) -> training_runs.Request:
    """Ask for a run of ``iterations`` whose results go to ``folder``; ``more`` are other fields of the request."""
    settings = {"dataset": str(data), "out": str(folder), "tensorboard": str(folder / "board"), "save_name": "run"}
    settings |= {"max_iteration": iterations} | COMMON | FAMILIES[family] | more.pop("settings", {})
    return training_runs.Request(model=family, settings=settings, **more)


def run(*known: Any, **more: Any) -> list[str]:
    """Do what :func:`request` asks for; return what it says."""
    lines: list[str] = []
    training_runs.train(request(*known, **more), lines.append)
    return lines


def result(folder: Path) -> dict[str, Any]:
    """Return what a run has made, by name, without what depends on the clock: all is to be compared bit for bit."""
    out = folder / "run"
    newest = list(snapshot_files.found(out).values())[-1]
    made: dict[str, Any] = state(checkpoint.load(newest))
    made["log"] = json.dumps(timeless(json.loads((out / "log").read_text())))
    made["board"] = series(folder / "board" / "run")
    for path in (*out.glob("*.gif"), *out.glob("*.png")):
        made[path.name] = path.read_bytes()
    return made


def state(snapshot: checkpoint.Snapshot) -> dict[str, Any]:
    """Return all that a snapshot holds of a run, by name, without what depends on the clock."""
    arrays = {name: array for name, array in snapshot.arrays.items() if "elapsed" not in name}
    rows = arrays.pop("trainer/extensions/LogReport/rows").tobytes().splitlines()
    made: dict[str, Any] = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}
    return made | {"iteration": snapshot.iteration, "rows": timeless([json.loads(row) for row in rows])}


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the log's rows without the time."""
    return [{name: value for name, value in row.items() if name != "elapsed_time"} for row in rows]


def series(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """Return what TensorBoard's files have: points (step, value) by tag, in the order of the files."""
    points: dict[str, list[tuple[int, Any]]] = {}
    for path in sorted(folder.glob(event_files.PATTERN)):
        for event in event_files.events(path):
            for value in event.summary.value:
                content = value.image.encoded_image_string if value.HasField("image") else value.simple_value
                points.setdefault(value.tag, []).append((event.step, content))
    return points


def differences(made: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two results."""
    return sorted(name for name in made.keys() | expected.keys() if made.get(name) != expected.get(name))
