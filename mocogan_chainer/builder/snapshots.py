"""From a snapshot to its networks and its sampler."""

from __future__ import annotations

import os
from dataclasses import dataclass

import chainer

from mocogan_chainer import backends, checkpoint, models
from mocogan_chainer import config as configuration
from mocogan_chainer.builder.devices import choose_device
from mocogan_chainer.builder.settings import RANGES, check_ranges
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError, SnapshotError, require_range
from mocogan_chainer.links.initialization import TooManyNumbersError, at_most
from mocogan_chainer.models.family import Family
from mocogan_chainer.sampling import Animator, Forecaster, Sampler

_GROWTH, _ALWAYS_ALLOWED = 8, 1 << 26
"""How many numbers networks may have that a snapshot describes: so many times its own, which may be the generator's
alone, and so many more."""


def load_snapshot(path: str | os.PathLike) -> tuple[checkpoint.Snapshot, Config]:
    """Read a snapshot and its config.

    Raises:
        SnapshotError: see :func:`mocogan_chainer.checkpoint.load`.
    """
    snapshot = checkpoint.load(path)
    try:
        config = configuration.restore(snapshot.config)
        check_ranges(config)
    except ConfigError as error:
        raise SnapshotError(f"{path}: it was made by another version, or is damaged: {error}") from error
    return snapshot, config


def stored_description(snapshot: checkpoint.Snapshot) -> DataDescription:
    """Return the description of the data that a snapshot's run was on.

    Raises:
        SnapshotError: it lacks a part.
    """
    try:
        return DataDescription.from_dict(snapshot.data)
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(
            f"{snapshot.path}: its description of the data is damaged or of another version ({error}); use another one"
        ) from error


def load_networks(path: str | os.PathLike, raw: bool = False) -> tuple[dict[str, chainer.Chain], Config]:
    """Rebuild the networks that a snapshot has, on the CPU, and return them and its config.

    Args:
        path: the snapshot.
        raw: take the generator as trained, where there is a moving average too.

    Raises:
        SnapshotError: the snapshot cannot be used.
    """
    snapshot, config = load_snapshot(path)
    family = family_of(snapshot, config)
    places = {name: network_place(name) for name in family.networks}
    if not raw and snapshot.has(average_place(family)):
        places[family.averaged] = average_place(family)
    networks = {n: net for n, net in family.networks.items() if n == family.averaged or snapshot.has(places[n])}
    for name, network in networks.items():
        snapshot.restore(network, places[name])
    return networks, config


@dataclass(frozen=True)
class Generator:
    """What a snapshot's generator makes, for those who measure it.

    Attributes:
        sampler: its sampler.
        video_length: frames of a video that it was trained on.
        every_nth: steps in the real videos from one of these frames to the next.
        data_name: the name of the dataset that it was trained on.
        class_name: the class that it was trained on, where that was one alone, else None.
    """

    sampler: Sampler | Animator | Forecaster
    video_length: int
    every_nth: int
    data_name: str
    class_name: str | None = None


def load_generator(path: str | os.PathLike, gpu: int = -1) -> Generator:
    """Rebuild a snapshot's generator; see :func:`load_sampler`."""
    snapshot, config = load_snapshot(path)
    sampler = _restore_sampler(snapshot, config, gpu)
    data = stored_description(snapshot)
    return Generator(
        sampler,
        video_length=config["video_length"],
        every_nth=config["every_nth"],
        data_name=data.name,
        class_name=data.class_names[0] if len(data.class_names) == 1 else None,
    )


def load_sampler(path: str | os.PathLike, gpu: int = -1) -> tuple[Sampler | Animator | Forecaster, Config]:
    """Rebuild a snapshot's generator and return its sampler and config.

    Args:
        path: the snapshot.
        gpu: device number, -1 for the CPU.

    Raises:
        SnapshotError: the snapshot cannot be used, or the generator has weights that are not finite.
        DeviceError: no such device.
    """
    snapshot, config = load_snapshot(path)
    return _restore_sampler(snapshot, config, gpu), config


def _restore_sampler(snapshot: checkpoint.Snapshot, config: Config, gpu: int = -1) -> Sampler | Animator | Forecaster:
    require_range("gpu", gpu, *RANGES["gpu"])
    device = choose_device(gpu)
    # The snapshot's backend may be missing here, and makes no difference; float32 gives the same videos everywhere.
    backends.use("auto", gpu >= 0, "float32")
    family = family_of(snapshot, config)
    network = family.networks[family.averaged]
    place = average_place(family) if snapshot.has(average_place(family)) else network_place(family.averaged)
    snapshot.require_finite(place)
    snapshot.restore(network, place)
    network.to_device(device)
    return family.sampler(network)


def family_of(snapshot: checkpoint.Snapshot, config: Config) -> Family:
    """Build the networks that a snapshot's config describes.

    Raises:
        SnapshotError: they would be far larger than what the snapshot holds, whose config is only a text.
    """
    held = sum(array.size for array in snapshot.arrays.values())
    try:
        with at_most(_GROWTH * held + _ALWAYS_ALLOWED):
            return models.build(config, stored_description(snapshot))
    except TooManyNumbersError as error:
        raise SnapshotError(
            f"{snapshot.path}: its settings ask for networks far larger than the {held} numbers that it holds "
            f"({error}); it is damaged"
        ) from error


def network_place(name: str) -> str:
    """Where a snapshot has a network."""
    return f"updater/model:{name}"


def average_place(family: Family) -> str:
    """Where a snapshot has the moving average, if there is one."""
    return f"updater/average:{family.averaged}"
