"""What ``train.py`` does: settle the settings, look before the work, start or resume a run."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from chainer.training import Trainer

from mocogan_chainer import builder, built_in_data, checkpoint, extensions, rollbacks, snapshot_files
from mocogan_chainer import config as configuration
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.prepared import PreparedDataset, kind_of
from mocogan_chainer.errors import ConfigError, OutputError, SnapshotError, Stopped
from mocogan_chainer.extensions.event_files import PATTERN as EVENTS
from mocogan_chainer.files import atomic_write, explained, mebibytes, remove_leftovers
from mocogan_chainer.locks import owned
from mocogan_chainer.rollbacks import Say
from mocogan_chainer.snapshot_files import LATEST

CONFIG = "config.yml"

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

NEWEST = "newest"
"""In place of a snapshot to resume: the newest of the run's folder that is whole."""

AUTO = "auto"
"""In place of a snapshot to resume: the newest, or a new run where there is none yet."""

RESULTS = (
    "snapshot_*.npz",
    "samples_iter_*.gif",
    f"snapshot_*.npz{snapshot_files.DAMAGED}*",
    f"snapshot_*.npz{snapshot_files.SUPERSEDED}*",
    f"samples_iter_*.gif{snapshot_files.SUPERSEDED}*",
    "losses.png",
    "log",
    rollbacks.NOTE,
)
"""What a run writes into its folder, beside its settings."""


_BEGIN_ANEW = f"the run there ended before its first snapshot; begin it anew with --force, or with --resume {AUTO}"


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        model: name of a model's settings, or None.
        dataset_type: name of a dataset's settings, or None.
        file: a YAML file of settings, or None.
        settings: values by dotted name.
        resume: a snapshot to go on from, :data:`NEWEST`, :data:`AUTO` or None.
        force: replace the results of an earlier run of the same name.
        weights: a snapshot whose networks a new run starts from, or None.
        deadline: when, on the monotonic clock, the run must be over; None for no limit.
    """

    model: str | None
    dataset_type: str | None
    file: str | None
    settings: dict[str, Any]
    resume: str | None
    force: bool
    weights: str | None = None
    deadline: float | None = None


def train(request: Request, say: Say) -> None:
    """Run a training to its end, or to where it is asked to stop.

    Raises:
        MocoganError: settings, data, snapshot and machine do not go together, and nothing was trained; or something
            could not be written.
        Stopped: a signal ended the run, which is saved.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(extensions.sigterm_raises())
        own = _Ownership(held)
        sought, forced, auto = _sought(request), request.force, request.resume == AUTO
        if sought is not None and sought.is_dir():
            own(sought)
        request = _choose_snapshot(request, sought, say)
        config, snapshot, weights = _settle(request, say)
        _check_before_work(config, weights)
        out = Path(config["out"]) / builder.run_name(config)
        if out.is_dir():
            own(out)  # first: what is wrong with a folder where a run is on is that it is on
        _check_free(out, request)
        if snapshot is None:
            built_in_data.prepare(config, say)
        dataset = _open_dataset(config, snapshot)
        build = partial(builder.build_trainer, config, dataset, weights=weights)
        resumed = None if snapshot is not None and snapshot_files.is_one_of(out, snapshot) else snapshot
        run = rollbacks.Run(build, config, resumed, request.deadline, say)
        if own(out):
            _check_free(out, request)  # another may have been here meanwhile
        own(builder.tensorboard_folder(config))
        if snapshot is not None and not _go_on(run.trainer, snapshot, auto, say):
            return
        goes_on = _goes_on_in(out, request) or (auto and snapshot is None and not forced)
        note = rollbacks.read_note(out) if goes_on else None
        _clear(out, request, config, snapshot, say)
        resumed = snapshot = None  # it takes as much memory as the networks and their optimizers
        run.take_up(note)
        with atomic_write(out / CONFIG) as file:
            file.write(configuration.dump(config).encode())
        used = len(dataset) - getattr(run.trainer.updater.get_iterator("main"), "skipped", 0)
        say(f"training {config['model_name']} on {used} videos of {config['dataset']}; results in {out}")
        _run(run, out, say)


