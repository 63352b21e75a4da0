"""Our side: one AffineGAN training step, timed on the CPU.

    python -m benchmarks.affinegan --size 128 --patch

As ours.py does for MoCoGAN: the networks, optimizers and updater of train.py on one fixed batch of noise, which no
iterator scales or cuts. Prints the same JSON line; its arithmetic is that of the convolutions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # the benchmark's environment has PyTorch, and nothing here should load it
    sys.modules["torch"] = None

from benchmarks import ours  # isort: skip  (first, because it makes chainer importable)

import chainer
import numpy as np

from mocogan_chainer import builder, config, models, seeding
from mocogan_chainer.cli import entry
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import require_range
from mocogan_chainer.models.family import Family

FRAMES = 5
SIZES = (64, 128, 256)


def resolve(a: argparse.Namespace) -> Config:
    """Return the config of the published model with these sizes.

    Raises:
        ConfigError: a value is out of range.
    """
    settings = {
        "batchsize": a.batch,
        "ema_decay": 0,
        "backend": a.backend,
        "model.generator": f"unet_{a.size}",
        "model.ngf": a.filters,
        "model.ndf": a.filters,
        "model.patch": a.patch,
        "model.train_imagenum": FRAMES,
    }
    resolved = config.resolve("affinegan", settings=settings)
    builder.check(resolved)
    return resolved


def build(resolved: Config, size: int) -> tuple[Family, str]:
    """Choose the backend; return the networks for frames of ``size`` pixels, ready to run, and its name, in words."""
    device, computing = builder.choose_backend(resolved)
    family = models.build(resolved, DataDescription("noise", size, 3, (), masks=resolved["model"]["patch"]))
    for network in family.networks.values():
        network.to_device(device)
    return family, computing


def training_step(resolved: Config, family: Family, size: int) -> Callable[[], list[float]]:
    """Return what makes one step and returns the losses, in the order of the updates.

    They are those of the discriminators of alphas, images and, if there is one, mouths, and of the generator.
    """
    rng = seeding.stream(0, "benchmark")
    shape = (resolved["batchsize"], 1 + FRAMES, size, size)
    frames = rng.integers(256, size=(*shape, 3), dtype=np.uint8)
    masks = np.zeros(shape, np.uint8)
    masks[:, :, size // 2 : -size // 8, size // 4 : -size // 4] = 255
    updater = family.updater(
        iterators={"main": ours.FixedBatch(frames, masks, False, rng)},
        optimizers={n: builder.make_optimizer(resolved["optimizer"], net) for n, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=None,
    )
    reporter = chainer.Reporter()
    for name, network in family.networks.items():
        reporter.add_observer(name, network)
    order = ("alpha_discriminator", "discriminator", "patch_discriminator", "generator")

    def step() -> list[float]:
        observation: dict[str, Any] = {}
        with reporter.scope(observation):
            updater.update()
        return [float(observation[f"{name}/loss"]) for name in order if name in family.networks]

    return step


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = entry.Parser("affinegan.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, choices=SIZES, default=128, help="of frames; the generator is unet_SIZE")
    parser.add_argument("--patch", action="store_true", help="with the discriminator of the mouth")
    parser.add_argument("--batch", type=int, default=1, help="videos per step")
    parser.add_argument("--filters", type=int, default=64, help="width of the generator and the discriminators")
    parser.add_argument("--steps", type=int, default=5, help="how often to time")
    parser.add_argument("--backend", default="auto", help="what computes convolutions")
    parsed = parser.parse_args(arguments)
    require_range("--steps", parsed.steps, 1)
    return parsed


def measure(a: argparse.Namespace) -> dict[str, Any]:
    """Do the work and return what the JSON line says."""
    resolved = resolve(a)
    family, computing = build(resolved, a.size)
    step = training_step(resolved, family, a.size)
    return {
        **vars(a),
        "backend": computing,
        "versions": ours.versions(),
        **ours.recorded_and_timed(step, family.networks.values(), a.steps),
    }


def main() -> None:
    """Print the JSON line."""
    print(json.dumps(measure(parse(sys.argv[1:]))))


if __name__ == "__main__":
    sys.exit(entry.run(main))
