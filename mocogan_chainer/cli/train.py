"""``train.py``: flags to a config, the config to a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mocogan_chainer import backends, builder, checkpoint, models, preprocessing
from mocogan_chainer import config as configuration
from mocogan_chainer.cli import entry
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.files import atomic_write
from mocogan_chainer.preprocessing import shapes

DEFAULT_DATASET = "data"

FIXED = ("model_name", "family", "model", "seed", "video_length", "every_nth", "size", "ema_decay")
"""Settings that a resumed run cannot change: its networks and random streams depend on them."""

_FLAGS: tuple[tuple[tuple[str, ...], str, type, str], ...] = (
    (("--gpu", "-g"), "gpu", int, "device number; -1 for the CPU"),
    (("--dataset",), "dataset", str, "folder of the prepared dataset"),
    (("--batchsize",), "batchsize", int, "videos a step"),
    (("--max_epoch",), "max_epoch", int, "stop after so many epochs"),
    (("--max_iteration",), "max_iteration", int, "stop after so many iterations"),
    (("--save_name",), "save_name", str, "results go to result/NAME and runs/NAME"),
    (("--display_interval",), "display_interval", int, "iterations between rows of losses"),
    (("--snapshot_interval",), "snapshot_interval", int, "iterations between snapshots and GIF grids"),
    (
        ("--log_tensorboard_interval",),
        "log_tensorboard_interval",
        int,
        "iterations between points in TensorBoard",
    ),
    (("--num_gen_samples",), "num_gen_samples", int, "videos in the GIF grid"),
    (("--dim_zc",), "model.dim_zc", int, "size of the content code"),
    (("--dim_zm",), "model.dim_zm", int, "size of the motion code"),
    (("--n_filters_gen",), "model.n_filters_gen", int, "filters of the generator"),
    (("--n_filters_idis",), "model.n_filters_idis", int, "filters of the image discriminator"),
    (("--n_filters_vdis",), "model.n_filters_vdis", int, "filters of the video discriminator"),
    (("--seed",), "seed", int, "of all random streams"),
)
"""Each flag with the setting that it stands for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train; return the exit code."""
    return entry.run(lambda: _train(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(prog="train.py", description="Train a model on a prepared dataset.")
    parser.add_argument("--model", choices=configuration.model_names(), help="what to train (default: normal)")
    parser.add_argument("--dataset_type", choices=configuration.dataset_types(), help="settings that suit a set")
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="any setting, by its dotted name",
    )
    for names, setting, kind, text in _FLAGS:
        parser.add_argument(*names, dest=setting, type=kind, metavar=kind.__name__.upper(), help=text)
    parser.add_argument("--resume", "-r", metavar="SNAPSHOT", help="go on from a snapshot, with its own settings")
    parser.add_argument(
        "--dry-run", action="store_true", help="check and print settings, parameters and memory; do no work"
    )
    return parser


def _train(arguments: argparse.Namespace) -> None:
    snapshot = checkpoint.load(arguments.resume) if arguments.resume else None
    config = _config(arguments, snapshot)
    builder.check(config)
    builder.run_name(config)
    if arguments.dry_run:
        _dry_run(config)
        return
    _prepare_default_data(config)
    dataset = builder.open_dataset(config)
    trainer = builder.build_trainer(config, dataset, say=_say)
    if snapshot is not None:
        builder.resume(trainer, snapshot)
        _say(f"going on from {snapshot.path} at iteration {snapshot.iteration}")
    with atomic_write(Path(trainer.out) / "config.yml") as file:
        file.write(configuration.dump(config).encode())
    _say(f"training {config['model_name']} on {len(dataset)} videos of {config['dataset']}; results in {trainer.out}")
    trainer.run(show_loop_exception_msg=False)
    _say(f"done after {trainer.updater.iteration} iterations: {trainer.out}/snapshot_latest.npz")


def _config(arguments: argparse.Namespace, snapshot: checkpoint.Snapshot | None) -> Config:
    settings = {setting: getattr(arguments, setting) for _, setting, _, _ in _FLAGS}
    settings = {name: value for name, value in settings.items() if value is not None}
    settings |= configuration.parse_settings(arguments.set)
    stack: dict[str, Any] = {
        "dataset_type": arguments.dataset_type,
        "file": arguments.config,
        "settings": settings,
    }
    if snapshot is None:
        return configuration.resolve(arguments.model or "normal", **stack)
    stored = configuration.restore(snapshot.config)
    config = configuration.restore(snapshot.config, **stack)
    if arguments.model not in (None, stored["model_name"]):
        raise ConfigError(
            f"--model {arguments.model}: {snapshot.path} holds {stored['model_name']}; leave --model away"
        )
    for name in configuration.differences(stored, config):
        if name.split(".")[0] in FIXED:
            raise ConfigError(
                f"{name}={_value(config, name)}: a resumed run keeps its {_value(stored, name)}; to change it start a "
                "new run"
            )
    return config


def _value(config: Config, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


def _prepare_default_data(config: Config) -> None:
    """Make the built-in set where the user has not said what to train on and nothing is there."""
    if config["dataset"] != DEFAULT_DATASET or Path(DEFAULT_DATASET).exists():
        return
    _say(f"no data at {DEFAULT_DATASET}/ yet: preparing the built-in shape-motion set there")
    preprocessing.prepare("shapes", None, DEFAULT_DATASET, seed=config["seed"])


def _dry_run(config: Config) -> None:
    if config["dataset"] == DEFAULT_DATASET and not Path(DEFAULT_DATASET).exists():
        _say(f"no data at {DEFAULT_DATASET}/ yet: training would prepare the built-in shape-motion set there")
        data = DataDescription("shapes", shapes.SIZE, 3, shapes.CLASS_NAMES)
    else:
        data = builder.describe(builder.open_dataset(config))
    builder.choose_device(config["gpu"])
    backends.use(config["backend"])
    summary = builder.summarize(config, models.build(config, data))
    print(configuration.dump(config))
    print(f"data: {data.name}, {data.size} x {data.size}, {data.n_classes} classes")
    for name, count in summary.parameters.items():
        print(f"{name}: {count:,} parameters")
    for name, size in summary.memory.items():
        print(f"{name}: {size / 2**20:,.0f} MiB")
    print(
        f"memory of a step, about: {sum(summary.memory.values()) / 2**20:,.0f} MiB, without Python itself and the backend's buffers"
    )


def _say(line: str) -> None:
    print(line, flush=True)
