"""Say what a run would be, without doing it."""

from __future__ import annotations

from mocogan_chainer import builder, built_in_data
from mocogan_chainer import config as configuration
from mocogan_chainer.config import Config
from mocogan_chainer.files import mebibytes
from mocogan_chainer.rollbacks import Say
from mocogan_chainer.runs.data import open_dataset
from mocogan_chainer.runs.request import Request
from mocogan_chainer.runs.resumption import choose_snapshot, sought_folder
from mocogan_chainer.runs.settling import check_before_work, settle


def rehearse(request: Request, say: Say) -> None:
    """Say a run's settings, networks, memory and snapshots, without doing it.

    All is checked that :func:`~mocogan_chainer.runs.train` would check, but for an earlier run of the same name.

    Raises:
        MocoganError: as there.
    """
    config, snapshot, weights = settle(choose_snapshot(request, sought_folder(request), say, rehearsed=True), say)
    check_before_work(config, weights)
    if snapshot is None and built_in_data.is_missing(config):
        say(f"no data at {built_in_data.PLACE} yet: training would prepare the built-in shape-motion set there")
        data = built_in_data.describe(config)
        family = builder.build_family(config, data, say, weights)
    else:
        dataset = open_dataset(config, snapshot)
        data = builder.describe(dataset)
        family = builder.build_family(config, data, say, weights)
        builder.build_iterators(config, family, dataset, say)
    summary = builder.summarize(config, family)
    if snapshot is not None:
        say(f"training would go on from {snapshot.path} at iteration {snapshot.iteration}")
    say(configuration.dump(config))
    say(f"data: {data.name}, {data.size} x {data.size}, {data.n_classes} classes")
    for name, count in summary.parameters.items():
        say(f"{name}: {count:,} parameters")
    for name, size in summary.memory.items():
        say(f"{name}: {mebibytes(size)}")
    total = sum(summary.memory.values())
    say(f"memory of a step, about: {mebibytes(total)}, without Python itself and the backend's buffers")
    say(_snapshots(config, summary.snapshot))


def _snapshots(config: Config, size: int) -> str:
    line = f"a snapshot: {mebibytes(size)}"
    if config["max_iteration"] is None:
        return f"{line}, every {config['snapshot_interval']} iterations"
    end, every = config["max_iteration"], config["snapshot_interval"]
    numbers = {*range(every, end, every), end}
    if config["keep_last"] is not None:
        kept = sorted(numbers)[-config["keep_last"] :]
        numbers = {n for n in numbers if n in kept or (config["keep_every"] and n % config["keep_every"] == 0)}
    return f"{line}; {len(numbers)} of them: {mebibytes(len(numbers) * size)}"
