"""The settings of a run: what was requested, on top of those of a snapshot where there is one."""

from __future__ import annotations

from typing import Any

from mocogan_chainer import builder, checkpoint
from mocogan_chainer import config as configuration
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.prepared import kind_of
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.training_runs import built_in_data
from mocogan_chainer.training_runs.request import Request
from mocogan_chainer.wording import Say

FIXED = (
    "model_name",
    "family",
    "model",
    "seed",
    "split",
    "video_length",
    "every_nth",
    "flip",
    "balance_classes",
    "size",
    "ema_decay",
)
"""Settings that a resumed run cannot change: its networks and random streams depend on them."""

OF_WEIGHTS = ("model", "video_length", "every_nth")
"""Settings that a run from a snapshot's weights takes from there unless told otherwise: the weights are for them."""


def resolve_settings(
    request: Request, say: Say
) -> tuple[Config, checkpoint.Snapshot | None, checkpoint.Snapshot | None]:
    """Stack the settings on top of those of a snapshot, where there is one.

    Returns:
        The config, the snapshot that is resumed, and the one whose weights a new run starts from.

    Raises:
        ConfigError: the request contradicts itself or the snapshot.
        SnapshotError: the snapshot cannot be read.
    """
    stack = {"dataset_type": request.dataset_type, "file": request.file, "settings": request.settings}
    if request.weights is not None:
        if request.resume is not None:
            raise ConfigError("--resume, --resume-weights: one goes on with a run, the other starts one; use only one")
        return _upon_weights(request.weights, request.model, stack)
    if request.resume is None:
        return _of_new_run(request.model, stack, say), None, None
    snapshot, stored = builder.load_snapshot(request.resume)
    if not snapshot.has("updater/iterator:main"):
        raise ConfigError(
            f"--resume {snapshot.path}: it holds networks and no run; start one from them with --resume-weights"
        )
    if request.model not in (None, stored["model_name"]):
        raise ConfigError(f"--model {request.model}: {snapshot.path} holds {stored['model_name']}; omit --model")
    config = configuration.restore(snapshot.config, **stack)
    for name in configuration.differences(stored, config):
        if name.split(".")[0] in FIXED:
            wanted, kept = (_in_yaml(configuration.value(of, name)) for of in (config, stored))
            raise ConfigError(f"{name}={wanted}: a resumed run keeps its {kept}; to change it start a new run")
    return config, snapshot, None


def _in_yaml(value: Any) -> str:
    """Return a value as the user writes it."""
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _of_new_run(model: str | None, stack: dict[str, Any], say: Say) -> Config:
    """Stack the settings of a new run on top of those that suit its data."""
    config = configuration.resolve(model, **stack)
    dataset = built_in_data.chosen(config["dataset"])
    kind = kind_of(dataset)
    suited = configuration.resolve(model, **stack, kind=kind)
    if changed := configuration.differences(config, suited):
        values = ", ".join(f"{name}={configuration.value(suited, name)}" for name in changed)
        say(f"{dataset} was prepared as {kind}: {values} (configs/dataset/{kind}.yml)")
    return _ending_as_asked(suited, stack) | {"dataset": dataset}


def _upon_weights(path: str, model: str | None, stack: dict[str, Any]) -> tuple[Config, None, checkpoint.Snapshot]:
    """Stack the settings on top of those that the weights depend on, where they are not their model's defaults."""
    weights, stored = builder.load_snapshot(path)
    changed = configuration.differences(configuration.resolve(stored["model_name"]), stored)
    kept = {name: configuration.value(stored, name) for name in changed if name.split(".")[0] in OF_WEIGHTS}
    if model is not None and configuration.resolve(model)["family"] != stored["family"]:
        raise ConfigError(
            f"--model {model}: {path} holds {stored['model_name']} of the family {stored['family']}; leave "
            f"--model away, or name one of that family"
        )
    base = configuration.resolve(model or stored["model_name"], settings=kept)
    config = _ending_as_asked(configuration.restore(configuration.dump(base), **stack), stack)
    config["dataset"] = built_in_data.chosen(config["dataset"])
    if config["size"] is None and built_in_data.is_missing(config):
        config["size"] = builder.stored_description(weights).size
    return config, None, weights


def _ending_as_asked(config: Config, stack: dict[str, Any]) -> Config:
    """Return the config without the model's usual number of iterations where only epochs were given."""
    named = configuration.named(**stack)
    alone = config["max_epoch"] is not None and "max_epoch" in named and "max_iteration" not in named
    return config | {"max_iteration": None} if alone else config


def check_before_work(config: Config, weights: checkpoint.Snapshot | None) -> None:
    """Check all that can be checked without the data, before anything is made.

    Raises:
        MocoganError: the settings and this machine do not go together.
    """
    builder.check(config)
    builder.choose_backend(config)
    if built_in_data.is_missing(config):
        builder.build_family(config, built_in_data.describe(config), lambda line: None, weights)