def _run(run: rollbacks.Run, out: Path, say: Say) -> None:
    try:
        with extensions.signals_heard(run.ask):
            run.to_end()
    except OutputError as error:
        raise OutputError(f"{error}; {_left(out)}") from error
    iteration, reason = run.trainer.updater.iteration, run.stopped_by
    if reason is None:
        say(f"done after {iteration} iterations: {out / LATEST}")
        return
    saved = f"iteration {iteration} is saved in {snapshot_files.place(out, iteration)}, and the same command with "
    saved += "--resume goes on from there"
    if isinstance(reason, signal.Signals):
        raise Stopped(f"stopped by {reason.name}: {saved}", 128 + reason)
    say(f"the time is over: {saved}")


def _left(out: Path) -> str:
    """Say what a run that cannot write leaves to go on from."""
    numbers = list(snapshot_files.found(out))
    if not numbers:
        return "there is no snapshot yet"
    return f"{snapshot_files.place(out, numbers[-1]).name} is whole, and the same command with --resume goes on from it"


def rehearse(request: Request, say: Say) -> None:
    """Say what the run would be, without doing it.

    All is checked that :func:`train` would check, but for an earlier run of the same name.

    Raises:
        MocoganError: as :func:`train`.
    """
    config, snapshot, weights = _settle(_choose_snapshot(request, _sought(request), say, rehearsed=True), say)
    _check_before_work(config, weights)
    if snapshot is None and built_in_data.is_missing(config):
        say(f"no data at {built_in_data.PLACE} yet: training would prepare the built-in shape-motion set there")
        data = built_in_data.describe(config)
        family = builder.build_family(config, data, say, weights)
    else:
        dataset = _open_dataset(config, snapshot)
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


def _sought(request: Request) -> Path | None:
    """Return the folder whose newest snapshot is asked for; None where a snapshot is named, or none."""
    if request.resume not in (NEWEST, AUTO):
        return None
    names = {name: value for name, value in request.settings.items() if name in ("out", "save_name")}
    model = request.model
    if model is None and request.weights is not None:
        model = builder.load_snapshot(request.weights)[1]["model_name"]
    config = configuration.resolve(model, request.dataset_type, request.file, names)
    return Path(config["out"]) / builder.run_name(config)


def _choose_snapshot(request: Request, folder: Path | None, say: Say, rehearsed: bool = False) -> Request:
    """Name the snapshot that the newest one is, or ask for a new run where that is wanted and there is none.

    Damaged ones that are newer are set aside, unless the run is only rehearsed.
    """
    if folder is None:
        return request
    snapshot, damaged = snapshot_files.newest(folder)
    if snapshot is not None:
        for path, why in damaged:
            aside = f"{'to be ' if rehearsed else ''}set aside as {path.name}{snapshot_files.DAMAGED}"
            say(f"{path}: {why.partition(';')[0]}; {aside}, and {Path(snapshot.path).name} before it is used")
        if damaged and not rehearsed:
            snapshot_files.set_aside([path for path, _ in damaged], snapshot_files.DAMAGED)
            snapshot_files.point_latest(Path(snapshot.path))
        place = {"out": str(folder.parent), "save_name": folder.name}  # wherever it was when the snapshot was made
        weights = None if request.resume == AUTO else request.weights  # what the run began from, given once more
        note, path = rollbacks.read_note(folder), Path(snapshot.path)
        if rollbacks.unfinished(note, snapshot) and snapshot_files.place(folder, note.iteration).exists():
            path = snapshot_files.place(folder, note.iteration)
        return replace(request, resume=str(path), settings=request.settings | place, weights=weights)
    if damaged:
        path, why = damaged[0]
        why = why.partition(";")[0]
        raise SnapshotError(f"{folder}: none of its snapshots is whole: {path.name}: {why}; begin anew with --force")
    begun = (folder / CONFIG).exists()
    if request.resume == AUTO:
        if begun:
            say(f"{folder}: the run ended before its first snapshot: beginning anew")
        return replace(request, resume=None, force=request.force or begun)
    way_out = _BEGIN_ANEW if begun else _way_out(folder)
    raise SnapshotError(f"{folder}: no snapshot to go on from; {way_out}")


