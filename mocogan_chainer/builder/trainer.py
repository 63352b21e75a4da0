"""A trainer of all parts, and how it goes on from a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from chainer import training

from mocogan_chainer import checkpoint, extensions, seeding, snapshot_files
from mocogan_chainer import config as configuration
from mocogan_chainer.builder.data import build_iterators, describe
from mocogan_chainer.builder.devices import choose_backend, keep_data_on_gpu, record_step
from mocogan_chainer.builder.families import build_family, summarize
from mocogan_chainer.builder.settings import run_name, streams, tensorboard_folder
from mocogan_chainer.builder.snapshots import average_place
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.first_frames import first_clips, first_frames
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.optimizer import Adam
from mocogan_chainer.sampling import Animator, Forecaster, Sampler, random_videos
from mocogan_chainer.shortage import memory_errors_as_shortage
from mocogan_chainer.wording import Say


@memory_errors_as_shortage("networks", "the networks and their optimizers")
def build_trainer(
    config: Config,
    dataset: PreparedDataset,
    say: Say,
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
    if ema and weights is not None and weights.has(average_place(family)):
        weights.restore(ema.average, average_place(family))
        weights.restore(ema, "updater/ema")  # the number of its updates: it is not to be forgotten like a random start

    iterators = build_iterators(config, family, dataset, say)
    updater = family.updater(
        iterators=iterators,
        optimizers={name: make_optimizer(config["optimizer"], net) for name, net in family.networks.items()},
        device=device,
        stream=streams(config),
        ema=ema,
    )
    if config["gpu"] >= 0:
        keep_data_on_gpu(updater, iterators.values(), config["data_on_gpu"], dataset, device, say)
        record_step(updater, config["capture"], say)
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
    trainer.extend(extensions.RequireFinite(saving), trigger=extensions.AnyOf(display, points, saving))
    if watch is not None:
        trainer.extend(watch, trigger=interval(1, stop))
    trainer.extend(extensions.LogReport(display))
    trainer.extend(extensions.LossTable(), trigger=display)
    trainer.extend(extensions.Progress(stop))
    trainer.extend(board, trigger=points)
    trainer.extend(snapshot, trigger=saving)
    trainer.extend(extensions.RepeatOnResume(extensions.LossPlot(), at_snapshots), trigger=at_snapshots)
    trainer.extend(extensions.RepeatOnResume(grid, at_snapshots), trigger=at_snapshots)


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


def limit(config: Config, updater: Any) -> str:
    """Say which of a run's limits is the first that its updater reaches: as a setting and its value."""
    return extensions.StopTrigger(config["max_iteration"], config["max_epoch"]).limit(updater)


def renew_noise(trainer: training.Trainer, config: Config, rollbacks: int) -> None:
    """Let a trainer that went back, for the n-th time, draw from streams of which nobody drew before."""
    trainer.updater.renew_noise(rollbacks, lambda name: seeding.stream(config["seed"], "rollback", rollbacks, name))


def forget_points(config: Config) -> None:
    """Remove what a run that goes back to its start has reported to TensorBoard."""
    extensions.cut(tensorboard_folder(config), 0)
