"""A new run's networks, and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mocogan_chainer import checkpoint, models
from mocogan_chainer import config as configuration
from mocogan_chainer.builder.snapshots import family_of, network_place, stored_description
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.models.family import Family
from mocogan_chainer.wording import Say


def build_family(
    config: Config,
    data: DataDescription,
    say: Say,
    weights: checkpoint.Snapshot | None,
) -> Family:
    """Build the config's family for a new run.

    Args:
        config: the resolved config.
        data: the data's description.
        say: takes lines for the user.
        weights: a run's snapshot or an imported one, whose weights the networks get, where it has them; or None.

    Raises:
        ConfigError: the config, the data and the weights do not go together.
        SnapshotError: the snapshot is damaged.
    """
    if weights is None:
        return models.build(config, data)
    stored = stored_description(weights)
    if stored.size != data.size and not family_of(weights, configuration.restore(weights.config)).scales_frames:
        raise ConfigError(
            f"--resume-weights {weights.path}: its frames are {stored.size} pixels and those of {data.name} "
            f"{data.size}; prepare the data with --size {stored.size}"
        )
    family = models.build(config, data)
    _load_weights(family, data, weights, stored, say)
    return family


def _load_weights(
    family: Family,
    data: DataDescription,
    snapshot: checkpoint.Snapshot,
    stored: DataDescription,
    say: Say,
) -> None:
    held = [name for name in family.networks if snapshot.has(network_place(name))]
    for name in held:
        try:
            snapshot.restore(family.networks[name], network_place(name))
        except SnapshotError as error:
            what = str(error).removeprefix(f"{snapshot.path}: trainer/{network_place(name)}/").partition(";")[0]
            why = f"it has {stored.n_classes} classes and {data.name} has {data.n_classes}"
            if stored.n_classes == data.n_classes:
                why = "omit --model and model settings to use the snapshot's"
            raise ConfigError(
                f"--resume-weights {snapshot.path}: its {name} does not fit this run's: {what}; {why}"
            ) from error
    if not held:
        raise ConfigError(f"--resume-weights {snapshot.path}: it has none of {', '.join(family.networks)}")
    say(f"weights of {', '.join(held)} from {snapshot.path}")
    if fresh := [name for name in family.networks if name not in held]:
        say(f"{snapshot.path} has no {', '.join(fresh)}: made anew")
    now = _categories(family)
    before = _categories(family_of(snapshot, configuration.restore(snapshot.config))) if now else ()
    if before and before != now:
        say(f"its categories were {', '.join(before)} and are now {', '.join(now)}")


def _categories(family: Family) -> tuple[str, ...]:
    """Names of the categories that can be requested; an animator has none."""
    return getattr(family.sampler(family.networks[family.averaged]), "class_names", ())


@dataclass(frozen=True)
class Summary:
    """What a run would be, without doing it.

    Attributes:
        parameters: number of parameters by network.
        memory: estimated bytes by what they hold.
        snapshot: bytes of a snapshot.
    """

    parameters: Mapping[str, int]
    memory: Mapping[str, int]
    snapshot: int


def summarize(config: Config, family: Family) -> Summary:
    """Count parameters and estimate the memory of a training step."""
    parameters = {name: network.count_params() for name, network in family.networks.items()}
    total = sum(parameters.values())
    float_bytes = 4
    memory = {
        "weights": total * float_bytes,
        "gradients": total * float_bytes,
        "optimizers": 2 * total * float_bytes,  # Adam's two moments
        "activations": family.activation_floats * float_bytes,
    }
    if config["ema_decay"]:
        memory["moving average"] = parameters[family.averaged] * float_bytes
    kept = memory["weights"] + memory["optimizers"] + memory.get("moving average", 0)
    return Summary(parameters, memory, kept)