def _way_out(folder: Path) -> str:
    """Say what to do where a run that is to go on has no snapshot."""
    others = sorted({path.parent.name for path in folder.parent.glob(f"*/{LATEST}")} - {folder.name})
    if others:
        return f"{folder.parent} has snapshots of {', '.join(others)}: name the run by --model or --save_name"
    return f"begin a run without --resume, or let --resume {AUTO} begin it where there is none"


def _settle(request: Request, say: Say) -> tuple[Config, checkpoint.Snapshot | None, checkpoint.Snapshot | None]:
    """Stack the settings, upon those of a snapshot where there is one.

    Returns:
        The config, the snapshot that is resumed, and the one whose weights a new run starts from.
    """
    stack = {"dataset_type": request.dataset_type, "file": request.file, "settings": request.settings}
    if request.weights is not None:
        if request.resume is not None:
            raise ConfigError("--resume, --resume-weights: the one goes on with a run, the other starts one; choose")
        return _settle_upon_weights(request.weights, request.model, stack)
    if request.resume is None:
        return _settle_anew(request.model, stack, say), None, None
    snapshot, stored = builder.load_snapshot(request.resume)
    if not snapshot.has("updater/iterator:main"):
        raise ConfigError(
            f"--resume {snapshot.path}: it holds networks and no run; start one from them with --resume-weights"
        )
    if request.model not in (None, stored["model_name"]):
        raise ConfigError(f"--model {request.model}: {snapshot.path} holds {stored['model_name']}; leave --model away")
    config = configuration.restore(snapshot.config, **stack)
    for name in configuration.differences(stored, config):
        if name.split(".")[0] in FIXED:
            wanted, kept = (configuration.value(of, name) for of in (config, stored))
            raise ConfigError(f"{name}={wanted}: a resumed run keeps its {kept}; to change it start a new run")
    return config, snapshot, None


def _settle_anew(model: str | None, stack: dict[str, Any], say: Say) -> Config:
    """Stack the settings of a new run, upon those that suit its data."""
    config = configuration.resolve(model, **stack)
    dataset = built_in_data.chosen(config["dataset"])
    kind = kind_of(dataset)
    suited = configuration.resolve(model, **stack, kind=kind)
    if changed := configuration.differences(config, suited):
        values = ", ".join(f"{name}={configuration.value(suited, name)}" for name in changed)
        say(f"{dataset} was prepared as {kind}: {values} (configs/dataset/{kind}.yml)")
    return suited | {"dataset": dataset}


def _settle_upon_weights(
    path: str, model: str | None, stack: dict[str, Any]
) -> tuple[Config, None, checkpoint.Snapshot]:
    """Stack the settings upon those that the weights depend on, where they are not their model's defaults."""
    weights, stored = builder.load_snapshot(path)
    changed = configuration.differences(configuration.resolve(stored["model_name"]), stored)
    kept = {name: configuration.value(stored, name) for name in changed if name.split(".")[0] in OF_WEIGHTS}
    if model is not None and configuration.resolve(model)["family"] != stored["family"]:
        raise ConfigError(
            f"--model {model}: {path} holds {stored['model_name']} of the family {stored['family']}; leave "
            f"--model away, or name one of that family"
        )
    base = configuration.resolve(model or stored["model_name"], settings=kept)
    config = configuration.restore(configuration.dump(base), **stack)
    config["dataset"] = built_in_data.chosen(config["dataset"])
    if config["size"] is None and built_in_data.is_missing(config):
        config["size"] = builder.stored_description(weights).size
    return config, None, weights


