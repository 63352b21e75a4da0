"""From a config to a trainer, and from a snapshot to a sampler: the one place where all parts meet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import chainer
import numpy as np
from chainer import training

from mocogan_chainer import backends, checkpoint, compat, extensions, models, seeding, snapshot_files
from mocogan_chainer import config as configuration
from mocogan_chainer.backends import cudnn
from mocogan_chainer.config import Config
from mocogan_chainer.datasets import layout, resident
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.first_frames import first_clips, first_frames
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import (
    ConfigError,
    DeviceError,
    MocoganError,
    ShortageError,
    SnapshotError,
    require_one_of,
    require_range,
)
from mocogan_chainer.files import ensure_writable, mebibytes
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.links.initialization import TooManyNumbersError, at_most
from mocogan_chainer.models.family import Family
from mocogan_chainer.models.updater import GANUpdater
from mocogan_chainer.optimizer import Adam
from mocogan_chainer.sampling import Animator, Forecaster, Sampler, random_videos
from mocogan_chainer.shortage import asking

_WIDTHS = tuple(
    f"model.{name}"
    for name in ("n_filters_gen", "n_filters_enc", "n_filters_idis", "n_filters_vdis", "ch_g", "ch_d", "ngf", "ndf")
)
_BATCH = ("batchsize", "image_batchsize", "video_length", "model.train_imagenum")
_SMALLER = {
    "networks": _WIDTHS,
    "batch": _BATCH,
    "step": (*_BATCH, *_WIDTHS),
    "preview": ("num_gen_samples", "video_length"),
}
"""By what ran out of memory: the settings that make it smaller when they are lowered."""

ON_NAN = ("stop", "rollback")
"""What may be done when training's numbers are not finite."""

