"""Our side: one MoCoGAN training step, or the making of videos, timed on the CPU.

    python -m benchmarks.ours --infogan --batch 8
    python -m benchmarks.ours --sample 256 --batch 16

The networks, optimizers and updater are those of train.py, without the generator's moving average, which the peer does
not have. Real data are one fixed batch of noise, uint8 as training reads it, in memory. Prints one JSON line: median,
min and max seconds per step (or per N videos), the losses of the last step, the process's peak memory and the
arithmetic of the convolutions.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

if __name__ == "__main__":  # the benchmark's environment has PyTorch, and tensorboardX would load it into our process
    sys.modules["torch"] = None

import mocogan_chainer  # isort: skip  (first, because it makes chainer importable)

import chainer
import numpy as np

from benchmarks.convolutions import ConvolutionRecorder
from benchmarks.timing import timed
from mocogan_chainer import builder, config, models, sampling, seeding
from mocogan_chainer.cli import entry
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import require_range
from mocogan_chainer.models.family import Family

FRAMES, SIZE, N_CLASSES = 16, 64, 6
WARM_UPS = 2  # the first run is the one recorded; what is compiled or chosen at a first use is ready after it
GIGA = 1e9


class FixedBatch(chainer.dataset.Iterator):
    """Always the same labelled videos or, with ``images``, one random frame of each."""

    epoch, is_new_epoch = 0, False

    def __init__(self, videos: np.ndarray, labels: np.ndarray, images: bool, rng: np.random.Generator):
        self.batch_size = len(videos)
        self._videos, self._labels, self._images, self._rng = videos, labels, images, rng

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        if self._images:
            return self._videos[:, self._rng.integers(self._videos.shape[1])], self._labels
        return self._videos, self._labels


def resolve(*, batch: int, filters: int, infogan: bool = True, dtype: str = "float32", backend: str = "auto") -> Config:
    """Return the config of the published model with these sizes.

    Raises:
        ConfigError: a value is out of range, or this version cannot compute in ``dtype``.
    """
    settings: dict[str, Any] = {
        "batchsize": batch,
        "video_length": FRAMES,
        "ema_decay": 0,
        "backend": backend,
        "model.n_categories": N_CLASSES,
        **{f"model.n_filters_{network}": filters for network in ("gen", "idis", "vdis")},
    }
    if dtype != "float32":
        settings["precision"] = "bf16"
    resolved = config.resolve("infogan" if infogan else "normal", settings=settings)
    builder.check(resolved)
    return resolved


def build(resolved: Config) -> tuple[Family, str]:
    """Choose the backend; return the networks, ready to run, and its name, in words."""
    device, computing = builder.choose_backend(resolved)
    names = tuple(f"class {number}" for number in range(N_CLASSES))
    family = models.build(resolved, DataDescription("noise", SIZE, 3, names))
    for network in family.networks.values():
        network.to_device(device)
    return family, computing


def training_step(resolved: Config, family: Family) -> Callable[[], list[float]]:
    """Return what makes one step and returns the losses of image discriminator, video discriminator and generator."""
    rng = seeding.stream(0, "benchmark")
    videos = rng.integers(256, size=(resolved["batchsize"], FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(N_CLASSES, size=len(videos), dtype=np.int32)
    updater = family.updater(
        iterators={"main": FixedBatch(videos, labels, False, rng), "image": FixedBatch(videos, labels, True, rng)},
        optimizers={n: builder.make_optimizer(resolved["optimizer"], net) for n, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=None,
    )
    reporter = chainer.Reporter()
    for name, network in family.networks.items():
        reporter.add_observer(name, network)

    def step() -> list[float]:
        observation: dict[str, Any] = {}
        with reporter.scope(observation):
            updater.update()
        return [float(observation[f"{n}/loss"]) for n in ("image_discriminator", "video_discriminator", "generator")]

    return step


def sampling_work(family: Family, count: int, batch: int) -> Callable[[], list[float]]:
    """Return what makes ``count`` uint8 videos, ``batch`` at a time, and drops them."""
    sampler = family.sampler(family.networks[family.averaged])

    def sample() -> list[float]:
        for _ in sampling.random_videos(sampler, count, FRAMES, seed=0, batchsize=batch):
            pass
        return []

    return sample


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = entry.Parser("ours.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="videos per step, or videos sampled at a time")
    parser.add_argument("--filters", type=int, default=64, help="width of all three networks")
    parser.add_argument("--steps", type=int, default=5, help="how often to time")
    parser.add_argument("--infogan", action="store_true", help="infogan instead of normal")
    parser.add_argument("--sample", type=int, metavar="N", help="time making N videos instead of a step")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the convolutions")
    parser.add_argument("--backend", default="auto", help="what computes convolutions")
    parsed = parser.parse_args(arguments)
    require_range("--steps", parsed.steps, 1)
    if parsed.sample is not None:
        require_range("--sample", parsed.sample, 1)
    return parsed


def measure(a: argparse.Namespace) -> dict[str, Any]:
    """Do the work and return what the JSON line says."""
    resolved = resolve(batch=a.batch, filters=a.filters, infogan=a.infogan, dtype=a.dtype, backend=a.backend)
    family, computing = build(resolved)
    work = training_step(resolved, family) if a.sample is None else sampling_work(family, a.sample, a.batch)
    networks = family.networks.values() if a.sample is None else [family.networks[family.averaged]]
    return {**vars(a), "backend": computing, "versions": versions(), **recorded_and_timed(work, networks, a.steps)}


def recorded_and_timed(work: Callable[[], list[float]], networks: Iterable[chainer.Link], steps: int) -> dict[str, Any]:
    """Do the work to count its arithmetic and to warm up, then time it; return that part of the JSON line."""
    recorder = ConvolutionRecorder()
    with recorder:
        work()
    flop = recorder.flop(networks)
    for _ in range(WARM_UPS - 1):
        work()
    times, losses = timed(work, steps)
    return {**times, "losses": losses, "conv_gflop": flop / GIGA}


def versions() -> dict[str, str]:
    """Versions of Python and of the distributions that compute, as far as they are installed."""
    found = {"python": platform.python_version(), "mocogan-chainer": mocogan_chainer.__version__}
    for name in ("chainer", "numpy", "onednn-cpu-gomp"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Print the JSON line."""
    print(json.dumps(measure(parse(sys.argv[1:]))))


if __name__ == "__main__":
    sys.exit(entry.run(main))