def _check_before_work(config: Config, weights: checkpoint.Snapshot | None) -> None:
    """Check all that can be checked without the data, before anything is made."""
    builder.check(config)
    builder.choose_backend(config)
    if built_in_data.is_missing(config):
        builder.build_family(config, built_in_data.describe(config), lambda line: None, weights)


class _Ownership:
    """Keeps folders for this run alone, as long as ``held`` is held."""

    def __init__(self, held: contextlib.ExitStack):
        self._held, self._folders = held, list[Path]()

    def __call__(self, folder: Path) -> bool:
        """Own a folder, made where it is missing; return whether it was not owned before."""
        if any(folder.exists() and folder.samefile(other) for other in self._folders):
            return False
        self._held.enter_context(owned(folder, "wait for it, or choose another --save_name"))
        self._folders.append(folder)
        return True


def _go_on(trainer: Trainer, snapshot: checkpoint.Snapshot, auto: bool, say: Say) -> bool:
    """Put the trainer where the snapshot is; return whether anything is left to do."""
    if builder.resume(trainer, snapshot):
        say(f"going on from {snapshot.path} at iteration {snapshot.iteration}")
        return True
    end = (
        f"{snapshot.path}: the run is at its end (iteration {snapshot.iteration}); to go on, raise --max_iteration or "
        "--max_epoch"
    )
    if not auto:
        raise SnapshotError(end)
    say(end)  # no mistake where a scheduler gives the same command again and again
    return False


def _clear(out: Path, request: Request, config: Config, snapshot: checkpoint.Snapshot | None, say: Say) -> None:
    """Make room: remove what is to be replaced and what a killed run left, set aside what will be made anew."""
    for pattern in (*RESULTS, CONFIG):
        remove_leftovers(out, pattern)
    remove_leftovers(builder.tensorboard_folder(config), EVENTS)
    if not _goes_on_in(out, request):
        if request.force:
            _remove_results(out, builder.tensorboard_folder(config))
        return
    if later := snapshot_files.go_back(Path(snapshot.path).resolve(), snapshot.iteration):
        say(f"{', '.join(path.name for path in reversed(later))}: set aside as *{snapshot_files.SUPERSEDED}")


def _check_free(out: Path, request: Request) -> None:
    """Refuse to mix a run with an earlier one of the same name, or to lose the weights that it starts from."""
    if request.weights is not None and Path(request.weights).resolve().parent == out.resolve():
        raise OutputError(f"{out}: the weights are in this folder; choose another --save_name")
    if not (out / CONFIG).exists() or request.force or _goes_on_in(out, request):
        return
    if not snapshot_files.found(out) and not (out / LATEST).exists():
        raise OutputError(f"{out}: {_BEGIN_ANEW}")
    raise OutputError(
        f"{out}: it holds an earlier run; go on with --resume, choose another --save_name, or replace it with --force"
    )


def _goes_on_in(out: Path, request: Request) -> bool:
    """Whether the run is resumed in the folder of its own snapshot."""
    return request.resume is not None and Path(request.resume).resolve().parent == out.resolve()


def _remove_results(out: Path, tensorboard: Path) -> None:
    """Remove what runs write, and nothing else."""
    results = [*(path for pattern in RESULTS for path in out.glob(pattern)), *tensorboard.glob(EVENTS)]
    for path in results:
        if path.is_dir() and not path.is_symlink():
            raise OutputError(f"{path}: a folder stands where a run writes a file; remove it")
    for path in results:
        with explained(path):
            path.unlink()


def _open_dataset(config: Config, snapshot: checkpoint.Snapshot | None) -> PreparedDataset:
    """Open the dataset, check its frames, and for a resumed run that it is the same one."""
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
