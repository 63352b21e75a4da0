"""The data of a run."""

from __future__ import annotations

from pathlib import Path

from mocogan_chainer import builder, checkpoint
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError


def open_dataset(config: Config, snapshot: checkpoint.Snapshot | None) -> PreparedDataset:
    """Open the dataset, check its frames, and for a resumed run that it is the same one.

    Raises:
        ConfigError: a resumed run's data is missing, or is other data.
        DataError: it is damaged.
    """
    if snapshot is not None and not Path(config["dataset"]).exists():
        raise ConfigError(f"--resume {snapshot.path}: its data is not at {config['dataset']}; say where with --dataset")
    dataset = builder.open_dataset(config)
    if config["verify"]:
        dataset.verify()
    if snapshot is not None:
        _check_same_data(snapshot, builder.describe(dataset))
    return dataset


def _check_same_data(snapshot: checkpoint.Snapshot, data: DataDescription) -> None:
    stored = builder.stored_description(snapshot)
    if stored == data:
        return
    raise ConfigError(
        f"--resume {snapshot.path}: its run was on other data: {_in_words(stored)}; and this is {_in_words(data)}; "
        "give the --dataset that it was on"
    )


def _in_words(data: DataDescription) -> str:
    classes = ", ".join(data.class_names) or "none"
    return f"{data.name}, {data.size} pixels, classes {classes}, fingerprint {data.fingerprint}"