_LARGE = 10**9
_GROWTH, _ALWAYS_ALLOWED = 8, 1 << 26
"""How many numbers networks may have that a snapshot describes: so many times its own, which may be the generator's
alone, and so many more."""
_RANGES = {
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


def check(config: Config) -> None:
    """Check the values that every model has.

    Raises:
        ConfigError: one of them is out of range.
    """
    _check_ranges(config)
    require_one_of("on_nan", config["on_nan"], ON_NAN)
    require_one_of("split", config["split"], layout.PARTS)
    for name in ("capture", "data_on_gpu"):
        require_one_of(name, config[name], ("auto", "always", "never"))
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


def _check_ranges(config: Config) -> None:
    for name, (low, high) in _RANGES.items():
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


def choose_device(gpu: int) -> chainer.backend.Device:
    """Return the device of number ``gpu``, or the CPU for -1.

    Raises:
        DeviceError: this machine has no such device.
    """
    if gpu < 0:
        return chainer.get_device("@numpy")
    count = compat.device_count()
    if gpu >= count:
        why = f"this machine has {count}, counted from 0" if count else compat.device_problem()
        how = "use --gpu -1 for the CPU" if count else "use --gpu -1 for the CPU (doc/gpu.md says what a GPU needs)"
        raise DeviceError(f"gpu={gpu}: no such device: {why}; {how}")
    device = chainer.get_device(f"@cupy:{gpu}")
    device.use()
    return device


def choose_backend(config: Config) -> tuple[chainer.backend.Device, str]:
    """Return the config's device and who computes on it, in words.

    Raises:
        DeviceError: the device or the backend is not on this machine.
    """
    device = choose_device(config["gpu"])
    return device, backends.use(config["backend"], config["gpu"] >= 0, config["precision"])


def open_dataset(config: Config) -> PreparedDataset:
    """Open the config's dataset.

    Raises:
        DataError: it is missing or broken, or none of its videos is of the config's split.
        ConfigError: its frames are not of the size that the config asks for.
    """
    dataset = PreparedDataset.open(config["dataset"], config["split"])
    if config["size"] not in (None, dataset.size):
        raise ConfigError(
            f"size={config['size']}: the frames of {config['dataset']} are {dataset.size} pixels; leave size unset or "
            f"prepare the data again with --size {config['size']}"
        )
    return dataset


def describe(dataset: PreparedDataset) -> DataDescription:
    """Return what models need to know of a dataset."""
    return DataDescription(
        name=dataset.name,
        size=dataset.size,
        channels=3,
        class_names=tuple(dataset.class_names),
        unlabelled=int((dataset.labels < 0).sum()) if dataset.class_names else 0,
        fingerprint=dataset.fingerprint(),
        masks=dataset.has_masks,
    )


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


def build_iterators(
    config: Config, family: Family, dataset: PreparedDataset, say: Callable[[str], None]
) -> dict[str, chainer.dataset.Iterator]:
    """Build the family's iterators and say once how many videos are too short for a clip.

    Raises:
        DataError: all of them are.
    """
    iterators = family.iterators(dataset, _streams(config))
    skipped = max(getattr(iterator, "skipped", 0) for iterator in iterators.values())
    if skipped:
        say(f"{skipped} of {len(dataset)} videos are too short for a clip and are left out")
    for remark in getattr(iterators["main"], "remarks", []):
        say(remark)
    for label in getattr(iterators["main"], "missing_labels", []):
        say(f"no video of the class {dataset.class_names[label]} is long enough for a clip")
    return iterators


@asking("networks", "the networks and their optimizers")
def build_trainer(
    config: Config,
    dataset: PreparedDataset,
    say: Callable[[str], None],
    weights: checkpoint.Snapshot | None = None,
) -> training.Trainer:
    """Build networks, optimizers, iterators, updater and extensions.

    Args:
        config: the resolved config.
        dataset: its data.
        say: takes lines for the user.
        weights: a snapshot whose networks the run starts from.

    Raises:
        MocoganError: the config, the data and this machine do not go together.
    """
    device, computing = choose_backend(config)
    data = describe(dataset)
    family = build_family(config, data, say, weights)
    say(f"computing on {'the CPU' if config['gpu'] < 0 else device} with the backend {computing}")
    for network in family.networks.values():
        network.to_device(device)
    averaged = family.networks[family.averaged]
    ema = ExponentialMovingAverage(averaged, config["ema_decay"]) if config["ema_decay"] else None
    if ema and weights is not None and weights.has(_average(family)):
        weights.restore(ema.average, _average(family))
        weights.restore(ema, "updater/ema")  # the number of its updates: it is not to be forgotten like a random start

    iterators = build_iterators(config, family, dataset, say)
    updater = family.updater(
        iterators=iterators,
        optimizers={name: make_optimizer(config["optimizer"], net) for name, net in family.networks.items()},
        device=device,
        stream=_streams(config),
        ema=ema,
    )
    if config["gpu"] >= 0 and isinstance(updater, GANUpdater):
        _keep_data_on_gpu(updater, iterators.values(), config["data_on_gpu"], dataset, device, say)
        _record(updater, config["capture"], say)
    out = ensure_writable(Path(config["out"]) / run_name(config))
    sampler = family.sampler(ema.average if ema else averaged)
    board = extensions.TensorBoard(ensure_writable(tensorboard_folder(config)), config["fps"])
    snapshot = extensions.Snapshot(
        configuration.dump(config),
        data.to_dict(),
        first=board.sync,
        size=summarize(config, family).snapshot,
        keep_last=config["keep_last"],
        keep_every=config["keep_every"],
    )
    by_codes = not isinstance(sampler, (Animator, Forecaster))
    watch = extensions.Watch(family.averaged, averaged, board.add_scalar, by_codes) if config["warn"] else None
    stop = extensions.StopTrigger(config["max_iteration"], config["max_epoch"])
    early = extensions.EarlyStop(stop, lambda: snapshot.seconds)
    trainer = training.Trainer(updater, extensions.AnyOf(stop, early.stopping), out=str(out))
    _extend(trainer, config, stop, early, board, watch, snapshot, _preview(sampler, config))
    return trainer


def tensorboard_folder(config: Config) -> Path:
    """Return the folder of the run's event files."""
    return Path(config["tensorboard"]) / run_name(config)


def _keep_data_on_gpu(
    updater: GANUpdater,
    iterators: Iterable[chainer.dataset.Iterator],
    wish: str,
    dataset: PreparedDataset,
    device: chainer.backend.Device,
    say: Callable[[str], None],
) -> None:
    """Copy the frames to the GPU where the iterators can point into them and there is room."""
    if wish == "never":
        return
    problem, needed = None, resident.size(dataset)
    if not all(hasattr(iterator, "next_places") for iterator in iterators):
        problem = "this model's frames are cut and scaled on the CPU"
    elif needed > (room := cudnn.free_memory() // 2):
        problem = f"the frames take {mebibytes(needed)}, and half of the free memory is {mebibytes(room)}"
    if problem is None:
        try:
            with asking("batch", "the frames"):
                updater.resident = resident.ResidentFrames(dataset, device)
        except ShortageError as error:
            problem = str(error)
    if problem is None:
        say(f"the data is on the GPU: {mebibytes(needed)}")
    elif wish == "always":
        raise DeviceError(f"data_on_gpu=always: {problem}; use data_on_gpu=auto")
    else:
        say(f"the data stays on the CPU: {problem}")


def _record(updater: GANUpdater, wish: str, say: Callable[[str], None]) -> None:
    """Let the step be recorded where the backend can."""

    def refused(why: str) -> None:
        if wish == "always":
            raise DeviceError(f"capture=always: the step cannot be recorded: {why}; use capture=auto")
        say(f"the step is not recorded: {why}")

    if wish == "never":
        return
    if backends.current().name != "cudnn":
        refused(f"the backend {backends.current().name} calls what CUDA graphs cannot hold")
    else:
        updater.record(cudnn.recorder(), refused)


def resume(trainer: training.Trainer, snapshot: checkpoint.Snapshot) -> bool:
    """Put a trainer where the snapshot was taken.

    Returns:
        Whether anything is left to do. A run at its end may still lack the pictures of its last iteration, where it
        was killed after the snapshot, which then is one of its folder.

    Raises:
        SnapshotError: the snapshot does not fit the trainer.
    """
    snapshot.restore(trainer)
    out = Path(trainer.out)
    if not trainer.stop_trigger(trainer):
        return True
    return snapshot_files.is_one_of(out, snapshot) and not snapshot_files.pictures(out, snapshot.iteration).exists()


@contextlib.contextmanager
def shortage_explained(config: Config) -> Iterator[None]:
    """Let an error of memory that ran out say which settings ask for less, and what they are."""
    try:
        yield
    except ShortageError as error:
        values = {name: configuration.value(config, name) for name in _SMALLER[error.kind]}
        lower = ", ".join(f"{name}={value}" for name, value in values.items() if value is not None and value > 1)
        frames = "" if error.kind == "networks" else ", or prepare smaller frames (preprocess.py --size)"
        raise MocoganError(f"{error}; lower {lower}{frames}; train.py --dry-run estimates what a step takes") from error


def forget_points(config: Config) -> None:
    """Remove what a run that goes back to its start has reported to TensorBoard."""
    extensions.cut(tensorboard_folder(config), 0)


def renew_noise(trainer: training.Trainer, config: Config, rollbacks: int) -> None:
    """Let a trainer that went back, for the n-th time, draw from streams of which nobody drew before."""
    trainer.updater.renew_noise(rollbacks, lambda name: seeding.stream(config["seed"], "rollback", rollbacks, name))


def build_family(
    config: Config,
    data: DataDescription,
    say: Callable[[str], None],
    weights: checkpoint.Snapshot | None = None,
) -> Family:
    """Build the config's family for a new run.

    Args:
        config: the resolved config.
        data: the data's description.
        say: takes lines for the user.
        weights: a run's snapshot or an imported one, whose weights the networks get; one that it lacks stays random.

    Raises:
        ConfigError: the config, the data and the weights do not go together.
        SnapshotError: the snapshot is damaged.
    """
    if weights is None:
        return models.build(config, data)
    stored = stored_description(weights)
    if stored.size != data.size and not models.scales_frames(config["family"]):
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
    say: Callable[[str], None],
) -> None:
    held = [name for name in family.networks if snapshot.has(_model(name))]
    for name in held:
        try:
            snapshot.restore(family.networks[name], _model(name))
        except SnapshotError as error:
            what = str(error).removeprefix(f"{snapshot.path}: trainer/{_model(name)}/").partition(";")[0]
            why = f"it is of {stored.n_classes} classes and {data.name} has {data.n_classes}"
            if stored.n_classes == data.n_classes:
                why = "leave --model and model settings away to have the snapshot's"
            raise ConfigError(
                f"--resume-weights {snapshot.path}: its {name} does not fit this run's: {what}; {why}"
            ) from error
    if not held:
        raise ConfigError(f"--resume-weights {snapshot.path}: it has none of {', '.join(family.networks)}")
    say(f"weights of {', '.join(held)} from {snapshot.path}")
    if fresh := [name for name in family.networks if name not in held]:
        say(f"{snapshot.path} has no {', '.join(fresh)}: made anew")
    categories = getattr(family.sampler(family.networks[family.averaged]), "class_names", ())  # an animator has none
    if categories and stored.class_names and stored.class_names != categories:
        say(f"its categories were {', '.join(stored.class_names)} and are now {', '.join(categories)}")


def load_networks(path: str | os.PathLike, raw: bool = False) -> tuple[dict[str, chainer.Chain], Config]:
    """Rebuild the networks that a snapshot has, on the CPU, and return them and its config.

    Args:
        path: the snapshot.
        raw: take the generator as trained, where there is a moving average too.

    Raises:
        SnapshotError: the snapshot cannot be used.
    """
    snapshot, config = load_snapshot(path)
    family = _family_of(snapshot, config)
    places = {name: _model(name) for name in family.networks}
    if not raw and snapshot.has(_average(family)):
        places[family.averaged] = _average(family)
    networks = {n: net for n, net in family.networks.items() if n == family.averaged or snapshot.has(places[n])}
    for name, network in networks.items():
        snapshot.restore(network, places[name])
    return networks, config


def _family_of(snapshot: checkpoint.Snapshot, config: Config) -> Family:
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


def _model(name: str) -> str:
    """Where a snapshot has a network."""
    return f"updater/model:{name}"


def _average(family: Family) -> str:
    """Where a snapshot has the moving average, if there is one."""
    return f"updater/average:{family.averaged}"


def load_snapshot(path: str | os.PathLike) -> tuple[checkpoint.Snapshot, Config]:
    """Read a snapshot and its config.

    Raises:
        SnapshotError: see :func:`mocogan_chainer.checkpoint.load`.
    """
    snapshot = checkpoint.load(path)
    try:
        config = configuration.restore(snapshot.config)
        _check_ranges(config)
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
        SnapshotError: the snapshot cannot be used.
        DeviceError: no such device.
    """
    snapshot, config = load_snapshot(path)
    return _restore_sampler(snapshot, config, gpu), config


def _restore_sampler(snapshot: checkpoint.Snapshot, config: Config, gpu: int = -1) -> Sampler | Animator | Forecaster:
    require_range("gpu", gpu, *_RANGES["gpu"])
    device = choose_device(gpu)
    # The snapshot's backend may be absent here, and it changes nothing; float32 gives the same videos everywhere.
    backends.use("auto", gpu >= 0, "float32")
    family = _family_of(snapshot, config)
    network = family.networks[family.averaged]
    snapshot.restore(network, _average(family) if snapshot.has(_average(family)) else _model(family.averaged))
    network.to_device(device)
    return family.sampler(network)


def _streams(config: Config) -> Callable[[str], np.random.Generator]:
    """Return what gives each consumer of the run its random stream."""
    return lambda name: seeding.stream(config["seed"], "training", name)


def make_optimizer(settings: Mapping[str, float], network: chainer.Chain) -> chainer.Optimizer:
    """Build the optimizer of a network from the config's ``optimizer``."""
    optimizer = Adam(settings["alpha"], settings["beta1"], settings["beta2"], settings["weight_decay"])
    optimizer.setup(network)
    return optimizer


def _preview(sampler: Sampler | Animator | Forecaster, config: Config) -> Callable[[], np.ndarray]:
    """Return what makes the videos that show how far training is, uint8 (N, T, H, W, 3): the same ones each time.

    A forecaster's show the truth on the left, and on the right what was given of it and the mean future.
    """
    count, length, seed = config["num_gen_samples"], config["video_length"], config["seed"]
    if isinstance(sampler, Animator):
        photos = first_frames(config["dataset"], count, sampler.size)
        return partial(sampler.animate, photos, np.linspace(0, 1, length))
    if isinstance(sampler, Forecaster):
        every_nth = config["every_nth"]
        clips = first_clips(config["dataset"], count, range(0, length * every_nth, every_nth), sampler.size)
        return lambda: np.concatenate([clips, [_continued(sampler, clip) for clip in clips]], axis=3)
    return lambda: np.stack([v for _, _, v in random_videos(sampler, count, length, seed, batchsize=8)])


def _continued(forecaster: Forecaster, clip: np.ndarray) -> np.ndarray:
    """Return a clip's first frames and their mean future, as long as the clip (T, H, W, 3)."""
    given = clip[: forecaster.most_context]
    return np.concatenate([given, forecaster.forecast(given, len(clip) - len(given), [None])[0]])


def _extend(
    trainer: training.Trainer,
    config: Config,
    stop: extensions.StopTrigger,
    early: extensions.EarlyStop,
    board: extensions.TensorBoard,
    watch: extensions.Watch | None,
    snapshot: extensions.Snapshot,
    preview: Callable[[], np.ndarray],
) -> None:
    """Attach what watches and saves the run.

    What a snapshot takes for written comes before it, pictures after it, so that a failing one costs nothing. A run
    that is stopped early is saved there, and nothing else: the resumed run's rows are those of an uninterrupted one.
    """
    interval = extensions.IntervalAndLast
    display, at_snapshots = interval(config["display_interval"], stop), interval(config["snapshot_interval"], stop)
    saving = extensions.AnyOf(at_snapshots, early.stopping)
    grid = extensions.VideoGrid(preview, config["fps"], board.add_video, *([watch.look] if watch else []))
    trainer.extend(early, trigger=interval(1, stop))  # Chainer's own trigger would be part of a snapshot
    if part := config["optimizer"]["decay_part"]:
        trainer.extend(extensions.LinearDecay(stop, part), trigger=interval(1, stop))
    points = interval(config["log_tensorboard_interval"], stop)
    trainer.extend(extensions.HealthCheck(saving), trigger=extensions.AnyOf(display, points, saving))
    if watch is not None:
        trainer.extend(watch, trigger=interval(1, stop))
    trainer.extend(extensions.LogReport(display))
    trainer.extend(extensions.LossTable(), trigger=display)
    trainer.extend(extensions.Progress(stop))
    trainer.extend(board, trigger=points)
    trainer.extend(snapshot, trigger=saving)
    trainer.extend(extensions.Redone(extensions.LossPlot(), at_snapshots), trigger=at_snapshots)
    trainer.extend(extensions.Redone(grid, at_snapshots), trigger=at_snapshots)
