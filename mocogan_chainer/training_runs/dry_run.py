"""Say what a run would be, without doing it."""

from __future__ import annotations

import math

from mocogan_chainer import builder
from mocogan_chainer import config as configuration
from mocogan_chainer.config import Config
from mocogan_chainer.files import mebibytes
from mocogan_chainer.training_runs import built_in_data
from mocogan_chainer.training_runs.data import open_dataset
from mocogan_chainer.training_runs.request import Request
from mocogan_chainer.training_runs.resuming import choose_snapshot, sought_folder
from mocogan_chainer.training_runs.settings import check_before_work, resolve_settings
from mocogan_chainer.wording import Say


def dry_run(request: Request, say: Say) -> None:
    """Say a run's settings, networks, memory and snapshots, without doing it.

    Checks all that :func:`~mocogan_chainer.training_runs.train` would check, except for an earlier run of the same
    name.

    Raises:
        MocoganError: as there.
    """
    config, snapshot, weights = resolve_settings(
        choose_snapshot(request, sought_folder(request), say, dry_run=True), say
    )
    check_before_work(config, weights)
    epoch = None  # iterations of an epoch, where that is known
    if snapshot is None and built_in_data.is_missing(config):
        say(f"no data at {built_in_data.PLACE} yet: training would prepare the built-in shape-motion set there")
        data = built_in_data.describe(config)
        family = builder.build_family(config, data, say, weights)
    else:
        dataset = open_dataset(config, snapshot)
        data = builder.describe(dataset)
        family = builder.build_family(config, data, say, weights)
        epoch = builder.build_iterators(config, family, dataset, say)["main"].batches_an_epoch
    summary = builder.summarize(config, family)
    if snapshot is not None:
        say(f"training would go on from {snapshot.path} at iteration {snapshot.iteration}")
    say(configuration.dump(config))
    say(f"data: {data.name}, {data.size} x {data.size}, {data.n_classes} class{'es' * (data.n_classes != 1)}")
    for name, count in summary.parameters.items():
        say(f"{name}: {count:,} parameters")
    for name, size in summary.memory.items():
        say(f"{name}: {mebibytes(size)}")
    total = sum(summary.memory.values())
    say(f"memory of a step, about: {mebibytes(total)}, without Python itself and the backend's buffers")
    say(_snapshots(config, summary.snapshot, epoch))


def _snapshots(config: Config, size: int, epoch: float | None) -> str:
    line, every = f"a snapshot: {mebibytes(size)}", config["snapshot_interval"]
    ends = [config["max_iteration"]] if config["max_iteration"] is not None else []
    if config["max_epoch"] is not None and epoch is not None:
        ends.append(max(math.ceil(config["max_epoch"] * epoch), 1))
    if not ends:
        return f"{line}, every {every} iterations"
    count = _kept(-(-min(ends) // every), every, config["keep_last"], config["keep_every"])
    return f"{line}; {count} of them: {mebibytes(count * size)}"


def _kept(made: int, every: int, last: int | None, kept_every: int | None) -> int:
    """How many of all snapshots stay: one was made every so many iterations, the last one at the end."""
    if last is None or made <= last:
        return made
    earlier = (made - last) * every // math.lcm(every, kept_every) if kept_every else 0
    return last + earlier
