"""What every model's settings must hold, and what follows from them alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mocogan_chainer import config as configuration
from mocogan_chainer import seeding
from mocogan_chainer.config import Config
from mocogan_chainer.datasets import layout
from mocogan_chainer.errors import ConfigError, MocoganError, ShortageError, require_one_of, require_range

_WIDTHS = tuple(
    f"model.{name}"
    for name in ("n_filters_gen", "n_filters_enc", "n_filters_idis", "n_filters_vdis", "ch_g", "ch_d", "ngf", "ndf")
)
_BATCH = ("batchsize", "image_batchsize", "video_length", "model.train_imagenum")

ON_NAN = ("stop", "rollback")
"""What may be done when training's numbers are not finite."""

_LARGE = 10**9
RANGES = {
    "seed": (0, 2**63),
    "gpu": (-1, 1023),
    "video_length": (1, 10_000),
    "every_nth": (1, 10_000),
    "size": (1, 4096),
    "batchsize": (1, 100_000),
    "image_batchsize": (1, 100_000),
    "max_iteration": (1, _LARGE),
    "max_epoch": (1, _LARGE),
    "display_interval": (1, _LARGE),
    "log_tensorboard_interval": (1, _LARGE),
    "snapshot_interval": (1, _LARGE),
    "max_rollbacks": (1, 1000),
    "keep_last": (1, _LARGE),
    "keep_every": (1, _LARGE),
    "num_gen_samples": (1, 400),
    "fps": (1, 100),
    "ema_decay": (0, 0.9999999),
}
"""The least and the greatest number of each setting, where it is not null."""


def check(config: Config) -> None:
    """Check the values that every model has.

    Raises:
        ConfigError: one of them is out of range.
    """
    check_ranges(config)
    require_one_of("on_nan", config["on_nan"], ON_NAN)
    require_one_of("split", config["split"], layout.PARTS)
    for name in ("capture", "data_on_gpu"):
        require_one_of(name, config[name], ("auto", "always", "never"))
        if config["gpu"] < 0 and config[name] == "always":
            raise ConfigError(
                f"{name}=always: it is for GPUs, and gpu=-1 is the CPU; name a GPU with --gpu 0, or use auto"
            )
    optimizer = config["optimizer"]
    require_range("optimizer.alpha", optimizer["alpha"], 0, 1)
    require_range("optimizer.weight_decay", optimizer["weight_decay"], 0, 1)
    for name in ("beta1", "beta2"):
        require_range(f"optimizer.{name}", optimizer[name], 0, 0.9999999)
    require_range("optimizer.decay_part", optimizer["decay_part"], 0, 1)
    if config["max_iteration"] is None and config["max_epoch"] is None:
        raise ConfigError("max_iteration=null, max_epoch=null: training needs an end; set one of them")
    if config["keep_every"] is not None and config["keep_last"] is None:
        raise ConfigError(
            f"keep_every={config['keep_every']}: without keep_last every snapshot is kept; set keep_last too"
        )
    run_name(config)


def check_ranges(config: Config) -> None:
    """Check :data:`RANGES` alone, which hold whatever else a config asks for.

    Raises:
        ConfigError: a number is out of its range.
    """
    for name, (low, high) in RANGES.items():
        if config[name] is not None:
            require_range(name, config[name], low, high)


def run_name(config: Config) -> str:
    """The name of the run's folders.

    Raises:
        ConfigError: the name would lead out of the results' folder.
    """
    name = config["model_name"] if config["save_name"] is None else config["save_name"]
    if not name or Path(name).name != name or name in (".", "..") or not name.isprintable():
        raise ConfigError(f"save_name={name}: it must be a plain name; the folder above it is set with out=")
    return name


def tensorboard_folder(config: Config) -> Path:
    """Return the folder of the run's event files."""
    return Path(config["tensorboard"]) / run_name(config)


def streams(config: Config) -> Callable[[str], np.random.Generator]:
    """Return what gives each consumer of the run its random stream."""
    return lambda name: seeding.stream(config["seed"], "training", name)


@contextlib.contextmanager
def shortage_explained(config: Config) -> Iterator[None]:
    """Let an out-of-memory error in the block say which settings to lower, and their values."""
    try:
        yield
    except ShortageError as error:
        values = {name: configuration.value(config, name) for name in _smaller(error.kind, config)}
        lower = ", ".join(f"{name}={value}" for name, value in values.items() if value is not None and value > 1)
        frames = "" if error.kind == "networks" else ", or prepare smaller frames (preprocess.py --size)"
        raise MocoganError(f"{error}; lower {lower}{frames}; train.py --dry-run estimates what a step takes") from error


def _smaller(kind: str, config: Config) -> tuple[str, ...]:
    """Return the settings that make smaller what ran out of memory when they are lowered."""
    widths = tuple(name for name in _WIDTHS if configuration.value(config, name) is not None)
    if not widths:  # a family that calls them otherwise: one of its whole numbers they will be
        widths = tuple(f"model.{name}" for name, value in config["model"].items() if type(value) is int)
    return {
        "networks": widths,
        "batch": _BATCH,
        "step": (*_BATCH, *widths),
        "preview": ("num_gen_samples", "video_length"),
    }[kind]
